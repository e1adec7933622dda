"""A cell on its way through the rounds of a group: how to start it, what it is compared with, how it has fared."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.catalog import Scenario, Target
from bench.contract.job import Workload
from bench.contract.status import Status
from bench.suite.cells import Cell

Row = dict[str, Any]


@dataclass
class Lane:
    cell: Cell
    target: Target
    adapter: str
    python: Path
    workload: Workload
    columns: Row  # what every row of this cell says, known before it starts
    effective: str  # the precision it should compute in
    tolerance: dict[str, float]
    references: list[dict[str, Path]] | None  # output name -> .npy for each input set; None without reference
    scenario: Scenario
    joins: dict[str, list[str]] = field(default_factory=dict)  # a twin's output -> the reference's that make it up
    state: dict[str, str] = field(default_factory=dict)
    output_kind: str = ""
    mask_threshold: float = 0.5
    batch_axes: dict[str, int] = field(default_factory=dict)  # of inputs whose first item can be run alone
    reads_precision: bool = True
    computes: str | None = None  # known of a provider that hides it
    synthetic: bool = True  # whether what it is fed, or was calibrated with, is noise
    lost_values: bool = False  # whether its conversion lost a bias or a gain
    remark: str = ""  # what every row of it has to say
    # how it has fared
    placement: Row | None = None
    rechecked: bool = False  # whether it answers the same again, and alone as in a batch: seen once a cell
    endings: list[tuple[str, str]] = field(default_factory=list)  # (status, how) of trials that did not end well
    best_cpu_share: float = 0.0

    @property
    def dropped(self) -> bool:
        """A cell that times out once, is unsupported, or fails twice alike, leaves the remaining rounds."""
        statuses = {status for status, _ in self.endings}
        return bool(statuses & {Status.TIMEOUT, Status.UNSUPPORTED}) or any(
            self.endings.count(ending) > 1 for ending in self.endings
        )

    def note(self, row: Row) -> None:
        """Take over what a finished trial says of its cell; also how a resumed run learns it from the journal."""
        if row["status"] != Status.OK:
            self.endings.append((row["status"], row["reason"].partition(";")[0]))
            return
        if row.get("placement") is not None and self.placement is None:
            self.placement = {name: row.get(name) for name in PLACEMENT_COLUMNS}
        self.rechecked = self.rechecked or row.get("repeat_error") is not None


PLACEMENT_COLUMNS = (
    "nodes_total",
    "nodes_on_provider",
    "time_on_provider",
    "placement",
    "operators",
    "precision_effective",
)
