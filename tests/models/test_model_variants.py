"""Variants are kept by content; what is wrong with one is found on the inputs at hand, and is kept by these too."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import catalog
from bench.contract.status import Failure, Status
from bench.environments import Environment
from bench.models import variants
from bench.models.variants import Variant, Workshop, convert


class Jobs:
    """Jobs that write a file for a variant, and find of it what they are told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[Path, str]] = []
        self.finds: str | Failure = ""
        self.made: dict[str, Any] = {"bytes": 4, "conversion": {"quantised": {"MatMul": 1}}}

    def __call__(self, python: Path, folder: Path, op: str, **sent: Any) -> Any:
        self.asked.append((python, op))
        if op == "convert":
            if "status" not in self.made:
                Path(sent["destination"]).write_text("made")
                Path(sent["destination"]).with_suffix(".bin").write_text("weights")
            return self.made
        assert op == "validate" and Path(sent["model"]).read_text() == "made"
        if isinstance(self.finds, Failure):
            raise self.finds
        return self.finds


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setenv("ORTBENCH_CACHE", str(tmp_path / "cache"))
    made = Jobs()
    monkeypatch.setattr(variants, "run_job", made)
    (tmp_path / "model.onnx").write_text("model")
    return made


def environment(label: str) -> Environment:
    return Environment(label, label, Path(label), (), None, 0)


def converted(folder: Path, recipe: str = "fp16", inputs: str = "inputs") -> Variant:
    row = catalog.precisions()[recipe]
    shop = Workshop(environment("tools"), Path("worker"), {})
    maker = shop.tools if not row.native else environment(row.environment)
    return convert(maker, shop, folder / "model.onnx", "0" * 64, row, [{"x": "x.npy"}] * 2, inputs)


def problem(variant: Variant) -> str:
    assert variant.conversion is not None
    return variant.conversion.problem


def ops(jobs: Jobs) -> list[str]:
    return [op for _, op in jobs.asked]


def test_a_variant_is_made_once_and_tried_on_each_kind_of_inputs(jobs: Jobs, tmp_path: Path):
    jobs.finds = "1 of 4 elements of its output `y` are not finite"
    assert problem(converted(tmp_path, inputs="these")) == jobs.finds
    assert problem(converted(tmp_path, inputs="these")) == jobs.finds
    jobs.finds = ""
    assert problem(converted(tmp_path, inputs="others")) == ""
    assert ops(jobs) == ["convert", "validate", "validate"]


def test_a_recipe_that_takes_inputs_is_made_anew_for_others(jobs: Jobs, tmp_path: Path):
    for inputs in ("these", "others"):
        converted(tmp_path, "int8-nncf", inputs)
    assert ops(jobs) == ["convert", "validate"] * 2


@pytest.mark.parametrize("status", [Status.TIMEOUT, Status.OUT_OF_MEMORY])
def test_what_the_machine_kept_from_being_tried_is_tried_again(jobs: Jobs, tmp_path: Path, status: Status):
    jobs.finds = Failure(status, "busy")
    assert problem(converted(tmp_path)) == f"not checked: {status}: busy"
    jobs.finds = ""
    assert problem(converted(tmp_path)) == ""
    assert ops(jobs) == ["convert", "validate", "validate"]


def test_a_variant_that_ends_the_process_is_not_tried_again(jobs: Jobs, tmp_path: Path):
    jobs.finds = Failure(Status.CRASHED, "SIGSEGV")
    found = {problem(converted(tmp_path)) for _ in range(2)}
    assert found == {"what loads it did not come to an end: crashed: SIGSEGV"}
    assert ops(jobs) == ["convert", "validate"]


def test_a_runtimes_own_file_is_made_and_tried_where_its_tool_is(jobs: Jobs, tmp_path: Path):
    variant = converted(tmp_path, "int4-nncf")
    assert variant.path and variant.path.name == "model.xml"
    assert jobs.asked == [(Path("nncf"), "convert"), (Path("nncf"), "validate")]


def test_a_recipe_that_took_nothing_keeps_its_report_and_is_not_tried(jobs: Jobs, tmp_path: Path):
    left = {"CONV_2D": {"its weights were left in floating point": 3}}
    jobs.made = {"status": Status.UNSUPPORTED, "reason": "nothing_quantised: 3 CONV_2D", "conversion": {"left": left}}
    variant = converted(tmp_path, "int8-litert")
    assert (variant.status, variant.path, variant.sha256) == (Status.UNSUPPORTED, None, "")
    assert variant.conversion is not None and variant.conversion.left == left
    assert ops(jobs) == ["convert"]


def test_a_file_as_stored_is_no_work(jobs: Jobs, tmp_path: Path):
    found = converted(tmp_path, "fp32")
    assert (found.path, found.sha256, found.conversion) == (tmp_path / "model.onnx", "0" * 64, None)
    assert replace(found, bytes=0).status == Status.OK and jobs.asked == []
