"""A suite's own pictures, recordings and texts: what may be said of them, and what of the catalog's stands."""

from pathlib import Path

import pytest

from bench.errors import SuiteError
from bench.suite import load_text
from bench.suite.real_inputs import NEEDED, OPTIONS
from bench.worker.jobs.real_inputs import PREPARATIONS

MATRIX = "matrix: {model: mine, target: cpu}\n"


def suite(model: str) -> str:
    return f"suite: s\nmodels: {{mine: {{{model}}}}}\n{MATRIX}"


def problem(model: str) -> str:
    with pytest.raises(SuiteError) as error:
        load_text(suite(model))
    assert len(error.value.problems) == 1, error.value.problems
    return error.value.problems[0]


PICTURE = "path: m.onnx, real: {files: [a.png], inputs: x, prepare: picture, options: "


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("path: m.onnx, real: {files: [a.png], inputs: x}", "real: found no `prepare`, expected one of picture, "),
        ("path: m.onnx, real: {files: [a.wav], prepare: recording, options: {rate: 1}}", "real: found no `inputs`"),
        ("path: m.onnx, real: {files: [a.wav], prepare: sound, inputs: x}", "real.prepare: found the text `sound`"),
        ("catalog: silero-vad, real: {}", "real: `files` is missing"),
        (PICTURE + "{}}", "real: `picture` needs `range`, or `mean` and `deviation`"),
        (PICTURE + "{mean: [0, 0, 0]}}", "real.options: `picture` needs `range`, or `mean` and `deviation`"),
        (PICTURE + "{range: [0, 1, 2]}}", "real.options.range: found `[0, 1, 2]`, expected a list of 2 numbers"),
        (PICTURE + "{range: [0, 1], colors: BGR}}", "expected an option of picture (did you mean `colours`?)"),
        (PICTURE + "{range: [0, 1], colours: bgr}}", "real.options.colours: found `bgr`, expected RGB or BGR"),
        ("catalog: silero-vad, real: {files: [a.wav], options: {rate: 16k}}", "expected a whole number above 0"),
        (
            "catalog: silero-vad, real: {files: [a.txt], prepare: text, tokenizer: t, inputs: x}",
            "text fills: input_ids",
        ),
        ("catalog: silero-vad, real: {files: [a.wav], inputs: [input, sr]}", "found 2 inputs, expected one"),
        (
            "catalog: silero-vad, inputs: {input: {constant: 0}}, real: {files: [a.wav]}",
            "inputs.input: found a fill beside `real`",
        ),
        ("path: m.onnx, real: {files: [a], inputs: input_ids, prepare: text}", "real: found no `tokenizer`"),
    ],
)
def test_a_mistake_is_told_where_it_stands_with_what_was_expected(model: str, expected: str):
    assert expected in problem(model)


@pytest.mark.parametrize(
    "model",
    [
        "catalog: ppocr-v6-det, real: {files: [a.png]}",
        "catalog: ppocr-v6-det, real: {files: [a.png], options: {mean: [0.5, 0.5, 0.5], deviation: [1, 1, 1]}}",
        "catalog: all-minilm-l6, real: {files: [a.txt]}",
        PICTURE + "{range: [0, 1], colours: BGR, tile: [10, 10]}}",
        "path: m.onnx, real: {files: [a.txt], inputs: input_ids, prepare: text, tokenizer: all-minilm-l6}",
    ],
)
def test_what_the_catalogs_model_has_need_not_be_said_again(model: str):
    assert load_text(suite(model)).suite.models["mine"].real


def test_every_preparation_of_the_worker_can_be_asked_for():
    assert OPTIONS.keys() == PREPARATIONS.keys() and NEEDED.keys() <= OPTIONS.keys()


def test_files_that_are_not_there_are_a_warning_with_their_place(tmp_path: Path):
    (tmp_path / "a.png").touch()
    own = "path: m.onnx, real: {files: [a.png, b.png], inputs: input_ids, prepare: text, tokenizer: t.json}, "
    found = load_text(suite(own + "inputs: {y: {files: [c.npy]}}"), "s.yaml", tmp_path).warnings
    places = [warning.split(": ")[1] for warning in found]
    assert places == [
        f"models.mine.{each}" for each in ("path", "inputs.y.files[0]", "real.files[1]", "real.tokenizer")
    ]
    assert found[0] == f"s.yaml:2:23: models.mine.path: there is no {tmp_path / 'm.onnx'} on this machine"
