"""What a sweep tells whoever watches it. The timed worker never prints; the parent says this between phases."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Preparing:
    """A step of prepare begins: `what` in words (build environment ort-cpu, fetch magika ...)."""

    what: str
    done: int
    total: int


@dataclass(frozen=True)
class Note:
    """A line worth keeping: a skip, a failed conversion, a warning. `kind` is info or warning."""

    text: str
    kind: str = "info"


@dataclass(frozen=True)
class Planned:
    """Prepare is over: what will be measured."""

    cells: int
    skipped: int
    blocks: int
    rounds: int
    estimate_s: float


@dataclass(frozen=True)
class RoundStarted:
    block: str
    round: int
    rounds: int
    targets: int
    block_number: int
    blocks: int


@dataclass(frozen=True)
class Stepped:
    """A worker of the round enters a phase."""

    cell: str
    label: str
    phase: str


@dataclass(frozen=True)
class CellDone:
    """A cell has had its last round: its median cost with the range of its trials (ns), or why there is none.

    The cost is what its `kind` of scenario compares: `bench.analysis.samples.kept_of`. `growth_bytes` is churn's.
    """

    cell: str
    status: str
    reason: str
    cost_ns: float | None
    low_ns: float | None
    high_ns: float | None
    trials: int
    flags: tuple[str, ...]
    number: int
    total: int
    kind: str = "latency"
    batch: int = 1
    growth_bytes: float | None = None


@dataclass(frozen=True)
class RoundEnded:
    """A round is journalled; `share` of all rounds are done."""

    block: str
    round: int
    share: float


Event = Preparing | Note | Planned | RoundStarted | Stepped | CellDone | RoundEnded
Watch = Callable[[Event], None]
