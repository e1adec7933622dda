"""Options of ONNX Runtime as axes of a sweep: what a suite says takes effect, and what would not is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from support.native import write_model

import bench
from bench.catalog import models, targets
from bench.contract.job import Workload
from bench.environments import cache_root, ensure, spec_for
from bench.environments.machine import platform_name
from bench.process import Worker
from bench.store import read_run

pytestmark = pytest.mark.runtimes

SUITE = """
suite: options
measure: {rounds: 1, bursts: 6, windows: 0, trial_s: 0.5}
preset: quick
models: {three: {path: three.onnx}}
include: [{model: magika, target: cpu}]
targets:
  disable: {target: cpu, session: {graph_optimization_level: disable}}
  basic: {target: cpu, session: {graph_optimization_level: basic}}
  extended: {target: cpu, session: {graph_optimization_level: extended}}
  parallel: {target: cpu, session: {execution_mode: parallel, inter_op_num_threads: 2}}
  no-arena: {target: cpu, session: {enable_cpu_mem_arena: false}}
  no-pattern: {target: cpu, session: {enable_mem_pattern: false}}
  no-spinning: {target: cpu, session: {session.intra_op.allow_spinning: false}}
  older: {target: cpu, requirements: ["onnxruntime==1.20.1"], session: {session.intra_op.allow_spinning: false}}
  provider-option: {target: openvino, options: {num_streams: 2}}
  native-option: {target: openvino-native, options: {NUM_STREAMS: 2}}
  parallel-alone: {target: cpu, session: {execution_mode: parallel}}
  no-such-level: {target: cpu, session: {graph_optimization_level: most}}
  no-such-option: {target: cpu, session: {nonsense: 1}}
  no-such-entry: {target: cpu, session: {session.nonsense: 1}}
  no-number: {target: cpu, session: {inter_op_num_threads: many}}
  no-switch: {target: cpu, session: {enable_cpu_mem_arena: perhaps}}
  no-such-native: {target: openvino-native, options: {NONSENSE: 1}}
  no-such-value: {target: openvino-native, options: {PERFORMANCE_HINT: FAST}}
  not-taken: {target: tract, options: {nonsense: 1}}
matrix:
  model: three
  threads: 2
  target:
