"""A whole run: prepare, rounds, journal, one Parquet file - and going on where one was cut off."""

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import psutil

from bench.contract.flags import Flag
from bench.environments import cache_root, disk_errors
from bench.environments.machine import fingerprint
from bench.errors import BenchError, NothingMeasured, UsageError
from bench.runner.events import Planned, Watch
from bench.runner.measure import bimodal, measure
from bench.runner.metadata import header_of, meta_of
from bench.runner.prepare import Preparation, Prepared
from bench.runner.trial import Clock
from bench.store import write_run
from bench.store.journal import Journal
from bench.suite import LoadedSuite, load_suite, load_text, with_duel

Preset = Literal["quick", "standard", "precise"]
LEAST_FREE_BYTES = 500_000_000
IN_WORKERS = ("start", "import", "load", "first", "warm", "burst", "window")


def run(
    source: str | Path | LoadedSuite,
    out: Path | str = "results",
    preset: Preset | None = None,
    watch: Watch | None = None,
) -> Path:
    """Measure a suite and return the path of its Parquet file in folder `out`.

    `source` is a path, the name of a shipped suite, one ONNX file, or a loaded suite. While it runs, trials are kept in
    a journal beside the result; after an interruption `resume` goes on from there. Raises UsageError, EnvironmentFailed
    or NothingMeasured (the rows that say why are written all the same).
    """
    loaded = source if isinstance(source, LoadedSuite) else load_suite(source)
    if preset:
        loaded = replace(loaded, suite=loaded.suite.model_copy(update={"preset": preset}))
    folder = _writable(Path(out))
    started = datetime.now(UTC)
    with _scratch() as scratch:
        clock, watch = Clock(), watch or (lambda _: None)
        with clock.phase("prepare"):
            machine = fingerprint()
            prepared = Preparation(loaded, scratch, watch).run()
        name = f"{started.astimezone():%Y-%m-%dT%H%M%S}-{loaded.suite.suite}"
        header = header_of(name, started, loaded, prepared, machine)
        with Journal.create(folder / f"{name}.journal", header) as journal:
            for row in prepared.never:
                journal.append(_stamped(row, header))
            return _finish(journal, prepared, scratch, clock, watch)


def resume(path: Path | str, watch: Watch | None = None) -> Path:
    """Go on with the run whose journal is at `path`; returns the path of its Parquet file.

    Refuses (UsageError, naming the difference) where the machine, its power source, an environment or the resolved plan
    is not what it was: rounds taken under other conditions are not rounds of the same run.
    """
    with Journal.open(Path(path)) as journal, _scratch() as scratch:
        header = journal.header
        finished = journal.path.with_suffix(".parquet")
        if finished.exists():  # it was cut off between writing the result and removing the journal
            journal.discard()
            return finished
        clock, watch = Clock(), watch or (lambda _: None)
        loaded = load_text(header["suite_text"], header["suite"]["suite"], Path(header["folder"]))
        if header["duel"]:
            loaded = with_duel(loaded, header["duel"]["a"], header["duel"]["b"])
            loaded = loaded.with_measure(threshold=header["protocol"]["threshold"])
        loaded = replace(loaded, suite=loaded.suite.model_copy(update={"preset": header["protocol"]["preset"]}))
        with clock.phase("prepare"):
            machine = fingerprint()
            prepared = Preparation(loaded, scratch, watch).run()
        _same(header, header_of(header["run_id"], datetime.now(UTC), loaded, prepared, machine), journal.path)
        return _finish(journal, prepared, scratch, clock, watch)


