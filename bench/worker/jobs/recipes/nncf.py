"""OpenVINO's own quantisation: NNCF, on the model as OpenVINO reads it."""

import os
from collections import Counter
from importlib.metadata import version
from typing import Any

os.environ["NNCF_CI"] = "1"  # it tells its maker of each model it quantises unless this is set when it is imported

import nncf
import numpy as np
import openvino as ov
from nncf.quantization.advanced_parameters import AdvancedCompressionParameters, GroupSizeFallbackMode

from bench.contract.conversion import Conversion

MULTIPLYING = ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul", "GRUSequence", "LSTMSequence")
CARRIERS = ("Convert", "Multiply", "Subtract", "Reshape", "Transpose")  # between a constant and what multiplies by it
EIGHT, FOUR = {"i8", "u8"}, {"i4", "u4", "nf4"}
TOOLS = ("nncf", "openvino")


def quantize(model: str, destination: str, options: dict[str, Any], calibration: list[dict[str, str]]) -> Conversion:
    """Quantise weights and activations after training; `destination` is the IR's .xml, its .bin lies beside it.

    Options: `preset` (mixed: activations asymmetric; performance: all symmetric) and `model_type`: transformer (keeps
    attention's sums and softmax exact, smooths activations), none, or auto: transformer where the model has attention.
    """
    source = ov.Core().read_model(model)
    names = [port.get_any_name() for port in source.inputs]
    samples = [{name: np.load(sample[name], allow_pickle=False) for name in names} for sample in calibration]
    kind = options["model_type"]
    transformer = _attends(source) if kind == "auto" else kind == "transformer"
    quantised = nncf.quantize(
        source,
        nncf.Dataset(samples),
        preset=nncf.QuantizationPreset(options["preset"]),
        subset_size=len(samples),
        model_type=nncf.ModelType.TRANSFORMER if transformer else None,
    )
    return _written(quantised, destination, EIGHT)


def compress_weights(
    model: str, destination: str, options: dict[str, Any], calibration: list[dict[str, str]]
) -> Conversion:
    """Compress weights alone, without data; `destination` is the IR's .xml.

    Options: `mode` as NNCF names it (int4_sym, int4_asym, int8_asym) and `group_size`, of INT4 alone. A weight whose
    channels no group divides stays at 8 bits.
    """
    mode = nncf.CompressWeightsMode(options["mode"])
    of_groups: dict[str, Any] = {}
    eight = mode in (nncf.CompressWeightsMode.INT8_ASYM, nncf.CompressWeightsMode.INT8_SYM)
    if not eight:
        advanced = AdvancedCompressionParameters(group_size_fallback_mode=GroupSizeFallbackMode.IGNORE)
        of_groups = {"group_size": options["group_size"], "all_layers": True, "advanced_parameters": advanced}
    compressed = nncf.compress_weights(ov.Core().read_model(model), mode=mode, **of_groups)
    return _written(compressed, destination, EIGHT if eight else FOUR)


def _attends(model: Any) -> bool:
    """Tell whether the model has attention: a matrix product of what a softmax gave."""
    kinds = {node.get_type_name() for node in model.get_ops()}
    if "ScaledDotProductAttention" in kinds:
        return True
    products = (node for node in model.get_ops() if node.get_type_name() == "MatMul")
    return any(node.input_value(0).get_node().get_type_name() == "Softmax" for node in products)


def _written(model: Any, destination: str, low: set[str]) -> Conversion:
    """Write the model where anything was quantised: to one of the types `low`. Returns what was, and what not."""
    quantised: Counter[str] = Counter()
    left: dict[str, Counter[str]] = {}
    casts: Counter[str] = Counter()
    for node in model.get_ops():
        kind = node.get_type_name()
        casts[kind] += kind in ("FakeQuantize", "Convert")
        if kind not in MULTIPLYING:
            continue
        weights = [origin for value in node.input_values() if (origin := _constant(value.get_node())) is not None]
        types = {origin.get_element_type().get_type_name() for origin in weights}
        if types & low or _faked(node):
            quantised[kind] += 1
        else:
            left.setdefault(kind, Counter())[_why(types)] += 1
    if quantised:
        ov.save_model(model, destination, compress_to_fp16=False)
    return Conversion(
        quantised=dict(quantised),
        left={kind: dict(why) for kind, why in left.items()},
        casts=casts.total(),
        tools={name: version(name) for name in TOOLS},
    )


def _why(types: set[str]) -> str:
    """Return why a node was left, by the types of its weights."""
    if types & EIGHT:
        return "its weights were kept at 8 bits"
    return "its weights were left in floating point" if types else "it multiplies activations"


def _constant(node: Any) -> Any:
    """Return the constant that a value was unpacked from, None where it was computed."""
    while node.get_type_name() in (*CARRIERS, "FakeQuantize"):
        node = node.input_value(0).get_node()
    return node if node.get_type_name() == "Constant" else None


def _faked(node: Any) -> bool:
    """Tell whether every operand of a product of activations is quantised."""
    return all(value.get_node().get_type_name() == "FakeQuantize" for value in node.input_values())
