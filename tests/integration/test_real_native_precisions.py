"""INT8 and INT4 by runtimes' own tools, beside ONNX Runtime's, on a real CNN and a real transformer."""

from pathlib import Path

import pandas as pd
import pytest

import bench
from bench.contract.flags import Flag
from bench.store import Run, read_run
from bench.suite import load_text

pytestmark = [pytest.mark.runtimes, pytest.mark.heavy]

QUICK = "preset: quick\nmeasure: {rounds: 1, bursts: 6, windows: 0, trial_s: 1}\n"
OPENVINO = f"""
suite: openvinos-own
{QUICK}
matrix:
  model: [crepe-tiny, all-minilm-l6]
  target: [cpu, openvino-native]
  precision: [fp32, int8-static, int8-nncf, int4-nncf]
  threads: 2
"""
LITERT = f"""
suite: literts-own
{QUICK}
matrix:
  model: [crepe-tiny, all-minilm-l6, basic-pitch, blazeface]
  target: [cpu, litert]
  precision: [fp32, int8-litert, int8-litert-static]
  threads: 2
"""
TORCHAO = f"""
suite: torchaos-own
{QUICK}
include:
  - model: [crepe-tiny, all-minilm-l6]
    target: [cpu, torch, torch-compile]
    precision: [fp32, int8-torchao]
    threads: 2
  - {{model: [crepe-tiny, all-minilm-l6], target: torch, precision: int4-torchao, threads: 2}}
"""
MODELS = ("crepe-tiny", "all-minilm-l6")


def ran(suite: str, folder: Path) -> Run:
    return read_run(bench.run(load_text(suite), folder))


