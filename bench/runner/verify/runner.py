"""A model in some runtime: asked for its outputs through the same requests that a trial makes."""

import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.contract.job import Workload
from bench.contract.phases import LIMITS_S, Phase
from bench.contract.status import Failure, Status
from bench.environments import disk_errors
from bench.environments.machine import on_this_machine
from bench.process import Worker
from bench.runner.feed import INPUT_SETS

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
        named = [{self.names.get(name, name): path for name, path in each.items()} for each in sets]
        place = Path(tempfile.mkdtemp(dir=self.scratch, prefix="outputs-"))
        variables = on_this_machine(self.variables)
        limits_s = {**self.limits_s, Phase.VERIFY: self.limit_s(len(sets))}
        workload = replace(self.workload, input_sets=named, cache_dir=str(place))
        try:
            with Worker(self.python, self.folder, place / "worker.log", limits_s, variables) as worker:
                worker.ask("import", adapter=self.adapter)
                _load(worker, workload)
                found = worker.ask("verify", folder=str(place), state=state or {})
        except Failure as failure:
            with disk_errors(place):
                raise OSError(errno.ENOSPC, "", str(place)) if NO_ROOM in failure.reason else failure from None
        return [{name: Path(path) for name, path in each.items()} for each in found]

    def limit_s(self, sets: int) -> float:
        """Return the time for the outputs of so many sets; a phase's own limit is for those of a sweep."""
        return self.limits_s.get(Phase.VERIFY, LIMITS_S[Phase.VERIFY]) * max(1.0, sets / INPUT_SETS)

    def each(self, groups: Sequence[Sequence[InputSet]]) -> Iterator[list[OutputFiles] | Failure]:
        """Yield the outputs of every group of sets, or why it cannot run: one worker for all where all run."""
        try:
            together = self.outputs([one for group in groups for one in group])
        except Failure as failure:
            for group in groups:
                yield failure if len(groups) == 1 else self._or_failure(group)
            return
        for group in groups:
            yield [together.pop(0) for _ in group]

    def _or_failure(self, group: Sequence[InputSet]) -> list[OutputFiles] | Failure:
        try:
            return self.outputs(group)
        except Failure as failure:
            return failure


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
