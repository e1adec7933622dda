"""Accuracy on real models: their inputs are real, faults put into them are caught, and rounding is no fault."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bench
from bench import catalog
from bench.environments import cache_root, ensure, tools_spec
from bench.models.inputs import shapes_of, write_inputs
from bench.models.real_inputs import real_of, real_sets
from bench.models.sources import fetch_catalog
from bench.models.subject import Subject, batch_of, describe, named_inputs
from bench.models.variants import Workshop, inspect, key_of, reference
from bench.process import worker_folder
from bench.runner.correctness import Judge, Truth, compare
from bench.store import read_run
from bench.suite.schema import Suite

pytestmark = pytest.mark.runtimes
SEEDS = 6
FORGETFUL = Path(__file__).parents[1] / "support" / "forgetful.py"  # run in the tools environment, which has the tools
RECIPES = ["fp16", "mixed", "bf16", "int8-dynamic-all", "int8-static", "int8-static-qoperator", "int4", "int4-qdq"]
FILES = ["basic-pitch", "nsnet2", "ddddocr-det", "ppocr-v6-det", "magika"]

# One weight of a matrix or a kernel moved by the largest of them, or a bias left out, as a converter might.
FAULT = """
import sys, numpy as np, onnx
from onnx import numpy_helper as helper
model, kind, seed, out = sys.argv[1:]
rng, proto = np.random.default_rng(int(seed)), onnx.load(model)
floats = [tensor for tensor in proto.graph.initializer if tensor.data_type == 1]
weights = [tensor for tensor in floats if len(tensor.dims) >= 2 and np.prod(tensor.dims) > 16]
biases = [tensor for tensor in floats if len(tensor.dims) == 1 and np.abs(helper.to_array(tensor)).max() > 1e-3]
chosen = (weights if kind == "weight" else biases)
tensor = chosen[rng.integers(len(chosen))]
values = helper.to_array(tensor).copy()
if kind == "weight":
    values.flat[rng.integers(values.size)] += np.abs(values).max()
else:
    values[:] = 0
