"""OpenVINO's benchmark_app for real, beside our own measurement of the same runtime, model, precision and threads."""

import json
import sys
from typing import Any

import pandas as pd
import pytest
from support.programs import on_path

import bench
from bench.analysis import recommend, summarize
from bench.store import Run, read_run
from bench.suite import load_text

pytestmark = pytest.mark.runtimes

SUITE = """
suite: tools
preset: quick
baseline: openvino-native
measure: {rounds: 2, bursts: 6, windows: 0, trial_s: 2}
targets:
  wrong: {target: benchmark-app, tool: {command: [benchmark_app, -m, "{model}", -no_such_option]}}
  mine:
    target: command
    tool: {command: [mine, "{model}", "{threads}"], read: {mean_us: 'mean (\\d+) us'}}
matrix: {model: ppocr-v6-rec, target: [openvino-native, benchmark-app, wrong, mine, trtexec, command]}
include:
  - {target: [openvino-native, benchmark-app-throughput], scenario: throughput}
  - {model: blazeface, target: [openvino-native, benchmark-app, litert, litert-benchmark]}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("tools")
    with pytest.MonkeyPatch.context() as patch:
        on_path(folder, patch).says("mine", "mean 7000 us")
        return read_run(bench.run(load_text(SUITE), folder))


def of(run: Run, target: str) -> pd.DataFrame:
    found = run.trials[run.trials.target == target]
    assert len(found), f"{target} has no row"
    return found


def cell(run: Run, target: str, kind: str = "latency") -> Any:
    summary = summarize(run.trials, run.meta)
    return summary[(summary.target == target) & (summary.scenario_kind == kind)].iloc[0]


def test_benchmark_app_reports_a_latency_beside_ours_with_a_ratio_and_its_flag(run: Run):
    trials = of(run, "benchmark-app")
    assert set(trials.status) == {"ok"}, list(trials.reason)
    assert all("other_method" in flags for flags in trials["flags"])
    ours, told = cell(run, "openvino-native"), cell(run, "benchmark-app")
    assert ours.valid and ours.is_baseline
    assert 0.1 < told.latency_ns / ours.latency_ns < 10
    assert 0.1 < told.speedup < 10 and told.speedup_rounds >= 2
    assert not told.valid and told.verdict == "none" and pd.isna(told.output_ok)


def test_it_ran_as_it_was_pinned(run: Run):
    told = json.loads(of(run, "benchmark-app").options.iloc[0])
    assert "-hint none -api sync -nstreams 1 -nthreads" in told["command"] and "-infer_precision f32" in told["command"]
    assert "/" not in told["command"].replace("{folder}/", ""), "no folder of this machine"
    reported = told["reported"]
    assert reported["min_ns"] <= reported["median_ns"] <= reported["max_ns"] and reported["inferences"] >= 1
    assert reported["duration_ns"] >= 0.9e9


def test_its_throughput_is_what_it_completed_with_requests_in_flight(run: Run):
    [ended] = set(of(run, "benchmark-app-throughput").status)
    ours, told = cell(run, "openvino-native", "throughput"), cell(run, "benchmark-app-throughput", "throughput")
    assert ended == "ok" and 0.1 < told.throughput_items_s / ours.throughput_items_s < 10


def test_litert_is_measured_by_its_own_tool_too(run: Run):
    trials = of(run, "litert-benchmark")
    assert set(trials.status) == {"ok"}, list(trials.reason)
    ours, told = cell(run, "litert"), cell(run, "litert-benchmark")
    assert ours.valid and not told.valid
    assert 0.05 < told.latency_ns / ours.latency_ns < 20 and told.speedup_rounds >= 2
    assert json.loads(trials.options.iloc[0])["reported"]["inferences"] == 200


def test_it_is_never_recommended(run: Run):
    choices = recommend(summarize(run.trials, run.meta))
    assert {choice.winner["target"] for choice in choices if choice.winner} <= {"openvino-native", "litert"}
    assert choices and all("measured by another method" in choice.ruled_out for choice in choices)


def test_what_it_refuses_is_told_in_its_words(run: Run):
    rows = of(run, "wrong")
    assert set(rows.status) == {"error"}
    assert (
        rows.reason.iloc[0].startswith("benchmark_app ended with exit code") and "no_such_option" in rows.reason.iloc[0]
    )


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script with a #! line")
def test_any_program_of_the_suites_own_measures_beside_them(run: Run):
    rows = of(run, "mine")
    assert set(rows.status) == {"ok"} and rows.samples_ns.iloc[0].tolist() == [7_000_000]
    assert "is a mean" in rows.reason.iloc[0]


def test_a_tool_that_is_not_here_is_skipped_with_where_it_comes_from(run: Run):
    assert of(run, "trtexec").reason.iloc[0] == "trtexec is not on PATH: it comes with TensorRT"
    assert "none is named" in of(run, "command").reason.iloc[0]
    assert set(of(run, "trtexec").status) == {"skipped"}
