"""One worker's part in a round: its phases one after another, and the row they make."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from bench.catalog import provider_of
from bench.contract.flags import FINENESS, Flag
from bench.contract.purpose import Purpose
from bench.contract.status import Failure, Status
from bench.environments.machine import on_this_machine
from bench.environments.machine.device import device_bytes, watch
from bench.process import Worker
from bench.runner.correctness import Judge, Outputs, Truth, compare, joined
from bench.runner.lane import PLACEMENT_COLUMNS, Lane, Row
from bench.runner.placement import placed, took_too_little
from bench.runner.stability import ROUNDING, batch_error, repeat_error

WARM = {"least": 10, "least_s": 0.25, "most_s": 5.0, "agree": 0.02}
REPEATS = 3  # of the timed input, in the process that was timed
CONTENDED_SHARE = 0.05  # of a burst's wall time spent waiting for a processor


class Clock:
    """Seconds spent in each phase, over a whole run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start


class Trial:
    """Holds a started worker and fills its row. After a failure `ended` is true and the row says what happened."""

    def __init__(self, lane: Lane, round_number: int, purpose: Purpose, clock: Clock) -> None:
        self.lane = lane
        self.clock = clock
        self.worker: Worker | None = None
        self.workload = lane.workload
        self.ended = False
        self.flags: set[Flag] = {Flag(flag) for flag in lane.target.flags}
        self.flag(Flag.SYNTHETIC_INPUTS, lane.synthetic)
        self.flag(Flag.LOST_VALUES, lane.lost_values)
        self.latency_ns = 0.0
        self.repeat = 1  # inferences of one sample, where one is too short for the timer
        self.timed: list[dict[str, Any]] = []  # what each timed stretch took: wall_ns, cpu_ns, delay_ns
        self.outputs: list[Outputs] = []  # of the input sets in turn, then of the sequence of a stateful model
        self.beforehand: Any = None  # what its scenario's `ready` saw, for its `drive`
        self.row: Row = {
            **lane.columns,
            "round": round_number,
            "purpose": purpose,
            "started_at": datetime.now(UTC).isoformat(),
            "status": Status.OK,
            "reason": lane.remark,
        }

    def attempt(self, phase: str, work: Callable[[], None]) -> None:
        """Do one phase with this worker alone running; a failure ends the trial, not the round."""
        if self.ended:
            return
        with self.clock.phase(phase):
            try:
                if self.worker:
                    self.worker.resume()
                work()
                if self.worker:
                    self.worker.suspend()
            except Failure as failure:
                self.ended = True
                self.row |= {"status": failure.status, "reason": failure.reason}

    def start(self, folder: Path, scratch: Path, limits_s: dict[str, float]) -> None:
        """Process start, import, create and first inference, with the memory after each: a cold-start trial."""
        self.attempt("start", partial(self._spawn, folder, scratch, limits_s))
        self.attempt("import", self._import)
        self.attempt("load", self._load)
        self.attempt("first", self._first)

    def _spawn(self, folder: Path, scratch: Path, limits_s: dict[str, float]) -> None:
        log = scratch / f"{abs(hash(self.lane.cell.id)):x}-{self.row['round']}.log"
        self.worker = Worker(self.lane.python, folder, log, limits_s, on_this_machine(self.lane.target.variables))
        self.row["spawn_ns"] = self.worker.spawn_ns

    def _import(self) -> None:
        found = self.ask("import", adapter=self.lane.adapter)
        self.row |= {
            "import_ns": found["import_ns"],
            "runtime_version": found["version"],
            "rss_import_bytes": self.resident(),
        }

    def _load(self) -> None:
        found = self.ask("load", workload=self.workload.to_wire())
        loaded = found["loaded"]
        self.row |= {
            "create_ns": found["create_ns"],
            "device": loaded["device"],
            "threads_effective": loaded["threads"],
            "precision_effective": loaded["precision"],
            "options": self._without_folder(json.dumps(loaded["options"], sort_keys=True)),
            "rss_create_bytes": self.resident(),
        }
        if loaded["model_bytes"] is not None:
            self.row["model_bytes"] = loaded["model_bytes"]

    def _without_folder(self, options: str) -> str:
        """Results are published: they tell no folders of this machine."""
        folder = json.dumps(self.workload.cache_dir or "")[1:-1]
        return options.replace(folder, "{folder}") if self.workload.cache else options

    def _first(self) -> None:
        self.row["first_ns"] = self.ask("first")["first_ns"]
        self.row["rss_first_bytes"] = self.resident()

    def warm(self) -> None:
        """Run until it is steady; afterwards `latency_ns` is about one inference and `repeat` fits the timer."""

        def work() -> None:
            ended = watch(self._worker().process.pid) if self._on_device() else dict
            found = self.ask("warm", **WARM)
            self.row |= ended()  # this worker alone has kept the device busy, for a quarter of a second at least
            self.latency_ns, self.repeat = float(median(found["warmup_ns"][-50:])), found["repeat"]
            self.row |= {"warmup_ns": found["warmup_ns"], "inferences_per_sample": self.repeat}
            self.flag(Flag.NOT_STEADY, not found["steady"])
            self.flag(Flag.TIMER_TOO_COARSE, self.repeat > 1)

        self.attempt("warm", work)

    def _on_device(self) -> bool:
        """Tell whether it computes on another device than the processor, as far as that is known."""
        provider = provider_of(self.lane.target)
        on_cpu = provider is not None and (provider.devices == ["cpu"] or Flag.SIMULATOR in provider.flags)
        return self.row["device"] != "CPU" and not on_cpu

    def add(self, column: str, values: list[Any]) -> None:
        """Add to a list column of the row."""
        self.row.setdefault(column, []).extend(values)

    def note(self, text: str) -> None:
        """Add a sentence to the row's reason: something that a reader of its numbers has to know."""
        self.row["reason"] = "; ".join(filter(None, (self.row["reason"], text)))

    def finish(self) -> Row:
        """After the timed part: high-water mark, outputs against the reference, placement; then end the worker."""
        self._flag_contention()
        self.attempt("memory", self._memory)
        self.attempt("verify", self._verify)
        if not self.lane.rechecked and not self.ended:
            self._recheck()
        if self.lane.placement is None and not self.ended and not self._worker().failure:
            self._place()  # where asking again ended the worker, the next round's reads it
        if self.lane.placement and not self.ended:
            self.row |= {name: value for name, value in self.lane.placement.items() if value is not None}
            self._flag_placement()
        self._flag_batch()
        self.end()
        self.row["flags"] = sorted(self.flags)
        return self.row

    def end(self) -> None:
        with self.clock.phase("close"):
            if self.worker:
                self.worker.end()

    def _flag_contention(self) -> None:
        if not self.timed:
            return
        wall = sum(stretch["wall_ns"] for stretch in self.timed)
        if all(stretch["delay_ns"] is not None for stretch in self.timed):
            waited = sum(stretch["delay_ns"] for stretch in self.timed)
            self.flag(Flag.CONTENDED, waited > CONTENDED_SHARE * wall)
        elif not self._on_device():
            share = sum(stretch["cpu_ns"] for stretch in self.timed) / wall
            self.flag(Flag.CONTENDED, share < (1 - CONTENDED_SHARE) * self.lane.best_cpu_share)
            self.lane.best_cpu_share = max(share, self.lane.best_cpu_share)

    def _memory(self) -> None:
        self.row["peak_rss_bytes"] = self._worker().peak_bytes()
        self.row["device_bytes"] = device_bytes(self._worker().process.pid)

    def _verify(self) -> None:
        with tempfile.TemporaryDirectory(prefix="ortbench-outputs-") as folder:
            self.outputs = _arrays(self.ask("verify", folder=folder, state=self.lane.state))
        if self.lane.references is None:
            self.flags.add(Flag.NO_REFERENCE)
            return
        judge = Judge(self.lane.tolerance, self.lane.output_kind, self.lane.mask_threshold)
        self._judge(compare(self._references(), self.outputs, judge, self._attention()))

    def _attention(self) -> list[Any]:
        """Return the attention mask of each set that was verified, None where the model takes none."""
        files = [each.get("attention_mask") for each in self.workload.input_sets]
        masks = [np.load(file, allow_pickle=False) if file else None for file in files]
        return masks + [None] * (len(self.outputs) - len(masks))

    def _recheck(self) -> None:
        """Whether it answers the same again, and an item alone as in its batch. Seen in a cell's first good round."""
        self.lane.rechecked = True
        with self.clock.phase("verify"), tempfile.TemporaryDirectory(prefix="ortbench-outputs-") as folder:
            try:
                self._worker().resume()
                found = self.ask("recheck", folder=folder, repeats=REPEATS, axes=self.lane.batch_axes)
            except Failure as failure:
                self.note(f"it could not be run again after it was checked: {failure.reason}")
                return
            repeats, singles = _arrays(found["repeats"]), found["singles"] and _arrays(found["singles"])
        if found["refused"]:
            self.note(f"its session took no batch of 1: {found['refused']}")
        self.row["repeat_error"] = repeat_error(self.outputs[0], repeats)
        if singles:
            self.row["batch_error"] = batch_error(self.outputs[: len(singles)], singles, self.lane.cell.batch)
        self.flag(Flag.NONDETERMINISTIC, self.row["repeat_error"] != 0)
        if self.row["repeat_error"] is None:
            self.note("its outputs had other shapes when the same input was run again")

    def _references(self) -> list[dict[str, Any]]:
        """Return the reference outputs, put together the way a twin of the model has them."""
        return [joined(each, self.lane.joins) for each in _arrays(self.lane.references or [])]

    def _judge(self, truth: Truth) -> None:
        self.row |= {name: value for name, value in vars(truth).items() if name != "problem"}
        self.flag(Flag.WRONG_OUTPUT, truth.output_ok is False)
        if truth.problem:
            self.note(truth.problem)

    def _place(self) -> None:
        """Read placement from a session of its own. Where that fails, the timed numbers stand without it."""
        place: Row = dict.fromkeys(PLACEMENT_COLUMNS)
        self.lane.placement = place
        with self.clock.phase("placement"):
            try:
                self._worker().resume()
                found = self.ask("placement")
            except Failure as failure:
                self.note(f"placement could not be read: {failure.reason}")
                return
        if found is None:
            return
        place |= placed(self.lane, found)

    def _flag_placement(self) -> None:
        row = self.row
        own, total = row.get("nodes_on_provider") or 0, row.get("nodes_total") or 0
        # A native runtime's own kernels beside its delegate are that runtime too, unless the delegate took nothing.
        self.flag(Flag.PARTIAL_FALLBACK, own < total if self.lane.target.provider else own == 0 < total)
        if why := took_too_little(self.lane.target, row):
            self.ended = True
            self.row |= {"status": Status.UNSUPPORTED, "reason": why}
        effective = FINENESS.get(row.get("precision_effective") or "")
        if effective is not None:
            self.flag(Flag.PRECISION_DIFFERS, effective < FINENESS[self.lane.effective])
            self.flag(Flag.EMULATED, effective > FINENESS[self.lane.effective])

    def _flag_batch(self) -> None:
        """Judge an item alone by the coarsest of what was asked for, what was seen and what the provider is known for.

        A provider that computes FP32 in FP16 rounds as FP16 does: that it did is told by `precision_differs`.
        """
        found = self.lane.effective, self.row.get("precision_effective"), self.lane.computes
        bound = max(ROUNDING[name] for name in found if name in ROUNDING)
        self.flag(Flag.BATCH_DEPENDENT, (self.row.get("batch_error") or 0) > bound)

    def flag(self, flag: Flag, raised: bool) -> None:
        if raised:
            self.flags.add(flag)

    def _worker(self) -> Worker:
        if self.worker is None:
            raise Failure(Status.ERROR, "the worker has not started")
        return self.worker

    def ask(self, op: str, takes_s: float = 0.0, **arguments: Any) -> Any:
        """Ask the worker; `takes_s` seconds that the request is bound to take are added to its phase's limit."""
        worker = self._worker()
        limit = worker.limits_s[op]
        worker.limits_s[op] = limit + takes_s
        try:
            return worker.ask(op, **arguments)
        finally:
            worker.limits_s[op] = limit

    def resident(self) -> int | None:
        """Return the worker's resident set now, bytes."""
        return self._worker().resident_bytes()


def _arrays(sets: Sequence[Mapping[str, str | Path]]) -> list[Outputs]:
    """Read the outputs of each set from their files."""
    return [{name: np.load(path, allow_pickle=False) for name, path in each.items()} for each in sets]