@pytest.fixture(scope="module")
def openvino(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return ran(OPENVINO, tmp_path_factory.mktemp("openvino"))


@pytest.fixture(scope="module")
def litert(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return ran(LITERT, tmp_path_factory.mktemp("litert"))


@pytest.fixture(scope="module")
def torchao(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return ran(TORCHAO, tmp_path_factory.mktemp("torchao"))


def row(run: Run, model: str, precision: str, target: str) -> pd.Series:
    t = run.trials
    found = t[(t.model == model) & (t.precision == precision) & (t.target == target)]
    assert len(found) == 1, f"{model} {precision} {target} has {len(found)} rows"
    return found.iloc[0]


def report(run: Run, model: str, precision: str) -> dict:
    return run.meta["models"][model]["convert"][precision]["conversion"]


def right_and_computed_in(found: pd.Series, precision: str) -> None:
    assert found.status == "ok", found.reason
    assert found.output_ok, (found.cosine, found.reason)
    assert found.precision_effective == precision
    assert not {Flag.EMULATED, Flag.PRECISION_DIFFERS} & set(found["flags"])


# OpenVINO by NNCF


@pytest.mark.parametrize("model", MODELS)
def test_nncf_computes_in_int8_and_is_a_quarter_as_large(openvino: Run, model: str):
    found, whole = (row(openvino, model, precision, "openvino-native") for precision in ("int8-nncf", "fp32"))
    assert found.status == "ok" and found.precision_effective == "int8"
    assert found.model_bytes < 0.35 * whole.model_bytes


def test_nncf_keeps_the_cnn_and_more_of_the_transformer_than_static_int8_does(openvino: Run):
    right_and_computed_in(row(openvino, "crepe-tiny", "int8-nncf", "openvino-native"), "int8")
    own, plain = (
        row(openvino, "all-minilm-l6", precision, "openvino-native") for precision in ("int8-nncf", "int8-static")
    )
    assert own.cosine > 0.9 > plain.cosine  # on real sentences 0.954 was seen, and 0.31: neither is within 0.98
    assert all((each.cosine >= 0.98) == each.output_ok != (Flag.WRONG_OUTPUT in each["flags"]) for each in (own, plain))


def test_onnx_runtimes_int8_and_openvinos_own_are_in_one_block(openvino: Run):
    ok = openvino.trials[openvino.trials.status == "ok"]
    for model in MODELS:
        (block,) = set(ok[ok.model == model].block_id)
        cells = set(zip(ok[ok.block_id == block].precision, ok[ok.block_id == block].target, strict=True))
        assert cells == {
            *((precision, target) for precision in ("fp32", "int8-static") for target in ("cpu", "openvino-native")),
            ("int8-nncf", "openvino-native"),
            ("int4-nncf", "openvino-native"),
        }


def test_onnx_runtime_is_told_whose_the_recipe_is(openvino: Run):
    found = row(openvino, "crepe-tiny", "int8-nncf", "cpu")
    assert (found.status, found.reason) == ("unsupported", "INT8 NNCF is OpenVINO's own: openvino-native runs it")


def test_nncf_tells_what_it_quantised_and_what_not(openvino: Run):
    cnn, transformer = (report(openvino, model, "int8-nncf") for model in MODELS)
    assert cnn["quantised"] == {"Convolution": 6, "MatMul": 1} and cnn["left"] == {}
    # 6 layers of 6 linear ones and of queries by keys; what the softmax gave is multiplied as it is.
    assert transformer["quantised"] == {"MatMul": 42}
    assert transformer["left"] == {"MatMul": {"it multiplies activations": 6}}
    for found in (cnn, transformer):
        assert found["casts"] > 0 and set(found["tools"]) == {"nncf", "openvino"}
        assert found["problem"] == "", "OpenVINO loaded it, ran it and gave finite outputs"
        assert found["bytes_after"] < 0.35 * found["bytes_before"]


def test_int4_weights_are_smaller_yet_and_a_cnn_has_few_of_them(openvino: Run):
    transformer, cnn = (row(openvino, model, "int4-nncf", "openvino-native") for model in reversed(MODELS))
    assert transformer.model_bytes < row(openvino, "all-minilm-l6", "int8-nncf", "openvino-native").model_bytes
    assert transformer.precision_effective == "int4"
    assert transformer.output_ok == (Flag.WRONG_OUTPUT not in transformer["flags"])
    assert cnn.precision_effective == "fp32" and Flag.EMULATED in cnn["flags"]  # only matrices have 4-bit kernels
    of_cnn = report(openvino, "crepe-tiny", "int4-nncf")
    assert of_cnn["quantised"] == {"MatMul": 1}
    assert of_cnn["left"] == {"Convolution": {"its weights were kept at 8 bits": 6}}


# LiteRT by AI Edge Quantizer


@pytest.mark.parametrize("model", MODELS)
def test_litert_is_right_computes_in_int8_and_is_smaller(litert: Run, model: str):
    found, whole = (row(litert, model, precision, "litert") for precision in ("int8-litert", "fp32"))
    right_and_computed_in(found, "int8")
    assert found.model_bytes < 0.35 * whole.model_bytes
    assert found.translate_ns == whole.translate_ns  # both start from the same .tflite


def test_litert_calibrates_a_cnn_and_loses_the_transformer_which_is_flagged(litert: Run):
    right_and_computed_in(row(litert, "crepe-tiny", "int8-litert-static", "litert"), "int8")
    found = row(litert, "all-minilm-l6", "int8-litert-static", "litert")
    assert found.status == "ok" and found.precision_effective == "int8"
    assert found.output_ok == (Flag.WRONG_OUTPUT not in found["flags"])
    assert found.cosine < row(litert, "all-minilm-l6", "int8-litert", "litert").cosine


def test_without_a_signature_nothing_is_calibrated(litert: Run):
    found = row(litert, "blazeface", "int8-litert-static", "litert")
    assert found.status == "unsupported" and "has no signature" in found.reason


def test_a_twin_is_quantised_as_it_is(litert: Run):
    right_and_computed_in(row(litert, "basic-pitch", "int8-litert", "litert"), "int8")


def test_weights_that_stay_in_floating_point_are_seen(litert: Run):
    for model in MODELS:
        assert row(litert, model, "fp32", "litert").precision_effective == "fp32"
    found = row(litert, "blazeface", "int8-litert", "litert")  # its weights are FP16, which the quantiser passes over
    assert found.status == "unsupported"
    assert found.reason.startswith("nothing_quantised") and "its weights were left in floating point" in found.reason
    assert report(litert, "blazeface", "int8-litert")["left"], "why, also in the run's report"


def test_litert_tells_what_it_quantised(litert: Run):
    found = report(litert, "all-minilm-l6", "int8-litert")
    assert found["quantised"] == {"FULLY_CONNECTED": 36} and found["left"] == {}
    assert found["problem"] == "", "LiteRT loaded it, ran it and gave finite outputs"
    assert set(found["tools"]) == {"ai-edge-quantizer", "ai-edge-litert"}


# PyTorch by torchao


@pytest.mark.parametrize("target", ["torch", "torch-compile"])
def test_torchao_quantises_the_transformer_eager_and_compiled(torchao: Run, target: str):
    found, whole = (row(torchao, "all-minilm-l6", precision, target) for precision in ("int8-torchao", "fp32"))
    right_and_computed_in(found, "int8")
    assert found.model_bytes < 0.7 * whole.model_bytes  # embeddings, half of it, stay in FP32


@pytest.mark.parametrize("target", ["torch", "torch-compile"])
def test_torchao_leaves_convolutions_alone_and_the_row_says_so(torchao: Run, target: str):
    found = row(torchao, "crepe-tiny", "int8-torchao", target)
    assert found.status == "ok" and found.output_ok
    assert found.precision_effective == "fp32" and Flag.EMULATED in found["flags"]


def test_int4_packs_what_its_kernel_takes_and_says_where_that_is_nothing(torchao: Run):
    found = row(torchao, "all-minilm-l6", "int4-torchao", "torch")
    assert found.status == "ok" and found.precision_effective == "int4"
    assert found.output_ok == (Flag.WRONG_OUTPUT not in found["flags"])
    assert found.model_bytes < row(torchao, "all-minilm-l6", "int8-torchao", "torch").model_bytes
    none = row(torchao, "crepe-tiny", "int4-torchao", "torch")  # 360 outputs: the kernel takes multiples of 16
    assert none.status == "unsupported" and "nothing_quantised" in none.reason


def test_fp32_is_measured_without_torchao_beside_it(torchao: Run):
    freezes = {label: each["freeze"] for label, each in torchao.meta["environments"].items()}
    assert any(line.startswith("torchao==") for line in freezes["torchao"])
    assert not any(line.startswith("torchao==") for line in freezes["torch"])
