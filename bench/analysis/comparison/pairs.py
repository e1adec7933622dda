"""What a comparison of two sides is: pairs of cells, each with a verdict or the reason why there is none."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isfinite, nan
from pathlib import Path

from bench.analysis.intervals import NONE, Interval
from bench.analysis.ratios import Effects
from bench.analysis.verdicts import (
    FASTER,
    INCONCLUSIVE,
    NO_VERDICT,
    NOT_COMPARABLE,
    SLOWER,
    WITHIN_NOISE,
)

STORED, LOCKSTEP = "stored", "lockstep"
ORDER = (SLOWER, FASTER, INCONCLUSIVE, WITHIN_NOISE, NOT_COMPARABLE, NO_VERDICT)
JUDGED = ORDER[:4]  # two sides that could be compared
METRICS = {
    "latency": "latency",
    "device_resident": "latency in device memory",
    "throughput": "throughput",
    "server": "sustained rate",
    "cold_start": "start-up",
    "churn": "cycle",
    "idle": "latency after a pause",
}
ABSOLUTE, RELATIVE = "its absolute times", "its ratio to the baseline"  # what a verdict on stored runs rests on


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same on both sides. `kind` groups alike ones: package, options, machine ..."""

    kind: str
    what: str
    a: str
    b: str

    def __str__(self) -> str:
        return f"{self.what}: {self.a} → {self.b}"


@dataclass(frozen=True)
class Side:
    """`name` is A or B; `words` say what it is: a run, or what a duel's user wrote."""

    name: str
    words: str
    path: Path
    suite: str
    started_at: str
    machine: str


@dataclass(frozen=True)
class Pair:
    """One cell on both sides.

    Costs `a` and `b` are ns, whatever the metric: medians over trials with their intervals. `ratio` is the interval of
    r = log(cost of b / cost of a): positive is slower. Of stored runs it is `absolute` or `relative` (to the change of
    the baseline cell), as `rests_on` says.
    """

    cell: str  # its id; of a duel without the sides
    model: str
    precision: str
    target: str
    target_label: str
    precision_label: str
    batch: int | None
    dims: str
    threads: str
    scenario: str
    scenario_kind: str
    a: Interval = NONE
    b: Interval = NONE
    ratio: Interval = NONE
    verdict: str = NO_VERDICT
    reason: str = ""
    basis: str = STORED
    rests_on: str = ""
    absolute: Interval = NONE
    relative: Interval = NONE
    caveats: tuple[tuple[str, str], ...] = ()  # flag, and the side that has it: A, B or both
    differs: tuple[Difference, ...] = ()  # what keeps the sides from being compared
    changed: tuple[Difference, ...] = ()  # what the comparison may be about
    forced: bool = False
    confirmed: bool | None = None  # by a duel's second batch; None where there was none, or nothing to confirm
    second: Interval = NONE  # of r in the second batch alone
    effects: Effects = field(default_factory=dict, repr=False)  # r by round, of a duel's first batch

    @property
    def metric(self) -> str:
        return METRICS.get(self.scenario_kind, self.scenario_kind)

    @property
    def regression(self) -> bool:
        """Slower, and slower again in an independent second batch of rounds."""
        return self.verdict == SLOWER and self.confirmed is True


@dataclass(frozen=True)
class Mean:
    """Geometric mean of the costs' ratio, over pairs that could be compared; a model counts once.

    `target` is a label, or empty for all targets. `ratio` is of r; bounds are NaN where pairs are of stored runs, whose
    rounds have nothing to do with each other.
    """

    metric: str
    target: str
    ratio: Interval
    models: int
    pairs: int
    verdict: str
    reason: str


@dataclass(frozen=True)
class Shift:
    """How far all comparable cells moved together: the median of r over cells, from absolute times."""

    r: float = nan
    cells: int = 0


@dataclass(frozen=True)
class Comparison:
    """Two sides compared cell by cell. `pairs` start with what matters most, and leave none out."""

    basis: str  # stored: two finished runs; lockstep: one duel
    title: str
    a: Side
    b: Side
    threshold: float
    pairs: tuple[Pair, ...]
    means: tuple[Mean, ...]
    changed: tuple[tuple[Difference, int], ...]  # with the number of cells it touches
    notes: tuple[str, ...]  # what a reader must know first, in full sentences
    command: str = ""  # the duel that decides what stored runs only hint at
    shift: Shift = Shift()
    forced: bool = False

    @property
    def regressions(self) -> tuple[Pair, ...]:
        """What a gate fails on."""
        return tuple(pair for pair in self.pairs if pair.regression)

    @property
    def counts(self) -> dict[str, int]:
        """Pairs by verdict, every verdict in the order of `pairs`, also at zero."""
        found = Counter(pair.verdict for pair in self.pairs)
        return {verdict: found[verdict] for verdict in ORDER}


def ordered(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    """Regressions first, then slower, faster, inconclusive, within noise, not comparable, none; large effects first."""

    def place(pair: Pair) -> tuple[bool, int, float]:
        size = abs(pair.ratio.estimate)
        return not pair.regression, ORDER.index(pair.verdict), -(size if isfinite(size) else 0.0)

    return tuple(sorted(pairs, key=place))


def counted_changes(pairs: Iterable[Pair]) -> tuple[tuple[Difference, int], ...]:
    """Every change with the number of cells it touches, the widest first."""
    return tuple(Counter(change for pair in pairs for change in pair.changed).most_common())
