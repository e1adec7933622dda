"""The one interval of this project: exact, by order statistics, for the median of independent values."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from math import ceil, nan

import numpy as np
from scipy.special import bdtr, bdtrik  # a tenth of the time that importing scipy.stats takes

CONFIDENCE = 0.95
FEWEST = 6  # values that carry a 95% interval for a median


@dataclass(frozen=True)
class Interval:
    """A median with its bounds. `level` is the exact confidence, None where the bounds are only the range seen."""

    estimate: float
    low: float
    high: float
    level: float | None
    n: int

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2

    def __neg__(self) -> "Interval":
        return Interval(-self.estimate, -self.high, -self.low, self.level, self.n)


NONE = Interval(nan, nan, nan, None, 0)


@cache
def rank_and_level(n: int) -> tuple[int, float] | None:
    """Return the rank, from either end, of the interval's bounds among n values, and its exact level.

    The ranks of `scipy.stats.quantile_test(x, p=0.5).confidence_interval(0.95)` (Conover 1999, section 3.2), which
    takes a millisecond and does not tell the level. None where n is too small for 95%.
    """
    rank = binomial_quantile((1 - CONFIDENCE) / 2, n, 0.5)
    if rank < 1:
        return None
    return rank, float(1 - 2 * bdtr(rank - 1, n, 0.5))


def binomial_quantile(q: float, n: int, p: float) -> int:
    """Return the smallest k with P(Binomial(n, p) <= k) >= q, as `scipy.stats.binom.ppf` does."""
    if bdtr(0, n, p) >= q:
        return 0
    k = ceil(float(bdtrik(q, n, p)))
    return k - 1 if bdtr(k - 1, n, p) >= q else k


def median_interval(values: Iterable[float]) -> Interval:
    """Return the median with its exact interval, or with the range of the values where they are fewer than six.

    Values that are not finite are left out; of none, everything is NaN. In the values' own unit. Conover 1999, section
    3.2; docs/measurement.md, "From rounds to numbers".
    """
    ordered = np.sort(np.fromiter(values, np.float64))
    ordered = ordered[np.isfinite(ordered)]
    n = ordered.size
    if n == 0:
        return NONE
    estimate = float(np.median(ordered))
    found = rank_and_level(n)
    if found is None:
        return Interval(estimate, float(ordered[0]), float(ordered[-1]), None, n)
    rank, level = found
    return Interval(estimate, float(ordered[rank - 1]), float(ordered[n - rank]), level, n)


def whole_range(values: Iterable[float]) -> Interval:
    """Return the median with the lowest and the highest value as its bounds: the widest interval order statistics give.

    Its level is 1 - 2^(1 - n), the chance that not all of n values lie on one side of their median; None for less than
    six values, where that is under 95%. Values that are not finite are left out. Conover 1999, section 3.2.
    """
    found = np.fromiter(values, np.float64)
    found = found[np.isfinite(found)]
    if found.size == 0:
        return NONE
    level = 1 - 2.0 ** (1 - found.size) if found.size >= FEWEST else None
    return Interval(float(np.median(found)), float(found.min()), float(found.max()), level, found.size)


def difference(a: Interval, b: Interval) -> Interval:
    """Return a - b of two medians whose values are not paired.

    The bounds hold together with at least 1 - (1 - level a) - (1 - level b) (Bonferroni's inequality); without a level
    where either has none. `n` is the smaller of the two.
    """
    level = None if a.level is None or b.level is None else max(0.0, a.level + b.level - 1)
    return Interval(a.estimate - b.estimate, a.low - b.high, a.high - b.low, level, min(a.n, b.n))
