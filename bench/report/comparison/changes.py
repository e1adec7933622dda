"""How a change between two sides is written: by how much, within which bounds, on what evidence."""

from math import exp, isfinite

from bench.analysis.comparison.pairs import Pair
from bench.analysis.intervals import Interval
from bench.analysis.verdicts import FASTER, SLOWER
from bench.report import numbers
from bench.report.numbers import UNKNOWN, counted

NEAR = 0.03


def change(r: Interval, verdict: str) -> str:
    """`1.08× slower`, `1.05× faster`, or `1.02× as long` where no direction may be claimed; nothing without a ratio."""
    if not isfinite(r.estimate):
        return ""
    if verdict in (SLOWER, FASTER):
        up = r if r.estimate > 0 else -r
        return f"{factor(up.estimate, up.low, up.high)} {verdict}"
    return f"{factor(r.estimate, r.low, r.high)} as long"


def factor(*logs: float) -> str:
    """`1.42×` of a logarithm, with as many digits as its bounds (the other two) need."""
    low, high = logs[1:] or (logs[0], logs[0])
    return f"{exp(logs[0]):,.{_places(Interval(logs[0], low, high, None, 1))}f}×"


def _places(r: Interval) -> int:
    """Two decimals or so; near 1, where a threshold of 1% lies, one more, so that 1.004 is not written as 1.00."""
    near = abs(r.estimate) < NEAR or any(abs(bound) < NEAR / 6 for bound in (r.low, r.high))
    return max(3, numbers.decimals(exp(r.estimate))) if near else numbers.decimals(exp(r.estimate))


def bounds(r: Interval, verdict: str) -> str:
    """The bounds of `change`, of the speed-up where it is faster; a mere range says so."""
    if not (isfinite(r.low) and isfinite(r.high)):
        return ""
    r = -r if verdict == FASTER else r
    low, high = (f"{exp(value):,.{_places(r)}f}" for value in (r.low, r.high))
    return f"{low}–{high}" if r.level is not None else f"range {low}–{high}"


def basis(r: Interval) -> str:
    rounds = counted(r.n, "round")
    return (
        f"{numbers.percent(r.level)} interval, {rounds}" if r.level is not None else f"range of {rounds}, no interval"
    )


def cost(pair: Pair, found: Interval) -> str:
    """What one side takes, as its scenario measures it: a time, or the rate that a time between two stands for."""
    if not (isfinite(found.estimate) and found.estimate > 0):
        return UNKNOWN
    if pair.scenario_kind == "throughput":
        return f"{numbers.rate((pair.batch or 1) * 1e9 / found.estimate)} items/s"
    if pair.scenario_kind == "server":
        return f"{numbers.rate(1e9 / found.estimate)} queries/s"
    return numbers.duration(found.estimate)
