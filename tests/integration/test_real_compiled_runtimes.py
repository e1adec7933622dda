"""Native runtimes that compile a model: right or typed, in FP32, on as many threads as they say."""

import sys

import pandas as pd
import pytest
from support.native import measure

pytestmark = [pytest.mark.runtimes, pytest.mark.heavy]

TARGETS = ("iree", "tvm")


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    found = measure(TARGETS, ("basic-pitch", "magika", "all-minilm-l6"), tmp_path_factory.mktemp("compiled"))
    return found[found.target != "cpu"]


def of(trials: pd.DataFrame, model: str, target: str) -> pd.DataFrame:
    found = trials[(trials.model == model) & (trials.target == target)]
    assert len(found), f"{model} {target} has no row"
    return found


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("model", ["product", "three", "magika", "all-minilm-l6"])
def test_outputs_are_right_at_every_batch(trials: pd.DataFrame, model: str, target: str):
    found = of(trials, model, target)
    assert (found.status == "ok").all(), found[["cell_id", "status", "reason"]].to_string()
    assert found.output_ok.all(), found[["cell_id", "max_rel_error", "reason"]].to_string()
    assert (found.window_completed.map(sum) > 0).all()


@pytest.mark.parametrize("target", TARGETS)
def test_products_keep_what_bf16_would_lose(trials: pd.DataFrame, target: str):
    product = of(trials, "product", target)
    assert (product.max_rel_error < 1e-6).all()
    assert set(product.precision_effective) == {"fp32"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the names of a process's threads")
def test_iree_has_as_many_workers_as_were_asked_for(trials: pd.DataFrame):
    iree = trials[(trials.target == "iree") & (trials.status == "ok")]
    assert set(iree.threads) == {1, 2} and (iree.threads_effective == iree.threads).all()


def test_untuned_tvm_owns_up_to_its_one_thread(trials: pd.DataFrame):
    tvm = trials[(trials.target == "tvm") & (trials.status == "ok")]
    assert set(tvm.threads) == {1, 2} and set(tvm.threads_effective) == {1}


@pytest.mark.parametrize(("model", "target", "operator"), [
    ("unknown", "tvm", "Det"), ("basic-pitch", "iree", "Pad"),
])  # fmt: skip
def test_a_row_says_which_operator_stopped_it(trials: pd.DataFrame, model: str, target: str, operator: str):
    found = of(trials, model, target)
    assert (found.status == "unsupported").all()
    assert found.reason.str.contains(operator).all(), found.reason.iloc[0]


def test_tvm_takes_the_network_that_iree_does_not(trials: pd.DataFrame):
    assert of(trials, "basic-pitch", "tvm").output_ok.all()
