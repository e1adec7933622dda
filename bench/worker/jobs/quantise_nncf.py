"""OpenVINO's own quantisation: NNCF, on the model as OpenVINO reads it."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["NNCF_CI"] = "1"  # it tells its maker of each model it quantises unless this is set when it is imported

import nncf
import numpy as np
import openvino as ov
from nncf.quantization.advanced_parameters import AdvancedCompressionParameters, GroupSizeFallbackMode

from bench.contract.conversion import Conversion

MULTIPLYING = ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul", "GRUSequence", "LSTMSequence")
CARRIERS = ("Convert", "Multiply", "Subtract", "Reshape", "Transpose")  # between a constant and what multiplies by it
LOW = {"i8", "u8", "i4", "u4", "nf4"}


def quantize(
    model: Path, folder: Path, options: dict[str, Any], calibration: list[dict[str, str]]
) -> tuple[Path, Conversion]:
    """Quantise weights and activations after training; returns the IR's model.xml (model.bin lies beside it).

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
    return _written(quantised, folder, model)


def compress_weights(
    model: Path, folder: Path, options: dict[str, Any], calibration: list[dict[str, str]]
) -> tuple[Path, Conversion]:
    """Compress weights alone, without data; returns the IR's model.xml.

    Options: `mode` as NNCF names it (int4_sym, int4_asym, int8_asym) and `group_size`, of INT4 alone. A weight whose
    channels no group divides stays at 8 bits.
    """
    mode = nncf.CompressWeightsMode(options["mode"])
    of_groups: dict[str, Any] = {}
    if mode not in (nncf.CompressWeightsMode.INT8_ASYM, nncf.CompressWeightsMode.INT8_SYM):
        advanced = AdvancedCompressionParameters(group_size_fallback_mode=GroupSizeFallbackMode.IGNORE)
        of_groups = {"group_size": options["group_size"], "all_layers": True, "advanced_parameters": advanced}
    compressed = nncf.compress_weights(ov.Core().read_model(model), mode=mode, **of_groups)
    return _written(compressed, folder, model)


def _attends(model: Any) -> bool:
    """Tell whether the model has attention: a matrix product of what a softmax gave."""
    kinds = {node.get_type_name() for node in model.get_ops()}
    if "ScaledDotProductAttention" in kinds:
        return True
    products = (node for node in model.get_ops() if node.get_type_name() == "MatMul")
    return any(node.input_value(0).get_node().get_type_name() == "Softmax" for node in products)


def _written(model: Any, folder: Path, source: Path) -> tuple[Path, Conversion]:
    quantised: Counter[str] = Counter()
    left: dict[str, Counter[str]] = {}
    casts: Counter[str] = Counter()
    for node in model.get_ops():
        kind = node.get_type_name()
        casts[kind] += kind in ("FakeQuantize", "Convert")
        if kind not in MULTIPLYING:
            continue
        weights = [origin for value in node.input_values() if (origin := _constant(value.get_node())) is not None]
        if any(origin.get_element_type().get_type_name() in LOW for origin in weights) or _faked(node):
            quantised[kind] += 1
        else:
            why = "its weights were left in floating point" if weights else "it multiplies activations"
            left.setdefault(kind, Counter())[why] += 1
    ov.save_model(model, folder / "model.xml", compress_to_fp16=False)
    report = Conversion(
        quantised=dict(quantised),
        left={kind: dict(why) for kind, why in left.items()},
        casts=casts.total(),
        bytes_before=sum(file.stat().st_size for file in _with_weights(source)),
    )
    return folder / "model.xml", report


def _constant(node: Any) -> Any:
    """Return the constant that a value was unpacked from, None where it was computed."""
    while node.get_type_name() in (*CARRIERS, "FakeQuantize"):
        node = node.input_value(0).get_node()
    return node if node.get_type_name() == "Constant" else None


def _faked(node: Any) -> bool:
    """Tell whether every operand of a product of activations is quantised."""
    return all(value.get_node().get_type_name() == "FakeQuantize" for value in node.input_values())


def _with_weights(model: Path) -> Iterator[Path]:
    yield model
    yield from (file for suffix in (".data", "_data") if (file := model.with_name(model.name + suffix)).is_file())