"""
TOOK_EFFECT = {
    "disable": {"graph_optimization_level": "ORT_DISABLE_ALL"},
    "basic": {"graph_optimization_level": "ORT_ENABLE_BASIC"},
    "extended": {"graph_optimization_level": "ORT_ENABLE_EXTENDED"},
    "parallel": {"execution_mode": "ORT_PARALLEL", "inter_op_num_threads": "2"},
    "no-arena": {"enable_cpu_mem_arena": "False"},
    "no-pattern": {"enable_mem_pattern": "False"},
    "no-spinning": {"session.intra_op.allow_spinning": "0"},
    "older": {"session.intra_op.allow_spinning": "0"},
    "provider-option": {"num_streams": "2", "num_of_threads": "2"},
    "native-option": {"NUM_STREAMS": "2"},
}
REFUSED = {
    "parallel-alone": "say inter_op_num_threads too, 2 or more",
    "no-such-level": "it can be disable, basic, extended, layout, all",
    "no-such-option": "has no session option `nonsense`",
    "no-number": "inter_op_num_threads is `many`; it has to be a whole number",
    "no-switch": "enable_cpu_mem_arena is `perhaps`; it can be 1, 0, true, false",
    "no-such-native": "OpenVINO refuses an option: NotFound: Unsupported property NONSENSE",
    "no-such-value": "Expected only ov::hint::PerformanceMode::LATENCY",
    "not-taken": "this target takes no option `nonsense`",
}


@pytest.fixture(scope="module")
def notes() -> list[str]:
    """What the run said on its way."""
    return []


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory, notes: list[str]) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("options")
    write_model("three", folder)
    asked = "".join(f"    - {name}\n" for name in ("cpu", "no-such-entry", *TOOK_EFFECT, *REFUSED))
    (folder / "options.yaml").write_text(SUITE + asked, "utf-8")
    made = bench.run(folder / "options.yaml", folder / "results", watch=lambda event: notes.append(str(event)))
    return read_run(made).trials.set_index("target")


@pytest.mark.parametrize("target", TOOK_EFFECT)
def test_what_took_effect_is_read_back_from_the_session(trials: pd.DataFrame, target: str):
    row = trials.loc[target]
    assert row.status == "ok", row.reason
    assert TOOK_EFFECT[target].items() <= json.loads(row.options).items()


@pytest.mark.parametrize("target", REFUSED)
def test_what_nobody_would_read_is_refused_with_what_to_say_instead(trials: pd.DataFrame, target: str):
    row = trials.loc[target]
    assert row.status in ("unsupported", "skipped"), row.reason
    assert REFUSED[target] in row.reason


def test_an_entry_that_the_build_may_not_know_is_told_and_measured(trials: pd.DataFrame, notes: list[str]):
    assert trials.loc["no-such-entry"].status == "ok"
    assert any("no-such-entry: ONNX Runtime 1.32.0 may pass over" in note for note in notes)
    assert not any("no-spinning: ONNX Runtime" in note for note in notes)


# What a session is worth that only says so: the same, seen from outside.


@pytest.fixture
def load(start: Callable[..., Worker], trials: pd.DataFrame, tmp_path: Path) -> Callable[..., Worker]:
    """Load magika, on two threads, with these session options; its environment and file are there by then."""
    python = ensure(spec_for(targets()["cpu"])).python
    inputs = tmp_path / "bytes.npy"
    np.save(inputs, np.arange(2048, dtype=np.int32).reshape(1, 2048) % 256)

    def loaded(**changes: Any) -> Worker:
        asked: dict[str, Any] = {"provider": "CPUExecutionProvider", "cache_dir": str(tmp_path)}
        asked |= {"model": str(magika()), "format": "onnx", "precision": "fp32", "threads": 2}
        workload = Workload(**({"input_sets": [{"bytes": str(inputs)}]} | asked | changes))
        worker = start(python)
        worker.ask("import", adapter="ort")
        worker.ask("load", workload=workload.to_wire())
        worker.ask("first")
        return worker

    return loaded


def magika() -> Path:
    digest = models()["magika"].sha256
    return cache_root() / "models" / digest[:2] / digest / "model.onnx"


def test_each_level_leaves_another_graph(load: Any, tmp_path: Path):
    """Written as a file after the optimisations, and counted there: what a session assigns is the graph before them."""
    np.save(tmp_path / "x.npy", np.ones((1, 16, 8, 8), np.float32))
    given = {"model": str(write_model("optimisable", tmp_path)), "input_sets": [{"x": str(tmp_path / "x.npy")}]}
    graphs = {}
    for level in ("disable", "basic", "extended", "all"):
        folder = tmp_path / level
        load(**given, session={"graph_optimization_level": level}, cache="optimised_model", cache_dir=str(folder))
        [kept] = folder.glob("*.onnx")
        as_it_is = load(**(given | {"model": str(kept)}), session={"graph_optimization_level": "disable"})
        graphs[level] = sorted(name.partition("/")[2] for name in as_it_is.ask("placement")["operators"])
    assert graphs["disable"] == ["Conv", "Identity", "Relu"]
    assert graphs["basic"] == ["Conv", "Relu"]
    assert graphs["extended"] == ["FusedConv"]
    if platform_name().endswith(("x86_64", "amd64")):  # a layout for this processor
        assert "ReorderInput" in graphs["all"]


def test_parallel_execution_has_threads_of_its_own(load: Any):
    def threads(**session: str) -> int:
        return psutil.Process(load(session=session).process.pid).num_threads()

    assert threads(execution_mode="parallel", inter_op_num_threads="2") > threads(execution_mode="sequential")


def test_threads_that_do_not_spin_leave_the_processor_after_a_run(load: Any):
    def used_s(spinning: str) -> float:
        worker = load(session={"session.intra_op.allow_spinning": spinning})
        process = psutil.Process(worker.process.pid)
        before = sum(process.cpu_times()[:2])
        for _ in range(20):
            worker.ask("pause", seconds=0.02, lead_in=1)
        return float(sum(process.cpu_times()[:2]) - before)

    assert used_s("0") < used_s("1")
