"""Every kind of scenario on real runtimes: what must be true of the rows, whatever the machine. No absolute times."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bench
from bench.analysis import summarize
from bench.catalog import models, targets
from bench.contract.job import Workload
from bench.contract.status import Failure
from bench.environments import cache_root, ensure, spec_for
from bench.process import Worker
from bench.runner.scenarios.page_cache import CAN_DROP
from bench.store import Run, read_run
from bench.suite import load_text

pytestmark = pytest.mark.runtimes

SUITE = """
suite: scenarios
preset: quick
measure: {rounds: 2}
targets:
  openvino-context: {target: openvino, session: {ep.context_enable: 1}}
scenarios:
  two: {scenario: throughput, concurrency: 2}
  two-sessions: {scenario: throughput, concurrency: 2, sessions: 2}
  busy: {scenario: server, percentile: 0.9, limit_ms: 500, queries: 100, within: 0.5}
  cold: {scenario: cold_start, processes: 5}
  empty: {scenario: cold_start, processes: 5, cache: empty}
  warm: {scenario: cold_start, processes: 5, cache: warm}
  dropped: {scenario: cold_start, processes: 2, page_cache: dropped}
  reopened: {scenario: churn, cycles: 24}
  paused: {scenario: idle, pause_ms: 50, pauses: 6}
matrix:
  model: magika
  target: [cpu, openvino-native]
  scenario: [two, two-sessions, busy, cold, empty, warm, dropped, reopened, paused]
include:
  - {model: magika, target: [openvino, openvino-context], scenario: [empty, warm]}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(bench.run(load_text(SUITE), tmp_path_factory.mktemp("scenarios")))


@pytest.fixture(scope="module")
def cells(run: Run) -> pd.DataFrame:
    return summarize(run.trials, run.meta).set_index(["scenario", "target"])


def rows(run: Run, scenario: str, target: str) -> pd.DataFrame:
    found = run.trials[(run.trials.scenario == scenario) & (run.trials.target == target)]
    assert len(found), f"{scenario} {target} has no row"
    return found


def test_every_kind_ends_well_and_its_output_is_right(run: Run):
    t = run.trials[run.trials.target.isin(["cpu", "openvino-native"])]
    wrong = t[(t.status != "ok") | ~t.output_ok.astype("boolean").fillna(False)]
    assert wrong.empty, wrong[["cell_id", "status", "reason"]].to_string()


def test_each_kind_has_the_figure_it_measures(cells: pd.DataFrame):
    figures = {
        "two": "throughput_items_s", "two-sessions": "throughput_items_s", "busy": "rate_per_s", "cold": "start_ns",
        "empty": "start_ns", "warm": "start_ns", "dropped": "start_ns", "reopened": "growth_bytes",
        "paused": "latency_ns",
    }  # fmt: skip
    for scenario, figure in figures.items():
        for target in ("cpu", "openvino-native"):
            assert np.isfinite(cells.loc[(scenario, target), figure]), (scenario, target)
            assert cells.loc[(scenario, target), "cost_ns"] > 0


def test_a_warm_cache_makes_native_openvino_start_faster_than_an_empty_one(run: Run):
    """Half is usual; compiling on top of writing the cache against reading it. Fastest of five fresh processes each."""
    empty, warm = (rows(run, scenario, "openvino-native") for scenario in ("empty", "warm"))
    assert set(empty.cache) == {"empty"} and set(warm.cache) == {"warm"}
    assert warm.create_ns.min() < 0.85 * empty.create_ns.min()
    assert warm.create_ns.median() < empty.create_ns.median()
    assert warm.compile_ns.notna().all() and empty.compile_ns.isna().all()


def test_the_cpu_provider_starts_from_its_optimised_file(run: Run):
    """What was fused and laid out is in the file: the graph that is assigned has the nodes of the optimised one."""
    counts = {name: set(rows(run, name, "cpu").nodes_total) for name in ("cold", "empty", "warm")}
    assert counts["warm"] == counts["empty"] != counts["cold"]
    assert set(rows(run, "warm", "cpu").cache) == {"warm"}
    assert rows(run, "warm", "cpu").output_ok.all()


def test_the_openvino_provider_says_whether_it_used_what_it_had_kept(run: Run):
    """onnxruntime-openvino 1.24.1 writes its own blobs anew on the CPU instead of reading them."""
    assert set(rows(run, "empty", "openvino").cache) == {"empty"}
    warm = rows(run, "warm", "openvino")
    assert (warm.status == "ok").all()
    assert set(warm.cache) <= {"warm", "refilled"}
    assert ((warm.cache == "refilled") == warm.reason.str.contains("was not used")).all()


