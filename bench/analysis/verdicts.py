"""What may be said of a ratio. One function, so that a headline and a table never disagree."""

from dataclasses import dataclass
from math import exp, isfinite, log1p

from bench.analysis.intervals import FEWEST, Interval

THRESHOLD = 0.01  # a change smaller than this is not worth a word

FASTER, SLOWER, WITHIN_NOISE, INCONCLUSIVE = "faster", "slower", "within noise", "inconclusive"
BASELINE, NO_VERDICT = "baseline", "none"
NOT_COMPARABLE = "not comparable"  # of two sides that differ in more than what is compared


@dataclass(frozen=True)
class Judged:
    """What is said of a cell against another. `ratio` over 1 is faster; `level` is None where a range bounds it."""

    verdict: str
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    rounds: int = 0
    reason: str = ""  # why there is no verdict
    kind: str = "latency"  # of the scenario: what `faster` is of


def judged(r: Interval, threshold: float, kind: str, doubt: str = "") -> Judged:
    """Return what is said of r = log(latency of B / latency of A); no verdict where there is a `doubt`."""
    word, why = (NO_VERDICT, doubt) if doubt else verdict(r, threshold)
    ratio, low, high = (exp(x) if isfinite(x) else None for x in (-r.estimate, -r.high, -r.low))
    return Judged(word, ratio, low, high, r.level, r.n, why, kind)


def verdict(r: Interval, threshold: float = THRESHOLD) -> tuple[str, str]:
    """Return the verdict on r = log(latency of B / latency of A), and why where there is none.

    `slower` where the whole interval is above zero and the estimate reaches the threshold, `faster` mirrored; `within
    noise` where the whole interval lies inside the threshold; else `inconclusive`. Too few rounds, or a bound that
    is not a number, gives no verdict. `threshold` is of the ratio: 0.01 is 1%. docs/measurement.md, "Verdicts".
    """
    if r.n == 0 or not all(isfinite(bound) for bound in (r.estimate, r.low, r.high)):
        return NO_VERDICT, "no round has both this cell and the baseline"
    if r.level is None:
        rounds = "1 round gives" if r.n == 1 else f"{r.n} rounds give"
        return NO_VERDICT, f"{rounds} a range; a verdict takes {FEWEST}"
    word = leaning(r, threshold)
    undecided = word == INCONCLUSIVE
    return word, "the interval reaches beyond the threshold on both sides of a decision" if undecided else ""


def leaning(r: Interval, threshold: float) -> str:
    """Return which way r points by the rule of `verdict`, whatever its bounds are worth."""
    t = log1p(threshold)
    if r.low > 0 and r.estimate >= t:
        return SLOWER
    if r.high < 0 and r.estimate <= -t:
        return FASTER
    return WITHIN_NOISE if -t < r.low and r.high < t else INCONCLUSIVE
