"""TensorFlow for real, on the SavedModel of a catalog model beside its ONNX and its .tflite."""

import pandas as pd
import pytest

import bench
from bench.store import read_run

pytestmark = [pytest.mark.runtimes, pytest.mark.heavy]

SUITE = """
suite: tensorflow
preset: quick
measure: {rounds: 1, bursts: 6, windows: 1, trial_s: 1, concurrency: 2}
matrix: {model: [basic-pitch, magika], target: [cpu, tensorflow], batch: [1, 3], threads: 2}
"""


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("tensorflow")
    (folder / "suite.yaml").write_text(SUITE, "utf-8")
    found = read_run(bench.run(folder / "suite.yaml", folder / "results")).trials
    return found[found.target == "tensorflow"].set_index(["model", "batch"])


@pytest.mark.parametrize("batch", [1, 3])
def test_a_saved_model_is_right_at_every_batch_and_computes_in_fp32(trials: pd.DataFrame, batch: int):
    row = trials.loc["basic-pitch", batch]
    assert (row.status, row.output_ok, row.precision_effective) == ("ok", True, "fp32")
    assert row.sqnr_db > 60
    assert row.model_bytes > 1_000_000  # the graph and its variables, not the .onnx of 230 kB


def test_its_operations_are_counted_as_they_run(trials: pd.DataFrame):
    """TensorFlow's optimiser makes oneDNN's convolutions of the graph's own: the counts are of what is left."""
    row = trials.loc["basic-pitch", 1]
    assert 50 < row.nodes_on_provider == row.nodes_total


def test_a_model_without_a_saved_model_is_skipped_with_what_would_make_it_run(trials: pd.DataFrame):
    row = trials.loc["magika", 1]
    assert row.status == "skipped"
    assert "`saved_model` folder" in row.reason
