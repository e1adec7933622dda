"""Recipes on models made for what goes wrong in them: each variant is right, or says that it is none."""

from pathlib import Path

import numpy as np
import pytest
from support.native import write_model

from bench import catalog
from bench.contract.status import Status
from bench.environments import cache_root, ensure, tools_spec
from bench.models.variants import Variant, Workshop, convert
from bench.process import worker_folder

pytestmark = pytest.mark.runtimes


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    made = Workshop(ensure(tools_spec()), worker_folder(cache_root()), {})
    monkeypatch.setenv("ORTBENCH_CACHE", str(tmp_path / "cache"))  # made here and now, not taken from an earlier run
    return made


def variant(shop: Workshop, folder: Path, model: str, recipe: str, shape: tuple[int, ...] = ()) -> Variant:
    calibration = []
    if shape:
        np.save(folder / "x.npy", np.random.default_rng(0).normal(size=shape).astype(np.float32))
        calibration = [{"x": str(folder / "x.npy")}]
    return convert(shop, write_model(model, folder), model, catalog.precisions()[recipe], calibration, "inputs")


def operators(shop: Workshop, made: Variant) -> set[str]:
    return set(shop.job("inspect", model=str(made.path))["operators"])


def test_fp16_is_in_order_although_the_converter_appends_its_casts(shop: Workshop, tmp_path: Path):
    made = variant(shop, tmp_path, "resized", "fp16")
    assert made.status == Status.OK, made.reason  # the checker refuses a graph out of order
    assert {"Cast", "Resize"} <= operators(shop, made)


def test_static_int8_is_prepared_first_so_that_no_normalisation_stays_between_quantised_nodes(
    shop: Workshop, tmp_path: Path
):
    made = variant(shop, tmp_path, "normalised", "int8-static", (1, 4, 8, 8))
    assert made.status == Status.OK, made.reason
    found = operators(shop, made)
    assert "QuantizeLinear" in found and "BatchNormalization" not in found


@pytest.mark.parametrize(("model", "recipe"), [("optimisable", "int4"), ("resized", "int8-dynamic")])
def test_a_recipe_that_finds_nothing_is_no_variant(shop: Workshop, tmp_path: Path, model: str, recipe: str):
    made = variant(shop, tmp_path, model, recipe)
    assert (made.status, made.path) == (Status.UNSUPPORTED, None)
    assert made.reason.startswith("nothing_quantised: ")
