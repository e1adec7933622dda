"""Recipes of runtimes' own: who runs them, what is said to the others, what their environments hold."""

import pytest

from bench import catalog, plan
from bench.suite import Facts, Plan, load_text

HERE = Facts("linux-x86_64", cores=2)
OWN = {
    "int8-nncf": ("openvino-native", "INT8 NNCF is OpenVINO's own: openvino-native runs it"),
    "int4-nncf": ("openvino-native", "INT4 weights NNCF is OpenVINO's own: openvino-native runs it"),
    "int8-litert": ("litert", "INT8 LiteRT is LiteRT's own: litert runs it"),
    "int8-litert-static": ("litert", "INT8 LiteRT static is LiteRT's own: litert runs it"),
    "int8-torchao": ("torch", "INT8 torchao is PyTorch's own: torch runs it"),
    "int4-torchao": ("torch", "INT4 weights torchao is PyTorch's own: torch runs it"),
}
EVERY = "[cpu, openvino, openvino-native, litert, torch, torch-compile, mnn, executorch, tract]"


def planned(text: str) -> Plan:
    return plan(load_text("suite: s\n" + text), HERE)


def reasons(made: Plan) -> dict[str, str]:
    return {cell.target: cell.skip.reason for cell in made.cells if cell.skip}


def running(made: Plan, precision: str) -> set[str]:
    return {cell.target for cell in made.cells if cell.precision == precision and cell.skip is None}


@pytest.mark.parametrize("precision", OWN)
def test_a_runtimes_own_recipe_runs_there_and_the_others_are_told_where(precision: str):
    made = planned(f"matrix: {{model: crepe-tiny, target: {EVERY}, precision: {precision}}}")
    owner, reason = OWN[precision]
    takers = {"torch", "torch-compile"} if owner == "torch" else {owner}
    assert running(made, precision) == takers
    assert set(reasons(made).values()) == {reason}
    assert {cell.skip.status for cell in made.cells if cell.skip} == {"unsupported"}


def test_every_native_recipe_of_the_catalog_has_a_target():
    assert {name for name, row in catalog.precisions().items() if row.native} == set(OWN)


def test_what_makes_onnx_files_runs_on_whoever_reads_them_beside_its_own():
    made = planned(
        "matrix: {model: crepe-tiny, target: [cpu, openvino-native], precision: [fp32, int8-static, int8-nncf]}"
    )
    (block,) = made.blocks
    measured = {(cell.precision, cell.target) for group in block.groups for cell in group}
    both = {(precision, target) for precision in ("fp32", "int8-static") for target in ("cpu", "openvino-native")}
    assert measured == both | {("int8-nncf", "openvino-native")}


def test_a_way_of_running_that_does_not_take_it_names_one_that_does():
    made = planned("matrix: {model: crepe-tiny, target: [cpu, torch-script], precision: int8-torchao}")
    assert reasons(made)["torch-script"] == "PyTorch TorchScript does not take INT8 torchao: torch runs it"


def test_a_recipe_for_onnx_files_is_none_for_a_runtime_that_reads_others():
    made = planned("matrix: {model: crepe-tiny, target: [cpu, torch, litert], precision: int8-static}")
    assert reasons(made) == {
        "torch": "PyTorch takes fp32, int8-torchao, int4-torchao here: int8-static is a recipe for ONNX files",
        "litert": "LiteRT takes fp32, int8-litert, int8-litert-static here: int8-static is a recipe for ONNX files",
    }


def test_a_suites_own_recipe_runs_where_the_one_it_starts_from_does():
    made = planned(
        "precisions: {symmetric: {precision: int8-nncf, options: {preset: performance}}}\n"
        "matrix: {model: crepe-tiny, target: [cpu, openvino-native], precision: symmetric}"
    )
    assert running(made, "symmetric") == {"openvino-native"}
    assert made.precisions["symmetric"].options["preset"] == "performance"
    assert "nncf" in made.environments


def test_a_plan_names_the_environments_that_quantise_and_torchao_is_beside_no_fp32():
    made = planned(
        "matrix: {model: crepe-tiny, target: [cpu, openvino-native, torch], precision: [fp32, int8-nncf, int8-torchao]}"
    )
    assert made.environments["nncf"] == ()
    assert made.environments["torchao"] == ("torch",)
    assert made.environments["torch"] == ("torch",)


def test_a_pinned_torch_is_pinned_beside_torchao_too():
    made = planned(
        "targets: {older: {target: torch, requirements: [torch==2.12.0]}}\n"
        "matrix: {model: crepe-tiny, target: [cpu, older], precision: int8-torchao}"
    )
    assert made.environments["torchao (torch==2.12.0)"] == ("older",)
