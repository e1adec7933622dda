"""A suite's own pictures, recordings and texts, fed to real models: verified, calibrated with, or refused."""

import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import bench
from bench.analysis import summarize
from bench.models import fetch_catalog
from bench.store import Run, read_run

pytestmark = pytest.mark.runtimes

SUITE = """
suite: own
preset: quick
measure: {rounds: 1, bursts: 6, burst_ms: 5, windows: 0}
models:
  voice: {catalog: silero-vad, real: {files: [voice.wav]}}
  pages: {catalog: blazeface, real: {files: [a.png, b.png]}}
  alone: {catalog: blazeface, real: {files: [a.png]}}
  words: {catalog: all-minilm-l6, real: {files: [words.txt]}}
  faces:
    path: faces.onnx
    real:
      inputs: "input:0"
      prepare: picture
      files: [a.png, b.png]
      options: {mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5]}
  deaf: {catalog: silero-vad, real: {files: [a.png]}}
  mistaken: {catalog: silero-vad, real: {inputs: [sr], files: [voice.wav]}}
include:
  - {model: [voice, faces, words, deaf, mistaken], target: cpu}
  - {model: [pages, alone], target: cpu, precision: [fp32, int8-static-products]}
"""


def write_files(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for name in "ab":
        blocks = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        Image.fromarray(np.kron(blocks, np.ones((20, 20, 1), np.uint8))).save(folder / f"{name}.png")
    tone = 8000 * np.sin(2 * np.pi * 220 * np.arange(3 * 44100) / 44100) * rng.uniform(0.5, 1, 3 * 44100)
    with wave.open(str(folder / "voice.wav"), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(44100)
        out.writeframes(np.repeat(tone, 2).astype("<i2").tobytes())
    (folder / "words.txt").write_text(
        "\n\n".join(f"Paragraph {i} speaks of what no other one does, {i}." for i in range(9))
    )
    (folder / "faces.onnx").write_bytes(fetch_catalog("blazeface").path.read_bytes())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("own")
    write_files(folder)
    (folder / "own.yaml").write_text(SUITE, "utf-8")
    return read_run(bench.run(folder / "own.yaml", folder / "results"))


@pytest.fixture(scope="module")
def cells(run: Run) -> pd.DataFrame:
    return summarize(run.trials, run.meta).set_index(["model", "precision"])


@pytest.mark.parametrize("model", ["voice", "faces", "pages", "alone", "words"])
def test_a_models_own_files_are_verified_and_are_no_noise(cells: pd.DataFrame, model: str):
    cell = cells.loc[model, "fp32"]
    assert (cell.status, cell.output_ok) == ("ok", True), cell.reason
    assert "synthetic_inputs" not in cell["flags"]


def test_calibration_has_the_other_file_and_says_that_it_holds_few_items(cells: pd.DataFrame):
    cell = cells.loc["pages", "int8-static-products"]
    assert cell.status == "ok" and "calibrated with the same 10 input sets again and again" in cell.reason


def test_one_picture_calibrates_nothing_and_only_these_cells_are_lost(cells: pd.DataFrame):
    cell = cells.loc["alone", "int8-static-products"]
    assert cell.status != "ok" and "a.png alone leaves nothing to calibrate on" in cell.reason


def test_what_is_no_recording_and_an_input_that_is_not_there_are_told_and_no_noise_is_taken(cells: pd.DataFrame):
    assert "a.png is not a WAV file" in cells.loc["deaf", "fp32"].reason
    assert cells.loc["deaf", "fp32"].status == cells.loc["mistaken", "fp32"].status != "ok"