def test_an_ep_context_file_is_written_and_what_reads_it_ends_typed(run: Run):
    empty, warm = (rows(run, scenario, "openvino-context") for scenario in ("empty", "warm"))
    assert set(empty.status) == {"ok"} and set(empty.cache) == {"empty"}
    assert set(warm.status) <= {"ok", "error"}
    assert (warm.reason.str.len() > 0).all() or set(warm.status) == {"ok"}


def test_results_tell_no_folder_of_this_machine(run: Run):
    told = " ".join(run.trials.options.dropna())
    assert "{folder}" in told  # where the cache is
    assert str(Path.home()) not in told and "compiled" not in told


@pytest.mark.skipif(not CAN_DROP, reason="the page cache can be dropped on Linux")
def test_a_dropped_model_was_really_gone_or_the_row_says_not(run: Run):
    for row in rows(run, "dropped", "cpu").itertuples():
        assert row.page_cache == ("warm" if "stayed in the page cache" in row.reason else "dropped")
    assert set(rows(run, "cold", "cpu").page_cache) == {"warm"}


def test_sessions_that_come_and_go_leave_little_behind(cells: pd.DataFrame):
    for target in ("cpu", "openvino-native"):
        assert abs(cells.loc[("reopened", target), "growth_bytes"]) < 64 << 10


def test_several_sessions_take_more_memory_than_one(run: Run):
    one, two = (rows(run, scenario, "cpu").peak_rss_bytes.median() for scenario in ("two", "two-sessions"))
    assert two > one + 1_000_000  # magika's weights are 3 MB


def test_a_rate_that_holds_is_below_what_a_closed_loop_completes(run: Run, cells: pd.DataFrame):
    for target in ("cpu", "openvino-native"):
        for row in rows(run, "busy", target).itertuples():
            assert row.rate_per_s == max(
                rate for rate, latency in zip(row.probe_rate_per_s, row.probe_latency_ns, strict=True) if latency > 0
            )


# The adapter itself, for what a row does not tell.


@pytest.fixture
def ort(run: Run, start: Callable[..., Worker], tmp_path: Path) -> Callable[..., tuple[Worker, Any]]:
    python = ensure(spec_for(targets()["cpu"])).python
    digest = models()["magika"].sha256
    magika = cache_root() / "models" / digest[:2] / digest / "model.onnx"
    inputs = tmp_path / "bytes.npy"
    np.save(inputs, np.arange(2048, dtype=np.int32).reshape(1, 2048) % 256)

    def load(**changes: Any) -> tuple[Worker, Any]:
        asked: dict[str, Any] = {
            "provider": "CPUExecutionProvider",
            "cache": "optimised_model",
            "cache_dir": str(tmp_path / "cache"),
        }
        asked |= {"model": str(magika), "format": "onnx", "precision": "fp32", "threads": 2}
        workload = Workload(input_sets=[{"bytes": str(inputs)}], **(asked | changes))
        worker = start(python)
        worker.ask("import", adapter="ort")
        return worker, worker.ask("load", workload=workload.to_wire())

    return load


def test_the_file_that_was_kept_is_what_is_loaded(ort: Any, tmp_path: Path):
    worker, _ = ort()
    assert "CPUExecutionProvider/ReorderInput" in worker.ask("placement")["operators"]  # a layout, chosen before
    plain, _ = ort(cache="", session={"graph_optimization_level": "disable"})
    assert "CPUExecutionProvider/ReorderInput" not in plain.ask("placement")["operators"]
    [kept] = (tmp_path / "cache").glob("*.onnx")
    kept.write_bytes(b"no model")
    with pytest.raises(Failure, match=kept.name):
        ort()


def test_sessions_share_a_kept_file_only_where_they_are_made_alike(ort: Any, tmp_path: Path):
    def kept() -> int:
        return len(list((tmp_path / "cache").glob("*")))

    ort()
    ort()
    assert kept() == 1
    others: list[dict[str, Any]] = [
        {"threads": 1},
        {"session": {"graph_optimization_level": "basic"}},
        {"model": str(_touched(tmp_path))},
    ]
    for number, other in enumerate(others):
        ort(**other)
        assert kept() == 2 + number


def _touched(folder: Path) -> Path:
    """The same bytes as a file of another time: whether it is the same model, only reading it would tell."""
    digest = models()["magika"].sha256
    copy = folder / "model.onnx"
    copy.write_bytes((cache_root() / "models" / digest[:2] / digest / "model.onnx").read_bytes())
    return copy
