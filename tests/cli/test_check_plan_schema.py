"""`check`, `plan` and `schema`, as a user calls them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

PLAIN = {"COLUMNS": "120", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}


def ortbench(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    paths = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-m", "bench", *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        cwd=cwd,
        env={**os.environ, **PLAIN, "PYTHONPATH": paths},
        check=False,
    )


def test_check_says_in_one_line_what_a_suite_holds(tmp_path: Path):
    done = ortbench("check", "quickstart", "full", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "quickstart: quickstart holds 15 cells: 2 models, 4 targets, 6 precisions, batch 1, 8"
    assert second.startswith("full: full holds ")


def test_check_reports_every_mistake_of_every_suite_and_exits_2(tmp_path: Path):
    (tmp_path / "a.yaml").write_text("suite: a\nmatrix: {model: magica, target: cpu, batches: 1}\n")
    (tmp_path / "b.yaml").write_text("suite: [b\n")
    done = ortbench("check", "a.yaml", "quickstart", "b.yaml", "c.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout.startswith("quickstart: ")
    assert (
        "a.yaml:2:17: matrix.model: found `magica`, expected the name of a model (did you mean `magika`?)"
        in done.stderr
    )
    assert "a.yaml:2:38: matrix.batches: unknown key, expected another (did you mean `batch`?)" in done.stderr
    assert "b.yaml:2:1: this is not YAML" in done.stderr
    assert "There is no file c.yaml." in done.stderr
    assert "next:  " in done.stderr
    assert "Traceback" not in done.stderr


def test_check_warns_of_an_exclude_that_does_nothing(tmp_path: Path):
    (tmp_path / "a.yaml").write_text("suite: a\nmatrix: {model: magika, target: cpu}\nexclude: [{precision: int4}]\n")
    done = ortbench("check", "a.yaml", cwd=tmp_path)
    assert done.returncode == 0
    assert "! a.yaml:3:11: exclude[0]: this matches no cell" in done.stderr


def test_plan_shows_cells_environments_skips_unknowns_and_the_time(tmp_path: Path):
    (tmp_path / "a.yaml").write_text(
        "suite: a\nmodels: {mine: {path: mine.onnx}}\n"
        "matrix: {model: [magika, mine], target: [cpu, openvino, litert], precision: [fp32, int8]}\n"
    )
    done = ortbench("plan", "a.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for expected in (
        "magika",
        "INT8 static",
        "onnxruntime-openvino: openvino",
        "Unknown until prepared",
        "batch dimension known after fetch",
        "Skipped",
        "magika has no TFLite twin",
        "8 cells to measure in 2 blocks, 4 skipped · standard, 6 rounds · about ",
    ):
        assert expected in done.stdout


def test_plan_as_json_has_the_names_of_the_plan(tmp_path: Path):
    done = ortbench("plan", "quickstart", "--json", cwd=tmp_path)
    made = json.loads(done.stdout)
    assert made["suite"] == "quickstart"
    assert len(made["cells"]) == 15
    assert made["cells"][0].keys() >= {
        "id",
        "model",
        "precision",
        "target",
        "batch",
        "dims",
        "threads",
        "scenario",
        "skip",
    }
    assert made["protocol"]["rounds"] == 3
    assert made["environments"]["litert"] == ["litert"]


def test_plan_of_what_is_not_onnx_says_so(tmp_path: Path):
    (tmp_path / "m.onnx").write_bytes(b"not a model at all")
    done = ortbench("plan", "m.onnx", cwd=tmp_path)
    assert done.returncode == 2
    assert "m.onnx is not an ONNX file" in done.stderr


def test_schema_is_printed_whole(tmp_path: Path):
    done = ortbench("schema", cwd=tmp_path)
    assert done.returncode == 0
    schema = json.loads(done.stdout)
    jsonschema.Draft202012Validator(schema).validate({"suite": "s", "matrix": {"model": "magika", "target": "all"}})


@pytest.mark.parametrize("verb", ["check", "plan"])
def test_a_verb_without_its_suite_is_a_usage_error(verb: str, tmp_path: Path):
    done = ortbench(verb, cwd=tmp_path)
    assert done.returncode == 2
    assert "Missing argument" in done.stderr
