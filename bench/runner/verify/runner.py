"""A model in some runtime, asked for its outputs through the same requests that a trial makes; and every target."""

import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bench.contract.job import Workload
from bench.contract.phases import LIMITS_S, Phase
from bench.contract.status import Failure, Status
from bench.environments import disk_errors
from bench.environments.machine import on_this_machine
from bench.process import Worker
from bench.runner.correctness import joined
from bench.runner.events import Watch
from bench.runner.feed import INPUT_SETS
from bench.runner.lane import Lane
from bench.runner.prepare import Preparation
from bench.suite import LoadedSuite

InputSet = dict[str, str]  # input -> .npy
OutputFiles = dict[str, Path]  # output -> .npy
NO_ROOM = os.strerror(errno.ENOSPC)
CPU = "CPUExecutionProvider"


@dataclass(frozen=True)
class Runner:
    """Where a model runs and as what. `names` are what the model calls the inputs, where others than they are given."""

    label: str
    python: Path
    folder: Path  # the worker's own
    adapter: str
    workload: Workload
    scratch: Path
    variables: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    limits_s: dict[str, float] = field(default_factory=dict)

    def of(self, model: Path) -> "Runner":
        """Return the same for another file."""
        return replace(self, workload=replace(self.workload, model=str(model)))

    def outputs(self, sets: Sequence[InputSet], state: dict[str, str] | None = None) -> list[OutputFiles]:
        """Return the outputs of every set, and of the sequence with `state` fed back where there is one.

        Raises Failure, and EnvironmentFailed where the disk is full.
        """
        with self._told_of_a_full_disk(), self._started(len(sets)) as worker:
            return self._answer(worker, sets, state or {})

    def attempt(self, sets: Sequence[InputSet], state: dict[str, str] | None = None) -> list[OutputFiles] | Failure:
        """Return the outputs, or the failure."""
        try:
            return self.outputs(sets, state)
        except Failure as failure:
            return failure

    def of_groups(self, groups: Sequence[Sequence[InputSet]]) -> Iterator[list[OutputFiles] | Failure]:
        """Yield the outputs of every group of sets, or why it cannot run: one worker for all where all run."""
        together = self.attempt([one for group in groups for one in group])
        for group in groups:
            if isinstance(together, Failure):
                yield together if len(groups) == 1 else self.attempt(group)
            else:
                yield [together.pop(0) for _ in group]

    def of_files(self, models: Sequence[Path], sets: Sequence[InputSet]) -> Iterator[list[OutputFiles] | Failure]:
        """Yield the outputs of every file, or why it cannot run: one worker for all that run.

        What fails in a worker that ran others before is tried again in one of its own: none pays for another.
        """
        worker: Worker | None = None
        try:
            for model in models:
                used = worker is not None
                try:
                    with self._told_of_a_full_disk():
                        worker = worker or self._started(len(sets))
                        found: list[OutputFiles] | Failure = self.of(model)._answer(worker, sets, {})
                except Failure as failure:
                    if worker:
                        worker.end()
                    worker, found = None, self.of(model).attempt(sets) if used else failure
                yield found
        finally:
            if worker:
                worker.end()

    def _started(self, sets: int) -> Worker:
        log = Path(tempfile.mkdtemp(dir=self.scratch, prefix="worker-")) / "worker.log"
        limits_s = {**self.limits_s, Phase.VERIFY: self.limit_s(sets)}
        worker = Worker(self.python, self.folder, log, limits_s, on_this_machine(self.variables))
        try:
            worker.ask("import", adapter=self.adapter)
        except BaseException:
            worker.end()
            raise
        return worker

    def _answer(self, worker: Worker, sets: Sequence[InputSet], state: dict[str, str]) -> list[OutputFiles]:
        place = tempfile.mkdtemp(dir=self.scratch, prefix="outputs-")
        named = [{self.names.get(name, name): path for name, path in each.items()} for each in sets]
        _load(worker, replace(self.workload, input_sets=named, cache_dir=place))
        found = worker.ask("verify", folder=place, state=state)
        return [{name: Path(path) for name, path in each.items()} for each in found]

    @contextmanager
    def _told_of_a_full_disk(self) -> Iterator[None]:
        try:
            yield
        except Failure as failure:
            with disk_errors(self.scratch):
                raise OSError(errno.ENOSPC, "", str(self.scratch)) if NO_ROOM in failure.reason else failure from None

    def limit_s(self, sets: int) -> float:
        """Return the time for the outputs of so many sets; a phase's own limit is for those of a sweep."""
        return self.limits_s.get(Phase.VERIFY, LIMITS_S[Phase.VERIFY]) * max(1.0, sets / INPUT_SETS)


def _load(worker: Worker, workload: Workload) -> None:
    """Load a model. One that is refused, with an operator nobody knows say, is unsupported: it has computed nothing."""
    try:
        worker.ask("load", workload=workload.to_wire())
    except Failure as failure:
        raise Failure(
            Status.UNSUPPORTED if failure.status == Status.ERROR else failure.status, failure.reason
        ) from failure


def on_cpu(python: Path, folder: Path, model: Path, threads: int, scratch: Path) -> Runner:
    """Return ONNX Runtime's CPU provider with a file as stored: every optimisation off."""
    session = {"graph_optimization_level": "disable"}
    workload = Workload(str(model), "onnx", "fp32", threads, provider=CPU, session=session)
    return Runner("ORT CPU, no optimisation", python, folder, "ort", workload, scratch)


def optimised(stored: Runner) -> Runner:
    """Return the same with ONNX Runtime's own optimisations."""
    return replace(stored, label="ORT CPU", workload=replace(stored.workload, session={}))


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
    prepared = Preparation(loaded, scratch, watch, references=False).run()
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
