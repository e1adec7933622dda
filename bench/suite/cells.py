"""What a plan is made of: cells, the blocks and groups they are measured in, and what stands in their way."""

from dataclasses import dataclass, field

from bench.catalog import Precision, Scenario, Target


@dataclass(frozen=True)
class Skip:
    """Why a cell is not measured, and what would make it run. `status` is skipped or unsupported."""

    status: str
    reason: str


@dataclass(frozen=True)
class Cell:
    """Variant x target x batch x dims x threads x scenario."""

    id: str  # model/precision/target/b1/t2/latency, with dims where there are any
    model: str
    precision: str
    target: str
    batch: int
    dims: tuple[tuple[str, int], ...]
    threads: int
    scenario: str
    side: str = ""  # of a duel: a or b
    skip: Skip | None = None
    unknown: str = ""  # what only prepare can tell, in words


@dataclass(frozen=True)
class Block:
    """Cells that share model, inputs, dims, batch, threads and scenario, in groups of at most 8.

    Every group holds the baseline's FP32 cell first, where it can be measured, and beside variants FP32 on their own
    target, which may so be in several. A duel's block is a pair: side a, the
    baseline, and side b; what the two do not share is side a's.
    """

    id: str
    model: str
    batch: int
    dims: tuple[tuple[str, int], ...]
    threads: int
    scenario: str
    baseline: str | None  # cell id
    groups: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Protocol:
    """How a trial is taken: what the preset and the suite's `measure` say together. See measurement.md."""

    preset: str
    rounds: int
    max_rounds: int
    half_width: float | None
    bursts: int
    burst_ms: float
    windows: int
    window_ms: float
    concurrency: int
    trial_s: float
    threshold: float = 0.01  # the smallest change that is worth a word
    confirm: bool = False  # a second batch of rounds before anything is called a regression


@dataclass(frozen=True)
class Plan:
    """A suite expanded with the facts at hand. `cells` holds the skipped ones too, `blocks` only what is measured."""

    suite: str
    baseline: str
    seed: int
    protocol: Protocol
    cells: tuple[Cell, ...]
    blocks: tuple[Block, ...]
    targets: dict[str, Target]
    precisions: dict[str, Precision]
    scenarios: dict[str, Scenario] = field(default_factory=dict)
    duel: dict[str, str] = field(default_factory=dict)  # side -> what it is, in words
    environments: dict[str, tuple[str, ...]] = field(default_factory=dict)  # environment label -> its targets
    estimate_s: float = 0.0
