"""Recipes on models made for what goes wrong in them, and on real ones: each variant is right, or says what is not."""

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.native import write_model
from support.recipes import fed, made, operators, read, sets, weights, write

from bench import catalog
from bench.contract.status import Status
from bench.environments import cache_root, ensure, tools_spec
from bench.models import variants
from bench.models.origins import catalog_source
from bench.models.sources import fetch
from bench.models.variants import Variant, Workshop
from bench.process import worker_folder
from bench.runner.correctness import Judge, compare

pytestmark = pytest.mark.runtimes
RECIPES = [name for name, row in catalog.precisions().items() if row.method and row.environment == "tools"]
MAGIKA = {  # what each recipe takes of its two matrix products and its convolution, and what is left
    "fp16": ({"MatMul": 2, "Conv": 1}, set()),
    "mixed": ({"MatMul": 2, "Conv": 1}, set()),
    "bf16": ({"MatMul": 2, "Conv": 1}, set()),
    "int8-dynamic": ({"MatMul": 1, "Gemm": 1}, {"Conv"}),
    "int8-dynamic-per-tensor": ({"MatMul": 1, "Gemm": 1}, {"Conv"}),
    "int8-dynamic-all": ({"MatMul": 1, "Gemm": 1, "Conv": 1}, set()),
    "int8-static": ({"MatMul": 1, "Gemm": 1, "Conv": 1}, set()),
    "int8-static-products": ({"MatMul": 1, "Gemm": 1, "Conv": 1}, set()),
    "int8-static-s8s8": ({"MatMul": 1, "Gemm": 1, "Conv": 1}, set()),
    "int8-static-qoperator": ({"MatMul": 1, "Gemm": 1, "Conv": 1}, set()),
    "int8-static-entropy": ({"MatMul": 1, "Gemm": 1, "Conv": 1}, set()),
    "int8-static-percentile": ({"MatMul": 1, "Gemm": 1, "Conv": 1}, set()),
    "int4": ({"MatMul": 2}, {"Conv"}),
    "int4-asymmetric": ({"MatMul": 2}, {"Conv"}),
    "int4-qdq": ({"MatMul": 2}, {"Conv"}),
}
UNTRIED = "not checked: there are no inputs to run it on"  # the checker and the session found nothing
HEAVY = {"MatMul", "Gemm", "Conv", "LSTM", "GRU"}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    made = Workshop(ensure(tools_spec()), worker_folder(cache_root()), {})
    monkeypatch.setenv("ORTBENCH_CACHE", str(tmp_path / "cache"))  # made here and now, not taken from an earlier run
    return made


@pytest.fixture(scope="module")
def real() -> dict[str, Path]:
    return {name: fetch(catalog_source(name)).path for name in ("magika", "nsnet2", "silero-vad")}


