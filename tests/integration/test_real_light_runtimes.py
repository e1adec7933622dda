"""Native runtimes in small environments: right or typed, in FP32, on as many threads as they say."""

import subprocess
from pathlib import Path

import pandas as pd
import pytest
from support.native import measure, write_model

import bench
from bench.environments import cache_root, ensure, tools_spec
from bench.environments.machine import usable_cores
from bench.models.variants import Workshop, fixed
from bench.process import worker_folder
from bench.store import read_run

pytestmark = pytest.mark.runtimes

TARGETS = ("mnn", "tract")
GELU_SUITE = """
suite: gelu
preset: quick
measure: {rounds: 1, bursts: 6, windows: 0, trial_s: 1}
models: {gelu: {path: gelu.onnx, inputs: {x: {uniform: [-4, 4]}}}}
matrix: {model: gelu, target: [cpu, mnn], threads: 1}
"""


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    found = measure(TARGETS, ("basic-pitch", "magika"), tmp_path_factory.mktemp("light"))
    return found[found.target != "cpu"]


def test_every_cell_of_models_they_take_ran_with_two_requests_in_flight(trials: pd.DataFrame):
    taken = trials[trials.model != "unknown"]
    assert (taken.status == "ok").all(), taken[["cell_id", "status", "reason"]].to_string()
    assert set(taken.target) == set(TARGETS)
    assert (taken.window_completed.map(sum) > 0).all()


def test_outputs_are_right_at_every_batch(trials: pd.DataFrame):
    checked = trials[trials.model.isin(["product", "three", "basic-pitch"])]
    assert checked.output_ok.all(), checked[["cell_id", "max_rel_error", "reason"]].to_string()
    assert trials[(trials.model == "magika") & (trials.target == "tract")].output_ok.all()


def test_mnn_is_caught_where_it_computes_something_else(trials: pd.DataFrame):
    """MNN 3.6.1 converts magika without a complaint and answers wrongly."""
    magika = trials[(trials.model == "magika") & (trials.target == "mnn")]
    assert not magika.output_ok.any()


def test_mnn_computes_the_exact_gelu_where_that_is_asked_for(tmp_path: Path):
    """Its converter makes an approximation of it, which is up to 5e-4 away: too little for the tolerance to tell."""
    write_model("gelu", tmp_path)
    (tmp_path / "gelu.yaml").write_text(GELU_SUITE, "utf-8")
    found = read_run(bench.run(tmp_path / "gelu.yaml", tmp_path / "results")).trials.set_index("target").loc["mnn"]
    assert found.status == "ok" and found.max_abs_error < 1e-5, (found.max_abs_error, found.reason)


@pytest.mark.parametrize("target", TARGETS)
def test_products_keep_what_bf16_would_lose(trials: pd.DataFrame, target: str):
    product = trials[(trials.model == "product") & (trials.target == target)]
    assert (product.max_rel_error < 1e-6).all()
    assert set(product.precision_effective) == {"fp32"}


def test_mnn_gets_the_threads_it_asks_for_as_far_as_there_are_processors(trials: pd.DataFrame):
    mnn = trials[(trials.target == "mnn") & (trials.status == "ok")]
    assert (mnn.threads_effective == mnn.threads.clip(upper=usable_cores())).all()


def test_tract_owns_up_to_its_one_thread(trials: pd.DataFrame):
    tract = trials[(trials.target == "tract") & (trials.status == "ok")]
    assert set(tract.threads) == {1, 2} and set(tract.threads_effective) == {1}


@pytest.mark.parametrize(("target", "operator"), [("mnn", "IsNaN"), ("tract", "Det")])
def test_a_row_says_which_operator_stopped_it(trials: pd.DataFrame, target: str, operator: str):
    row = trials[(trials.model == "unknown") & (trials.target == target)].iloc[0]
    assert row.status == "unsupported"
    assert operator in row.reason


def test_the_converted_file_is_counted_and_the_conversion_timed(trials: pd.DataFrame):
    mnn = trials[(trials.target == "mnn") & (trials.status == "ok")]
    assert (mnn.translate_ns > 0).all() and (mnn.model_bytes > 0).all()


def test_a_fixed_file_is_a_valid_one_where_inference_knows_no_shape(tmp_path: Path):
    tools = ensure(tools_spec())
    model = write_model("unranked", tmp_path)
    shop = Workshop(tools, worker_folder(cache_root()), {})
    made = fixed(shop, model, "unranked", {"x": [2, 1, 3], "axes": [1]})
    check = "import sys, onnx; onnx.checker.check_model(onnx.load(sys.argv[1]), full_check=True)"
    told = subprocess.run([tools.python, "-c", check, made], check=False)
    assert told.returncode == 0, "the checker refuses it"