def _finish(journal: Journal, prepared: Prepared, scratch: Path, clock: Clock, watch: Watch) -> Path:
    header = journal.header
    watch(
        Planned(
            cells=len(prepared.plan.cells),
            skipped=len(prepared.never),
            blocks=len({group.block.id for group in prepared.groups}),
            rounds=prepared.plan.protocol.rounds,
            estimate_s=prepared.plan.estimate_s,
        )
    )
    start = perf_counter()
    measure(
        prepared,
        journal.rows(),
        keep=lambda row: journal.append(_stamped(row, header)),
        scratch=scratch,
        limits_s=dict(header["limits_s"]),
        baseline=header["baseline"],
        rng=random.Random(f"{header['suite']['seed']}-{header['run_id']}"),
        clock=clock,
        watch=watch,
    )
    wall = perf_counter() - start
    rows = _with_unpaired(journal.rows())
    for row in bimodal(rows):  # all of a cell's trials are needed to tell
        row["flags"] = sorted({*row["flags"], Flag.BIMODAL})
    path = journal.path.with_suffix(".parquet")
    seconds = {
        **prepared.seconds,
        "prepare": clock.seconds.get("prepare", 0.0),
        "measure": wall,
        "in_workers": sum(clock.seconds.get(phase, 0.0) for phase in IN_WORKERS),
        "phases": {name: spent for name, spent in clock.seconds.items() if name != "prepare"},
    }
    write_run(path, rows, meta_of(header, prepared, seconds))
    journal.discard()
    if not any(row["status"] == "ok" for row in rows):
        raise NothingMeasured(
            f"No cell could be measured; the reasons are in {path}.",
            f"`ortbench show {path}` lists them.",
        )
    return path


def _stamped(row: dict[str, Any], header: dict[str, Any]) -> dict[str, Any]:
    return {
        "started_at": header["started_at"],
        **row,
        "run_id": header["run_id"],
        "suite": header["suite"]["suite"],
        "machine_id": header["machine"]["machine_id"],
    }


def _with_unpaired(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Flag the finished trials of a round that was cut off and taken again whole."""
    last = {
        (row["cell_id"], row["group"], row["round"]): i for i, row in enumerate(rows) if row.get("round") is not None
    }
    for i, row in enumerate(rows):
        if row.get("round") is not None and last[row["cell_id"], row["group"], row["round"]] != i:
            row["flags"] = sorted({*row["flags"], "unpaired"})
    return rows


def _same(then: dict[str, Any], now: dict[str, Any], path: Path) -> None:
    """Raise UsageError naming what differs between the run as it began and as it would go on."""
    differences = []
    if then["machine"]["machine_id"] != now["machine"]["machine_id"]:
        differences.append(f"the machine (it was {then['machine']['name']}, this is {now['machine']['name']})")
    powers = [header["machine"]["conditions"]["power_source"] for header in (then, now)]
    if powers[0] != powers[1]:
        differences.append(f"the power source (it was {powers[0]}, now {powers[1]})")
    for label, old in then["environments"].items():
        new = now["environments"].get(label, {}).get("freeze")
        if new != old["freeze"]:
            changed = sorted(set(old["freeze"]) ^ set(new or []))
            differences.append(f"the environment {label} ({', '.join(changed[:4])})")
    if not differences and then["plan_hash"] != now["plan_hash"]:
        differences.append("the resolved plan (a model file, an input file, the catalog or ortbench itself changed)")
    if differences:
        raise UsageError(
            f"{path} cannot be continued: {' and '.join(differences)} changed since it began.",
            "Start a new run; this journal's trials can be compared with nothing taken now.",
        )


def _writable(folder: Path) -> Path:
    """Return the output folder, made if need be. Raises before any work where nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise UsageError(
            f"Nothing can be written to {folder}: {error.strerror or error}.", "Give another folder with `--out`."
        ) from error
    if free < LEAST_FREE_BYTES:
        raise BenchError(
            f"{folder} has {free / 1e6:.0f} MB free; a run needs {LEAST_FREE_BYTES / 1e6:.0f} MB to be safe.",
            "Free some space, or give another folder with `--out`.",
        )
    return folder


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder of this process's own in the cache. Those of processes that were killed are removed first."""
    home = cache_root() / "scratch"
    with disk_errors(home):
        home.mkdir(parents=True, exist_ok=True)
        for left in home.iterdir():
            if not psutil.pid_exists(int(left.name.partition("-")[0])):
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=home, prefix=f"{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
