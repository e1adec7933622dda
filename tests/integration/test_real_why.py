"""Why real variants are slower on real runtimes: reasons that hold whatever the machine."""

import json
import re

import pytest

import bench
from bench.analysis import summarize
from bench.analysis.why import Explanation, explain, operators_of
from bench.report.scope import Row, Scope, scope
from bench.store import read_run

pytestmark = pytest.mark.runtimes

SUITE = """
suite: why
measure: {rounds: 1, bursts: 6, windows: 1, trial_s: 1}
preset: quick
precisions:
  int8-all: {precision: int8-dynamic, options: {operators: [Conv, MatMul, Gemm]}}
  s8s8: {precision: int8-static, options: {activation_type: QInt8}}
targets:
  cpu-signed: {target: cpu, session: {session.qdqisint8allowed: "1"}}
include:
  - {model: magika, target: [cpu, openvino-native, openvino], precision: [fp32, fp16, int8-static, int8-all]}
  - {model: ddddocr-det, target: [cpu, cpu-signed], precision: [fp32, s8s8]}
  - {model: crepe-tiny, target: [cpu, torch]}
"""


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> Scope:
    folder = tmp_path_factory.mktemp("why")
    (folder / "why.yaml").write_text(SUITE, "utf-8")
    run = read_run(bench.run(folder / "why.yaml", folder / "results"))
    return scope(run.meta, run.trials, summarize(run.trials, run.meta), "")


def cell(view: Scope, model: str, precision: str, target: str) -> Row:
    (row,) = view.of(model=model, precision=precision, target=target)
    assert row["status"] == "ok", row["reason"]
    return row


def told(view: Scope, *where: str) -> dict[str, str]:
    return {reason.name: reason.text for reason in explained(view, *where).reasons}


def explained(view: Scope, *where: str) -> Explanation:
    return explain(cell(view, *where), view.rows, view.meta)


def counts(view: Scope, *where: str) -> dict[str, int]:
    return {one.name: one.nodes for one in operators_of(cell(view, *where))}


def test_every_measured_cell_tells_its_operators_with_their_times(view: Scope) -> None:
    for row in (row for row in view.rows if row["status"] == "ok"):
        found = operators_of(row)
        assert found and all(one.ns is not None for one in found), row["cell_id"]
        assert sum(one.ns or 0 for one in found) > 0, row["cell_id"]


def test_a_session_counts_what_was_fused_and_inserted(view: Scope) -> None:
    """QLinearConv is no node of the file, nor is a ReorderInput; casts of FP16 are put in while it loads."""
    assert "QLinearConv" in counts(view, "magika", "int8-static", "cpu")
    assert "DynamicQuantizeMatMul" in counts(view, "magika", "int8-all", "cpu")
    casts = counts(view, "magika", "fp16", "cpu")["Cast"]
    assert casts > view.meta["models"]["magika"]["convert"]["fp16"]["conversion"]["casts"]


def test_conv_integer_makes_dynamic_int8_slower_on_a_cnn(view: Scope) -> None:
    found = explained(view, "magika", "int8-all", "cpu")
    assert found.against.ratio is not None and found.against.ratio < 1
    first = found.reasons[0]
    assert first.name == "unfused_integers" and first.share is not None and first.share > 0.5
    assert re.match(r"1 ConvInteger took [\d.]+ [mµ]s where FP32's 1 Conv took [\d.]+ [mµ]s", first.text)


def test_signed_activations_are_not_fused_on_x86_and_the_option_named_fuses_them(view: Scope) -> None:
    here = told(view, "ddddocr-det", "s8s8", "cpu")
    assert re.match(r"Only \d+ of 83 convolutions run in INT8", here["in_floats"])
    assert "DequantizeLinear" in here["type_changes"]
    if "sse2" in view.meta["machine"]["cpu"]["flags"]:
        assert "session.qdqisint8allowed" in here["in_floats"]
    assert cell(view, "ddddocr-det", "s8s8", "cpu")["precision_effective"] == "fp32"
    assert counts(view, "ddddocr-det", "s8s8", "cpu-signed")["QLinearConv"] == 83
    assert cell(view, "ddddocr-det", "s8s8", "cpu-signed")["precision_effective"] == "int8"


def test_fp16_is_emulated_on_the_cpu_provider_and_inside_openvino(view: Scope) -> None:
    for target in ("cpu", "openvino", "openvino-native"):
        row = cell(view, "magika", "fp16", target)
        assert row["precision_effective"] == "fp32" and "emulated" in row["flags"], target
    found = explained(view, "magika", "fp16", "cpu")
    if found.against.ratio is not None and found.against.ratio < 1:
        assert "not in FP16, which is emulated" in {reason.name: reason.text for reason in found.reasons}["emulated"]


def test_onednn_tells_what_openvinos_fused_node_computed_in(view: Scope) -> None:
    assert cell(view, "magika", "fp32", "openvino")["precision_effective"] == "fp32"
    assert cell(view, "magika", "int8-static", "openvino")["precision_effective"] == "int8"
    assert counts(view, "magika", "int8-static", "openvino")["convolution int8"] == 1
    assert "convolution fp32" in counts(view, "magika", "fp16", "openvino")


def test_openvino_leaves_conv_integer_to_the_cpu_provider(view: Scope) -> None:
    row = cell(view, "magika", "int8-all", "openvino")
    assert json.loads(row["operators"])["CPUExecutionProvider/ConvInteger"][0] == 1
    assert "leaves 1 node (1 ConvInteger) to others" in told(view, "magika", "int8-all", "openvino")["fallback"]


def test_layers_of_native_openvino_say_what_they_ran_in(view: Scope) -> None:
    assert counts(view, "magika", "fp32", "openvino-native")["Convolution fp32"] == 1
    assert counts(view, "magika", "int8-static", "openvino-native")["Convolution int8"] == 1
    whole = "of 1 Convolution fp32 and 2 FullyConnected fp32 none runs on integers"
    assert whole in told(view, "magika", "int8-all", "openvino-native")["emulated"]


def test_an_operator_of_pytorch_has_its_time(view: Scope) -> None:
    found = operators_of(cell(view, "crepe-tiny", "fp32", "torch"))
    assert any(one.family == "convolutions" and one.ns for one in found), [one.name for one in found]
