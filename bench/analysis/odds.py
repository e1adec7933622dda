"""How often a verdict would have been right: rounds that were really measured, drawn again and again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log1p

import numpy as np
from numpy.typing import NDArray

from bench.analysis.intervals import median_interval
from bench.analysis.verdicts import FASTER, SLOWER, THRESHOLD, verdict

DRAWS = 2000
OFTEN = 0.95  # how often a change has to be found to be called findable
CHANGES = (0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.07, 0.10, 0.15, 0.20, 0.30)  # looked for, from small to large


@dataclass(frozen=True)
class Odds:
    """What batches of `rounds` rounds say of two targets, as shares of the draws.

    changes: of two that are alike, how often one batch says slower or faster. alarms: how often two batches in a row
    say slower, which is what a gate calls a regression. found: of two that differ, how often one batch says slower;
    confirmed: how often two in a row do. half_width: the median interval's, as a logarithm.
    """

    rounds: int
    changes: float
    alarms: float
    found: float
    confirmed: float
    half_width: float


def odds(
    same: Sequence[float],
    slower: Sequence[float],
    rounds: int,
    rng: np.random.Generator,
    draws: int = DRAWS,
    threshold: float = THRESHOLD,
) -> Odds:
    """Return what batches of `rounds` rounds would have said, drawn with replacement from rounds really measured.

    `same` holds r of rounds of a target against itself, `slower` of a slower target against it. The bootstrap of
    independent units (Efron 1979): rounds are the units, never samples of one process.
    """
    twice = [[_said(_draw(same, rounds, rng), threshold) for _ in range(2)] for _ in range(draws)]
    apart = [[_said(_draw(slower, rounds, rng), threshold) for _ in range(2)] for _ in range(draws)]
    widths = [median_interval(_draw(same, rounds, rng)).half_width for _ in range(min(draws, 200))]
    return Odds(
        rounds=rounds,
        changes=_share(first in (SLOWER, FASTER) for first, _ in twice),
        alarms=_share(pair == [SLOWER, SLOWER] for pair in twice),
        found=_share(first == SLOWER for first, _ in apart),
        confirmed=_share(pair == [SLOWER, SLOWER] for pair in apart),
        half_width=float(np.median(widths)),
    )


def smallest_change(
    same: Sequence[float], rounds: int, rng: np.random.Generator, draws: int = 400, threshold: float = THRESHOLD
) -> float | None:
    """Return the smallest of CHANGES that one batch finds in 95% of draws; None where it finds none of them.

    Rounds of a target against itself, moved by that change: a slower target whose rounds spread as these do.
    """
    for change in CHANGES:
        moved = [r + log1p(change) for r in same]
        if _share(_said(_draw(moved, rounds, rng), threshold) == SLOWER for _ in range(draws)) >= OFTEN:
            return change
    return None


def _draw(values: Sequence[float], rounds: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.choice(np.asarray(values, np.float64), rounds)


def _said(values: NDArray[np.float64], threshold: float) -> str:
    return verdict(median_interval(values), threshold)[0]


def _share(told: Iterable[bool]) -> float:
    return float(np.mean(np.fromiter(told, bool)))
