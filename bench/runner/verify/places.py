"""Every target a model is verified on, ready to run: prepared as a sweep prepares it."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.runner.correctness import joined
from bench.runner.events import Watch
from bench.runner.lane import Lane
from bench.runner.prepare import Preparation
from bench.runner.verify.runner import OutputFiles, Runner
from bench.suite import LoadedSuite


@dataclass(frozen=True)
class Place:
    """A target: how to run the model there, or in words why it cannot be run here.

    `cuttable` is false where it runs a form made for one file and one shape, which parts of the file have none of.
    """

    target: str
    label: str
    runner: Runner | None
    why: str = ""
    cuttable: bool = True
    joins: dict[str, list[str]] = field(default_factory=dict)  # its outputs -> the model's that make each up

    def joined(self, outputs: list[OutputFiles], scratch: Path) -> list[OutputFiles]:
        """Return the model's outputs put together the way this target's form has them."""
        return [self._joined(each, Path(tempfile.mkdtemp(dir=scratch, prefix="joined-"))) for each in outputs]

    def _joined(self, outputs: OutputFiles, folder: Path) -> OutputFiles:
        if not self.joins:
            return outputs
        made = joined({name: np.load(path, allow_pickle=False) for name, path in outputs.items()}, self.joins)
        files = {name: folder / f"{number}.npy" for number, name in enumerate(made)}
        for name, path in files.items():
            np.save(path, made[name], allow_pickle=False)
        return files


def places(loaded: LoadedSuite, scratch: Path, watch: Watch) -> list[Place]:
    """Build the environments of a suite's targets, translate the model where one needs that; one place a target."""
    prepared = Preparation(loaded, scratch, watch).run()
    lanes = {lane.cell.target: lane for group in prepared.groups for lane in group.lanes}
    reasons = {row["target"]: (row["target_label"], str(row["reason"])) for row in prepared.never}
    found = []
    for cell in dict.fromkeys(cell.target for cell in prepared.plan.cells):
        if cell in lanes:
            found.append(_place(lanes[cell], prepared.folder, scratch, dict(loaded.suite.limits_s)))
        else:
            label, why = reasons[cell]
            found.append(Place(cell, label, None, why))
    return found


def _place(lane: Lane, folder: Path, scratch: Path, limits_s: dict[str, float]) -> Place:
    runner = Runner(
        lane.target.label, lane.python, folder, lane.adapter, lane.workload, scratch,
        variables=lane.target.variables, limits_s=limits_s,
    )  # fmt: skip
    cuttable = lane.workload.format == "onnx" and "onnx" in lane.target.formats and not lane.target.fixed_shapes
    return Place(lane.cell.target, lane.target.label, runner, cuttable=cuttable, joins=lane.joins)