@pytest.fixture(scope="module")
def magika(real: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Variant]:
    """Every recipe's variant of a real model."""
    folder = tmp_path_factory.mktemp("magika")
    here = Workshop(ensure(tools_spec()), worker_folder(cache_root()), {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORTBENCH_CACHE", str(folder / "cache"))
        return {name: made(here, real["magika"], name, bytes_of(folder, 8)) for name in RECIPES}


def bytes_of(folder: Path, number: int) -> list[dict[str, str]]:
    found = []
    for seed in range(number):
        path = folder / f"bytes-{seed}.npy"
        np.save(path, np.random.default_rng(seed).integers(0, 256, (1, 2048)).astype(np.int32))
        found.append({"bytes": str(path)})
    return found


def test_every_recipe_tells_what_it_took_of_a_real_model_and_what_it_left(magika: dict[str, Variant]):
    assert set(magika) == set(MAGIKA)
    for name, variant in magika.items():
        report = variant.conversion
        assert variant.status == Status.OK and variant.path and report, (name, variant.reason)
        taken = {operator: nodes for operator, nodes in report.quantised.items() if operator in HEAVY}
        assert (taken, set(report.left)) == MAGIKA[name], name
        assert (report.bytes_before, report.bytes_after) == (3_163_737, variant.path.stat().st_size), name
        assert report.tools["onnxruntime"] == "1.32.0", name
        assert (report.problem == "") == (name != "bf16"), (name, report.problem)


def test_a_variant_that_the_cpu_provider_has_no_kernels_for_is_one_and_says_so(magika: dict[str, Variant]):
    assert "NOT_IMPLEMENTED" in magika["bf16"].conversion.problem


def test_signed_and_unsigned_activations_are_what_the_recipes_say(shop: Workshop, magika: dict[str, Variant]):
    for name, activations in (("int8-static", "UINT8"), ("int8-static-s8s8", "INT8")):
        found = read(shop, magika[name])
        assert {kind for kind, _ in fed(found, "QuantizeLinear", 2)} == {activations}
        assert weights(found) == {"INT8"}


def test_the_forms_of_quantised_graphs_are_what_the_recipes_say(shop: Workshop, magika: dict[str, Variant]):
    integer = operators(read(shop, magika["int8-static-qoperator"]))
    assert {"QLinearConv", "QLinearMatMul", "QGemm"} <= integer and "Conv" not in integer
    qdq = operators(read(shop, magika["int8-static"]))
    assert {"Conv", "QuantizeLinear", "DequantizeLinear"} <= qdq and "QLinearConv" not in qdq
    assert "MatMulNBits" in operators(read(shop, magika["int4"]))


def test_four_bits_in_qdq_are_a_type_of_their_own(shop: Workshop, magika: dict[str, Variant]):
    found = read(shop, magika["int4-qdq"])
    assert [kind for kind, _ in fed(found, "DequantizeLinear", 0)] == ["INT4", "INT4"]
    assert "MatMulNBits" not in operators(found)


def test_only_asymmetric_blocks_have_zero_points(shop: Workshop, magika: dict[str, Variant]):
    inputs = {
        name: [len(node[2]) for node in read(shop, magika[name])["nodes"] if node[0] == "MatMulNBits"]
        for name in ("int4", "int4-asymmetric")
    }
    assert inputs == {"int4": [3, 3], "int4-asymmetric": [4, 4]}


def test_a_scale_for_each_channel_or_one_for_all(shop: Workshop, magika: dict[str, Variant]):
    """The weights of MatMulInteger are named `..._quantized`, their scales beside them `..._scale`."""
    for name, channelled in (("int8-dynamic", True), ("int8-dynamic-per-tensor", False)):
        found = read(shop, magika[name])
        products = [node[2][1] for node in found["nodes"] if node[0] == "MatMulInteger"]
        assert len(products) == 2
        for weight in products:
            _, (_, channels) = found["tensors"][weight]
            _, scale = found["tensors"][weight.removesuffix("_quantized") + "_scale"]
            assert scale == ([channels] if channelled else []), (name, weight)


def test_a_percentile_cuts_ranges_that_minmax_keeps(shop: Workshop, real: dict[str, Path], tmp_path: Path):
    inputs = bytes_of(tmp_path, 4)
    whole = made(shop, real["magika"], "int8-static", inputs)
    cut = made(shop, real["magika"], "int8-static-percentile", inputs, percentile=90.0)
    ranges = [sum(scales(shop, each)) for each in (cut, whole)]
    assert ranges[0] < 0.9 * ranges[1]


def scales(shop: Workshop, variant: Variant) -> list[float]:
    script = (
        "import sys, json, onnx; from onnx.numpy_helper import to_array; g = onnx.load(sys.argv[1]).graph;"
        "t = {i.name: i for i in g.initializer};"
        "print(json.dumps([float(to_array(t[n.input[1]])) for n in g.node if n.op_type == 'QuantizeLinear']))"
    )
    said = subprocess.run([shop.tools.python, "-c", script, variant.path], check=True, capture_output=True, text=True)
    found: list[float] = eval(said.stdout)
    return found


@pytest.mark.parametrize(
    ("model", "recipe", "operator", "reason"),
    [
        ("computed", "int8-dynamic", "MatMul", "both inputs are computed, no weight to quantise"),
        ("computed", "int4", "MatMul", "both inputs are computed, no weight to quantise"),
        ("first", "int8-dynamic", "MatMul", "its weight is the first input, and the tool takes the second"),
        ("constant", "int4", "MatMul", "its weight is given by a Constant node, where the tool does not look"),
        ("deep", "int4", "MatMul", "its weight has the shape [4, 4, 1], and the tool takes one matrix"),
        ("branch", "int8-dynamic", "MatMul", "weight sits inside a branch of If, where the tool does not look"),
        ("branch", "int8-static", "MatMul", "weight sits inside a branch of If, where the tool does not look"),
    ],
)
def test_what_a_recipe_leaves_has_its_reason(
    shop: Workshop, tmp_path: Path, model: str, recipe: str, operator: str, reason: str
):
    variant = made(shop, write(model, tmp_path, shop.tools.python), recipe, sets(tmp_path, "x", (4, 4), 2))
    assert variant.conversion and variant.conversion.left == {operator: {reason: 1}}
    assert (variant.status, variant.path) == (Status.UNSUPPORTED, None)
    assert variant.reason == f"nothing_quantised: 1 {operator}: {reason}"


def test_a_matrix_product_in_a_branch_becomes_four_bits_where_the_tool_looks_there(shop: Workshop, tmp_path: Path):
    variant = made(shop, write("branch", tmp_path, shop.tools.python), "int4", sets(tmp_path, "x", (2, 4), 1))
    assert variant.conversion and variant.conversion.quantised == {"MatMul": 1}
    assert (variant.conversion.left, variant.conversion.problem) == ({}, "")


def test_weights_of_a_real_model_that_sit_in_branches_are_told(shop: Workshop, real: dict[str, Path]):
    for recipe in ("int8-dynamic-all", "int8-static", "int8-static-entropy"):
        variant = made(shop, real["silero-vad"], recipe, [])
        assert variant.reason.startswith("nothing_quantised: 12 Conv: weight sits inside a branch of If"), recipe


@pytest.mark.parametrize("recipe", ["fp16", "mixed"])
def test_casts_of_a_branch_stand_in_the_branch(shop: Workshop, real: dict[str, Path], recipe: str):
    variant = made(shop, real["silero-vad"], recipe, [])
    assert variant.conversion and variant.conversion.problem == UNTRIED
    assert variant.conversion.quantised["Conv"] == 12


def test_an_excluded_node_stays_in_fp32_and_the_other_does_not(shop: Workshop, tmp_path: Path):
    inputs = sets(tmp_path, "x", (1, 4), 2)
    variant = made(shop, write("two", tmp_path, shop.tools.python), "int8-static", inputs, exclude=["second"])
    assert variant.conversion and variant.conversion.quantised["MatMul"] == 1
    assert variant.conversion.left == {"MatMul": {"excluded by name": 1}}
    seconds = {node[1]: node[3][1] for node in read(shop, variant)["nodes"] if node[0] == "MatMul"}
    assert seconds == {"first": "DequantizeLinear", "second": ""}


def test_an_excluded_name_that_is_not_there_ends_the_conversion_with_those_near_it(shop: Workshop, tmp_path: Path):
    inputs = sets(tmp_path, "x", (1, 4), 2)
    variant = made(shop, write("two", tmp_path, shop.tools.python), "int8-static", inputs, exclude=["secnd"])
    assert (variant.status, variant.path) == (Status.CONVERSION_FAILED, None)
    assert "`secnd`" in variant.reason and "Near it: `second`" in variant.reason


def test_a_calibration_without_inputs_fails_with_the_tools_words(shop: Workshop, tmp_path: Path):
    variant = made(shop, write("two", tmp_path, shop.tools.python), "int8-static", [])
    assert (variant.status, variant.path) == (Status.CONVERSION_FAILED, None)
    assert "No data is collected" in variant.reason


def test_mixed_leaves_everything_but_products_in_fp32(shop: Workshop, tmp_path: Path):
    variant = made(shop, write("normed", tmp_path, shop.tools.python), "mixed", sets(tmp_path, "x", (1, 4), 1))
    assert variant.conversion and variant.conversion.quantised == {"MatMul": 1}
    tensors = read(shop, variant)["tensors"]
    assert (tensors["w"][0], tensors["more"][0]) == ("FLOAT16", "FLOAT")


def test_mixed_hands_values_on_in_fp32_between_operators_that_stay_in_it(shop: Workshop, tmp_path: Path):
    """ONNX Runtime's converter casts them to FP16 and back, where these become infinite."""
    model, inputs = write("large", tmp_path, shop.tools.python), sets(tmp_path, "x", (8, 4), 3)
    variant = made(shop, model, "mixed", inputs)
    assert variant.path and variant.conversion and variant.conversion.problem == ""
    assert variant.conversion.casts == 2  # one on each side of the product, none at the others
    truth, found = (outputs(shop, file, inputs, tmp_path) for file in (model, variant.path))
    assert compare(truth, found, Judge(catalog.precisions()["mixed"].tolerance)).output_ok


@pytest.mark.parametrize("recipe", ["fp16", "bf16"])
def test_a_blocked_operator_stays_in_fp32_beside_the_tools_own(shop: Workshop, tmp_path: Path, recipe: str):
    model = write("normed", tmp_path, shop.tools.python)
    variant = made(shop, model, recipe, sets(tmp_path, "x", (1, 4), 1), op_block_list=["MatMul"])
    assert variant.conversion and variant.conversion.quantised == {"Add": 1, "Softmax": 1}
    assert variant.conversion.left == {"MatMul": {"among the operators that the recipe keeps in FP32": 1}}
    assert read(shop, variant)["tensors"]["w"][0] == "FLOAT"


@pytest.mark.parametrize("recipe", ["fp16", "bf16"])
def test_a_name_that_no_operator_has_is_not_passed_over(shop: Workshop, tmp_path: Path, recipe: str):
    model = write("normed", tmp_path, shop.tools.python)
    variant = made(shop, model, recipe, sets(tmp_path, "x", (1, 4), 1), op_block_list=["Sofmax", "Gelu"])
    assert variant.path is None and "`op_block_list` names `Sofmax`, and neither ONNX nor" in variant.reason
    assert "Near it: `Softmax`" in variant.reason


@pytest.mark.parametrize(("recipe", "short"), [("fp16", "FLOAT16"), ("bf16", "BFLOAT16")])
def test_a_fill_without_a_value_is_of_the_type_of_the_rest(shop: Workshop, tmp_path: Path, recipe: str, short: str):
    variant = made(shop, write("filled", tmp_path, shop.tools.python), recipe, [])
    assert variant.conversion and variant.conversion.quantised["Add"] == 1, variant.reason
    script = (
        "import sys, onnx; [fill] = [n for n in onnx.load(sys.argv[1]).graph.node if n.op_type == 'ConstantOfShape'];"
        "print(onnx.TensorProto.DataType.Name(fill.attribute[0].t.data_type))"
    )
    said = subprocess.run([shop.tools.python, "-c", script, variant.path], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == short


def test_an_operator_with_an_input_that_bf16_is_no_type_of_stays_in_fp32(shop: Workshop, tmp_path: Path):
    variant = made(shop, write("enlarged", tmp_path, shop.tools.python), "bf16", [])
    assert variant.conversion and variant.conversion.quantised == {"MatMul": 1}, variant.reason
    assert "onnx.checker" not in variant.conversion.problem and "Resize" not in variant.conversion.problem


def test_weights_in_bf16_are_rounded_from_fp32_at_once(shop: Workshop, tmp_path: Path):
    """By way of FP16 1 + 2^-8 + 2^-12 would lose its last bit first, and round to even below."""
    script = (
        "import sys, onnx; m = onnx.load(sys.argv[1]); t = m.graph.initializer[0];"
        "t.CopyFrom(onnx.numpy_helper.from_array(__import__('numpy').full((4, 4), float(sys.argv[2]), 'f'), t.name));"
        "onnx.save(m, sys.argv[1])"
    )
    model = write("normed", tmp_path, shop.tools.python)
    subprocess.run([shop.tools.python, "-c", script, model, str(1 + 2**-8 + 2**-12)], check=True)
    variant = made(shop, model, "bf16", sets(tmp_path, "x", (1, 4), 1))
    shown = (
        "import sys, onnx; from onnx.numpy_helper import to_array; g = onnx.load(sys.argv[1]).graph;"
        "print(float(to_array([t for t in g.initializer if t.name == 'w'][0]).flat[0]))"
    )
    said = subprocess.run([shop.tools.python, "-c", shown, variant.path], check=True, capture_output=True, text=True)
    assert float(said.stdout) == 1 + 2**-7


@pytest.mark.parametrize("recipe", ["fp16", "bf16"])
def test_weights_of_one_name_in_two_branches_stay_two(shop: Workshop, tmp_path: Path, recipe: str):
    variant = made(shop, write("namesakes", tmp_path, shop.tools.python), recipe, [])
    assert variant.path and variant.conversion and variant.conversion.quantised == {"MatMul": 2}
    shown = (
        "import sys, onnx; from onnx.numpy_helper import to_array; g = onnx.load(sys.argv[1]).graph;"
        "ifs = [n for n in g.node if n.op_type == 'If'];"
        "print(sorted(float(to_array(a.g.initializer[0]).flat[0]) for a in ifs[0].attribute))"
    )
    said = subprocess.run([shop.tools.python, "-c", shown, variant.path], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "[0.5, 3.5]"


def test_a_variant_that_ends_the_process_that_loads_it_is_kept_with_how(shop: Workshop, real: dict[str, Path]):
    variant = made(shop, real["nsnet2"], "fp16", [])
    assert variant.status == Status.OK and variant.path and variant.path.is_file()
    assert variant.conversion and "crashed" in variant.conversion.problem
    assert variant.conversion.quantised["GRU"] == 2


def test_a_model_is_prepared_once_for_all_recipes_that_start_from_it(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = []
    run_job = variants.run_job

    def counted(python: Path, folder: Path, op: str, **given: Any) -> Any:
        asked.append(op)
        return run_job(python, folder, op, **given)

    monkeypatch.setattr(variants, "run_job", counted)
    model = write("two", tmp_path, shop.tools.python)
    inputs = sets(tmp_path, "x", (1, 4), 2)
    for recipe in ("int8-dynamic", "int8-static", "int8-dynamic", "fp16"):
        assert made(shop, model, recipe, inputs).status == Status.OK
    assert asked == ["prepare", *["convert", "validate"] * 3]


# A converter with a fault: it makes what the recipe makes, and forgets a bias.
FORGETS = """
import sys, onnx, numpy as np
model = onnx.load(sys.argv[1])
(bias,) = [t for t in model.graph.initializer if t.name == "bias"]
bias.CopyFrom(onnx.numpy_helper.from_array(np.zeros_like(onnx.numpy_helper.to_array(bias)), "bias"))
onnx.save(model, sys.argv[2])
"""


def test_a_converter_that_drops_a_bias_is_caught_on_every_seed(shop: Workshop, tmp_path: Path):
    model = write("biased", tmp_path, shop.tools.python)
    inputs = sets(tmp_path, "x", (8, 4), 20)
    variant = made(shop, model, "fp16", inputs)
    faulty = tmp_path / "faulty.onnx"
    subprocess.run([shop.tools.python, "-c", FORGETS, variant.path, faulty], check=True)
    judge = Judge(catalog.precisions()["fp16"].tolerance)
    truth, right, wrong = (outputs(shop, file, inputs, tmp_path) for file in (model, variant.path, faulty))
    for seed in range(20):
        assert compare([truth[seed]], [right[seed]], judge).output_ok, seed
        assert not compare([truth[seed]], [wrong[seed]], judge).output_ok, seed


def test_a_bias_that_the_tool_cuts_to_its_integers_is_not_one_that_it_dropped(shop: Workshop, tmp_path: Path):
    variant = made(shop, write("faint", tmp_path, shop.tools.python), "int8-static", sets(tmp_path, "x", (8, 2), 2))
    assert variant.status == Status.OK, variant.reason
    script = (
        "import sys, onnx; from onnx.numpy_helper import to_array; g = onnx.load(sys.argv[1]).graph;"
        "print(max(abs(int(each)) for t in g.initializer if t.name == 'bias_quantized' for each in to_array(t)))"
    )
    said = subprocess.run([shop.tools.python, "-c", script, variant.path], check=True, capture_output=True, text=True)
    assert int(said.stdout) >= 2**31 - 1


def test_values_that_fp16_cannot_hold_are_told(shop: Workshop, tmp_path: Path):
    found = {}
    for model in ("masked", "zeros"):
        variant = made(shop, write(model, tmp_path, shop.tools.python), "fp16", sets(tmp_path, "x", (8, 4), 1))
        found[model] = variant.conversion and variant.conversion.cut
    assert found == {"masked": ["1 of 4 in `mask`"], "zeros": []}


@pytest.mark.parametrize("model", ["padded", "masked", "zeros"])
@pytest.mark.parametrize("recipe", ["fp16", "int8-dynamic-all", "int8-static", "int8-static-qoperator", "int4"])
def test_what_only_looks_like_a_bias_is_not_missed(shop: Workshop, model: str, recipe: str, tmp_path: Path):
    variant = made(shop, write(model, tmp_path, shop.tools.python), recipe, sets(tmp_path, "x", (8, 4), 2))
    assert variant.status == Status.OK and variant.conversion, variant.reason
    assert variant.conversion.lost == []


def outputs(shop: Workshop, model: Path, inputs: list[dict[str, str]], folder: Path) -> list[dict[str, Any]]:
    place = folder / f"outputs-{model.parent.name}-{model.stem}"
    place.mkdir()
    found = shop.job("reference", model=str(model), input_sets=inputs, state={}, folder=str(place))
    return [{name: np.load(path) for name, path in each.items()} for each in found]


def test_fp16_is_in_order_although_the_converter_appends_its_casts(shop: Workshop, tmp_path: Path):
    variant = made(shop, write_model("resized", tmp_path), "fp16", [])
    assert variant.status == Status.OK, variant.reason
    assert variant.conversion and variant.conversion.problem == UNTRIED  # the checker refuses a graph out of order
    assert {"Cast", "Resize"} <= operators(read(shop, variant))


def test_static_int8_is_prepared_first_so_that_no_normalisation_stays_between_quantised_nodes(
    shop: Workshop, tmp_path: Path
):
    inputs = sets(tmp_path, "x", (1, 4, 8, 8), 1)
    variant = made(shop, write_model("normalised", tmp_path), "int8-static", inputs)
    assert variant.status == Status.OK, variant.reason
    found = operators(read(shop, variant))
    assert "QuantizeLinear" in found and "BatchNormalization" not in found


@pytest.mark.parametrize(
    ("model", "recipe", "why"),
    [
        ("optimisable", "int4", "1 Conv: not among the recipe's operators"),
        ("resized", "int8-dynamic", "1 Add: not among the recipe's operators"),
    ],
)
def test_a_recipe_that_finds_nothing_is_no_variant(shop: Workshop, tmp_path: Path, model: str, recipe: str, why: str):
    variant = made(shop, write_model(model, tmp_path), recipe, [])
    assert (variant.status, variant.path) == (Status.UNSUPPORTED, None)
    assert variant.reason.startswith(f"nothing_quantised: {why}")
