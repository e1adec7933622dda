"""What may be said of a ratio. One function, so that a headline and a table never disagree."""

from math import isfinite, log1p

from bench.analysis.intervals import FEWEST, Interval

THRESHOLD = 0.01  # a change smaller than this is not worth a word

FASTER, SLOWER, WITHIN_NOISE, INCONCLUSIVE = "faster", "slower", "within noise", "inconclusive"
BASELINE, NO_VERDICT = "baseline", "none"
NOT_COMPARABLE = "not comparable"  # of two sides that differ in more than what is compared


def verdict(r: Interval, threshold: float = THRESHOLD) -> tuple[str, str]:
    """Return the verdict on r = log(latency of B / latency of A), and why where there is none.

    `slower` where the whole interval is above zero and the estimate reaches the threshold, `faster` mirrored; `within
    noise` where the whole interval lies inside the threshold; else `inconclusive`. Too few rounds, or a bound that
    is not a number, gives no verdict. `threshold` is of the ratio: 0.01 is 1%. docs/measurement.md, "Verdicts".
    """
    t = log1p(threshold)
    if r.n == 0 or not all(isfinite(bound) for bound in (r.estimate, r.low, r.high)):
        return NO_VERDICT, "no round has both this cell and the baseline"
    if r.level is None:
        rounds = "1 round gives" if r.n == 1 else f"{r.n} rounds give"
        return NO_VERDICT, f"{rounds} a range; a verdict takes {FEWEST}"
    if r.low > 0 and r.estimate >= t:
        return SLOWER, ""
    if r.high < 0 and r.estimate <= -t:
        return FASTER, ""
    if -t < r.low and r.high < t:
        return WITHIN_NOISE, ""
    return INCONCLUSIVE, "the interval reaches beyond the threshold on both sides of a decision"