tensor.CopyFrom(helper.from_array(values, tensor.name))
onnx.save(proto, out)
"""


@pytest.fixture(scope="module")
def shop() -> Workshop:
    return Workshop(ensure(tools_spec()), worker_folder(cache_root()), {})


def subject_of(shop: Workshop, name: str) -> Subject:
    about, fetched = describe(name, Suite(suite="x")), fetch_catalog(name)
    inputs = named_inputs(inspect(shop, fetched.path, fetched.sha256)["inputs"], about)
    return Subject(about, fetched.path, fetched.sha256, 0, inputs, [], batch_of(inputs, about), "")


def test_weights_that_are_subnormal_are_counted(shop: Workshop):
    found = {name: fetch_catalog(name) for name in ("magika", "ppocr-v6-det")}
    counts = {name: inspect(shop, file.path, file.sha256) for name, file in found.items()}
    assert counts["magika"]["subnormal"] == 0 < counts["magika"]["weights"]
    assert (counts["ppocr-v6-det"]["subnormal"], counts["ppocr-v6-det"]["weights"]) == (255_958, 2_453_416)


class Checked:
    """A model of the catalog with its real inputs and reference, which faulty files are checked against."""

    def __init__(self, shop: Workshop, name: str, folder: Path) -> None:
        self.shop, self.folder, self.name = shop, folder, name
        self.subject = subject_of(shop, name)
        shapes, real = shapes_of(self.subject, 1, {}), real_of(self.subject, folder)
        assert real is not None
        self.sets = write_inputs(self.subject, shapes, 4, 0, folder, folder, real_sets(shop, real, shapes, 4, False))
        self.reference = self.outputs(self.subject.onnx, self.subject.sha256)

    def outputs(self, model: Path, key: str) -> list[dict[str, Any]]:
        files = reference(self.shop, model, key, self.sets, key_of(self.sets), self.subject.description.state)
        return [{name: np.load(path) for name, path in each.items()} for each in files]

    def faulty(self, kind: str, seed: int) -> Truth:
        path = self.folder / f"{kind}-{seed}.onnx"
        command = [str(self.shop.tools.python), "-c", FAULT, str(self.subject.onnx), kind, str(seed), str(path)]
        subprocess.run(command, check=True, capture_output=True)
        outputs = self.outputs(path, key_of(self.name, kind, seed, FAULT))
        path.unlink()
        return compare(self.reference, outputs, Judge(catalog.precisions()["fp32"].tolerance))


@pytest.mark.parametrize("kind", ["weight", "bias"])
def test_a_weight_moved_and_a_bias_dropped_are_caught_every_time(shop: Workshop, tmp_path: Path, kind: str):
    checked = Checked(shop, "basic-pitch", tmp_path)
    found = [checked.faulty(kind, seed) for seed in range(SEEDS)]
    assert [truth.output_ok for truth in found] == [False] * SEEDS, found


@pytest.mark.parametrize("name", ["magika", "basic-pitch", "nsnet2", "silero-vad"])
def test_a_tool_that_forgets_a_bias_is_caught_every_time_and_one_that_does_not_never(
    shop: Workshop, name: str, tmp_path: Path
):
    """Outputs alone do not tell: magika's pass without any one of its biases, in every recipe."""
    subject = subject_of(shop, name)
    shapes, real = shapes_of(subject, 1, {}), real_of(subject, Path())
    assert real is not None
    sets = write_inputs(subject, shapes, 2, 0, tmp_path, tmp_path, real_sets(shop, real, shapes, 2, True))
    rows = {recipe: catalog.precisions()[recipe] for recipe in RECIPES}
    asked = {recipe: (row.method, row.options, sets if row.samples else []) for recipe, row in rows.items()}
    command = [shop.tools.python, FORGETFUL, subject.onnx, tmp_path, json.dumps(asked)]
    environment = {**os.environ, "PYTHONPATH": str(shop.folder)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    said = json.loads(done.stdout.splitlines()[-1])
    assert {recipe: right for recipe, (right, *_) in said.items()} == {recipe: [] for recipe in RECIPES}
    for recipe, (_, *faulty) in said.items():
        assert all(len(lost) == 1 for lost in faulty), (recipe, faulty)


@pytest.mark.parametrize("name", FILES)
def test_real_inputs_are_finite_fill_their_shapes_and_calibration_sees_others(shop: Workshop, name: str):
    subject = subject_of(shop, name)
    shapes, real = shapes_of(subject, 1, {}), real_of(subject, Path())
    assert real is not None
    verified, held_out = (real_sets(shop, real, shapes, 4, held) for held in (False, True))
    seen = {held: [np.load(path) for each in sets for path in each.values()] for held, sets in
            ((False, verified), (True, held_out))}  # fmt: skip
    for arrays in seen.values():
        assert all((array.shape, array.dtype.name) == shapes[real.inputs[0]] for array in arrays)
        assert all(np.isfinite(array).all() and array.std() > 0 for array in arrays)
    assert not any(np.array_equal(a, b) for a in seen[False] for b in seen[True])
    assert not np.array_equal(seen[False][0], seen[False][1])


SUITE = """
suite: accuracy
preset: quick
measure: {rounds: 2, bursts: 6, windows: 0, trial_s: 0.5}
include:
  - {model: magika, target: [cpu, openvino-native], batch: 8}
  - {model: magika, target: cpu, precision: [int8-dynamic, int8-static], batch: 8}
  - {model: silero-vad, target: cpu, batch: [1, 2]}
"""


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("accuracy")
    (folder / "accuracy.yaml").write_text(SUITE, "utf-8")
    return read_run(bench.run(folder / "accuracy.yaml", folder / "results")).trials


def test_no_input_that_varies_is_noise(trials: pd.DataFrame):
    assert not any("synthetic_inputs" in flags for flags in trials["flags"])
    assert trials[trials.model == "magika"].top1_agreement.notna().all()


def test_right_cells_are_neither_wrong_nor_dependent_on_their_batch(trials: pd.DataFrame):
    exact = trials[trials.precision == "fp32"]
    assert exact.output_ok.all()
    assert not any({"batch_dependent", "nondeterministic"} & set(flags) for flags in exact["flags"])


def test_a_cell_is_asked_again_in_one_round_and_alone_where_it_has_a_batch(trials: pd.DataFrame):
    for cell, rows in trials.groupby("cell_id"):
        asked = rows.repeat_error.notna()
        assert asked.sum() == 1, cell
        assert rows.batch_error.notna().sum() == int(rows.batch.iloc[0] > 1), cell


def test_dynamic_int8_whose_scale_spans_the_batch_shows_as_such_and_static_does_not(trials: pd.DataFrame):
    error = trials.groupby("precision").batch_error.max()
    assert error["int8-dynamic"] > 10 * error["int8-static"]
    flagged = {precision: any("batch_dependent" in flags for flags in rows["flags"])
               for precision, rows in trials.groupby("precision")}  # fmt: skip
    assert (flagged["int8-dynamic"], flagged["int8-static"]) == (True, False)
