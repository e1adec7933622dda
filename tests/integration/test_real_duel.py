"""Real duels on real runtimes, end to end: each side measured as it was asked for, the two of them side by side."""

from dataclasses import replace
from math import exp
from pathlib import Path
from statistics import median

import pandas as pd
import pytest

import bench
from bench.analysis import summarize
from bench.catalog import targets
from bench.environments import cache_root, ensure, spec_for, tools_spec
from bench.models.stack import Stack, stack_file
from bench.models.variants import Workshop
from bench.process import worker_folder
from bench.runner.selfcheck import PLANTED, selfcheck
from bench.store import Run, read_run
from bench.suite import load_text, with_duel
from bench.suite.duel import AS_IS, from_here

pytestmark = pytest.mark.runtimes

SUITE = """
suite: duel
preset: quick
models: {stack: {path: %s}}
matrix: {model: %s, target: cpu, threads: 1}
measure: {rounds: 2, windows: 0, bursts: 6}
"""


@pytest.fixture(scope="module")
def stacks() -> tuple[Path, Path]:
    """A model, and its twin that takes half as long again for the same outputs."""
    shop = Workshop(ensure(tools_spec()), worker_folder(cache_root()), {})
    stack = Stack("matmul", 32, 64, 40)
    return stack_file(shop, stack), stack_file(shop, stack.slower(0.5))


@pytest.fixture
def duel(stacks, tmp_path):
    def run(a: str, b: str, model: str = "magika") -> Run:
        folder = stacks[0].parent
        loaded = load_text(SUITE % (stacks[0].name, model), folder=folder)
        return read_run(bench.run(with_duel(loaded, from_here(a, folder), from_here(b, folder)), tmp_path))

    return run


def sides(run: Run) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The trials of side a and of side b, whole rounds of one block that ended well."""
    assert set(run.trials["status"]) == {"ok"}, run.trials["reason"].tolist()
    assert run.trials["block_id"].nunique() == 1
    a, b = (run.trials[run.trials["side"] == side].sort_values("round") for side in ("a", "b"))
    assert list(a["round"]) == list(b["round"])
    assert list(a["round"])[:2] == [0, 1]  # and one more, where a process had a bad day
    return a, b


def pair(run: Run) -> tuple[pd.Series, pd.Series]:
    """The cells of side a and of side b, both of which may be believed and were compared round by round."""
    found = summarize(run.trials, run.meta).set_index("side")
    a, b = found.loc["a"], found.loc["b"]
    assert a["valid"] and b["valid"], found["invalid_reason"].tolist()
    assert a["is_baseline"] and not b["is_baseline"]
    assert list(b["effects"]) == [(0, number) for number in range(run.trials["round"].max() + 1)]
    return a, b


def test_two_versions_of_onnx_runtime(duel):
    run = duel("onnxruntime==1.30.0", AS_IS)
    a, b = sides(run)
    assert set(a["runtime_version"]) == {"1.30.0"}
    assert set(b["runtime_version"]) == {"1.32.0"}
    pair(run)
    assert run.meta["duel"] == {"a": "onnxruntime==1.30.0", "b": AS_IS}
    assert [row["label"] for row in run.meta["targets"].values()] == [
        "ORT CPU, A: onnxruntime==1.30.0",
        "ORT CPU, B: as-is",
    ]
    for label, package in (("onnxruntime (onnxruntime==1.30.0)", "1.30.0"), ("onnxruntime", "1.32.0")):
        assert f"onnxruntime=={package}" in run.meta["environments"][label]["freeze"]


def test_an_environment_that_somebody_else_made(duel):
    """Any virtual environment that holds the runtime: here the one of another version, by its folder."""
    place = ensure(spec_for(replace(targets()["cpu"], requirements=["onnxruntime==1.30.0"])))
    run = duel(AS_IS, f"environment={place.folder}")
    a, b = sides(run)
    assert set(a["runtime_version"]) == {"1.32.0"}
    assert set(b["runtime_version"]) == {"1.30.0"}
    pair(run)
    told = run.meta["environments"][run.meta["targets"]["cpu@b"]["environment"]]
    assert tuple(told["freeze"]) == place.freeze


def test_a_model_file_against_its_slower_twin(duel, stacks):
    run = duel(AS_IS, str(stacks[1]), "stack")
    a, b = sides(run)
    assert a["model_sha256"].iloc[0] != b["model_sha256"].iloc[0]
    assert b["nodes_total"].iloc[0] > a["nodes_total"].iloc[0]
    assert b["output_ok"].all()  # against the reference of side a, from the same inputs
    pair(run)


def test_a_model_file_that_is_another_function_never_counts(duel, stacks, tmp_path):
    other = tmp_path / "other.onnx"
    shop = Workshop(ensure(tools_spec()), worker_folder(cache_root()), {})
    other.write_bytes(stack_file(shop, Stack("matmul", 32, 64, 20)).read_bytes())
    run = duel(AS_IS, str(other), "stack")
    a, b = sides(run)
    assert a["output_ok"].all() and not b["output_ok"].any()
    found = summarize(run.trials, run.meta).set_index("side")
    assert found.loc["a", "valid"] and not found.loc["b", "valid"]


def test_one_thread_against_two(duel):
    run = duel("threads=1", "threads=2")
    a, b = sides(run)
    assert set(a["threads"]) == set(a["threads_effective"]) == {1}
    assert set(b["threads"]) == set(b["threads_effective"]) == {2}
    assert set(run.trials["block_id"]) == {"magika/fp32/cpu/b1/t1~t2/latency"}
    pair(run)


def test_a_session_option_takes_effect_on_its_side_only(duel):
    run = duel(AS_IS, "session.graph_optimization_level=disable")
    a, b = sides(run)
    assert a["nodes_total"].iloc[0] < b["nodes_total"].iloc[0]  # nothing was fused
    pair(run)


def test_the_canary_is_measured_and_kept(tmp_path, monkeypatch):
    """Two rounds tell nothing of the machine; they show that it is measured, judged and kept."""
    kept = tmp_path / "kept.json"
    monkeypatch.setattr("bench.runner.selfcheck.selfcheck_file", lambda machine_id: kept)
    found = selfcheck(tmp_path / "out", rounds=2)
    assert min(len(found.same), len(found.slower)) >= 2
    assert found.planted == PLANTED
    assert found.found_low <= found.found <= found.found_high
    assert 1 + found.found == pytest.approx(exp(median(found.slower)))
    assert found.latency_ns > 0
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".parquet"}
    assert f'"machine_id": "{found.machine_id}"' in kept.read_text("utf-8")
