"""Scripted workers (bench/worker/adapters/scripted.py): what to ask of them, what they logged, whether they live."""

import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench.catalog import Scenario, Target, scenarios
from bench.contract.job import Workload
from bench.runner.lane import Lane
from bench.suite.cells import Cell, Protocol

PYTHON = Path(sys.executable)
PATIENCE_S = 20  # for what should happen at once, on a machine that is busy with something else
INPUTS = [{"x": np.linspace(-1, 1, 12, dtype=np.float32).reshape(2, 6) + step} for step in range(2)]
TINY = Protocol(
    "standard", rounds=2, max_rounds=2, half_width=None, bursts=6, burst_ms=4, windows=2, window_ms=10, concurrency=2,
    trial_s=10,
)  # fmt: skip
LATENCY = scenarios()["latency"]
BRIEF = {"least": 3, "least_s": 0.0, "most_s": 0.5, "agree": 1.0}  # warm-up that ends after two windows


def workload(folder: Path, **options: Any) -> Workload:
    """A workload of the scripted adapter, with its inputs in `folder`; its log is there too."""
    folder.mkdir(parents=True, exist_ok=True)
    sets = [{name: str(_saved(folder / f"{i}-{name}.npy", value)) for name, value in each.items()}
            for i, each in enumerate(INPUTS)]  # fmt: skip
    texts = {name: str(value) for name, value in options.items()}
    return Workload("", "onnx", "fp32", threads=1, options={"log": str(folder / "log"), **texts}, input_sets=sets)


def _saved(path: Path, value: np.ndarray) -> Path:
    if not path.exists():
        np.save(path, value)
    return path


def make_lane(
    folder: Path, name: str = "steady", python: Path = PYTHON, scenario: Scenario = LATENCY, **options: Any
) -> Lane:
    """A lane of one scripted cell, its reference its own inputs; its log is `folder / name / log`."""
    asked = workload(folder / name, **options)
    cell = Cell(f"tiny/fp32/{name}/b2/t1/{scenario.name}", "tiny", "fp32", name, 2, (), 1, scenario.name)
    return Lane(
        cell=cell,
        target=Target(name, name.title(), "scripted"),
        adapter="scripted",
        python=python,
        workload=asked,
        columns={
            "block_id": f"tiny/b2/t1/{scenario.name}", "group": 0, "cell_id": cell.id, "model": "tiny",
            "precision": "fp32",
            "target": name, "target_label": name.title(), "runtime": "scripted", "batch": 2, "dims": "{}", "threads": 1,
            "concurrency": 2, "sessions": scenario.sessions, "scenario": scenario.name, "scenario_kind": scenario.kind,
            "boundary": "host_to_host", "cache": "none",
        },
        effective="fp32",
        tolerance={"relative": 1e-3},
        scenario=scenario,
        references=[{key: Path(path) for key, path in each.items()} for each in asked.input_sets],
    )  # fmt: skip


def loaded(worker: Any, asked: Workload) -> Any:
    """Bring a worker as far as its first inference; returns it."""
    worker.ask("import", adapter="scripted")
    worker.ask("load", workload=asked.to_wire())
    worker.ask("first")
    return worker


def events(log: Path, kind: str) -> list[dict[str, Any]]:
    """What a scripted process logged, without a last line that is being written."""
    lines = log.read_bytes().split(b"\n")[:-1] if log.exists() else []
    found = [json.loads(line) for line in lines]
    return [each for each in found if each["event"] == kind]


def wait_until(true: Callable[[], Any]) -> Any:
    """Wait until `true()` is so, and return what it gave. Fails after 20 s."""
    end = time.monotonic() + PATIENCE_S
    while not (found := true()):
        assert time.monotonic() < end, "what the test waits for did not happen"
        time.sleep(0.005)
    return found


def alive(pid: int) -> bool:
    """Whether a process still runs: a zombie that nobody has waited for does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def all_gone(pids: Iterable[int]) -> bool:
    """Wait until none of these processes runs any more; false if one still does after 20 s."""
    waiting, end = list(pids), time.monotonic() + PATIENCE_S
    while waiting and time.monotonic() < end:
        waiting = [pid for pid in waiting if alive(pid)]
        time.sleep(0.005)
    return not waiting


def tree_of(pid: int) -> list[int]:
    """A process and all below it."""
    process = psutil.Process(pid)
    return [pid, *(child.pid for child in process.children(recursive=True))]


def cpu_s(pids: Iterable[int]) -> float:
    """Processor time these processes have used."""
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)
