"""Make a variant of a model by a recipe of the catalog. A recipe that changes nothing is a failure, not a variant."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnx.version_converter

from bench.contract.status import Failure, Status
from bench.worker.jobs.graph import load, operators

QUANTISED = {
    "ConvInteger",
    "DequantizeLinear",
    "DynamicQuantizeLSTM",
    "DynamicQuantizeLinear",
    "DynamicQuantizeMatMul",
    "MatMulInteger",
    "MatMulIntegerToFloat",
    "MatMulNBits",
    "QAttention",
    "QGemm",
    "QLinearConv",
    "QLinearMatMul",
    "QuantizeLinear",
}
PER_CHANNEL_OPSET = 13
INLINE_LIMIT = 2_000_000_000  # protobuf holds less than 2 GiB: larger models keep their weights beside them


def run(
    model: str, destination: str, method: str, options: dict[str, Any], calibration: list[dict[str, str]]
) -> dict[str, Any]:
    """Write the variant to `destination`; returns its size in bytes and the operators it gained and lost.

    Raises Failure: unsupported with reason `nothing_quantised`, conversion_failed with the tool's own words.
    """
    before = operators(load(model))
    try:
        METHODS[method](model, destination, options, calibration)
        onnx.checker.check_model(destination, full_check=True)
    except Failure:
        raise
    except Exception as error:
        raise Failure(Status.CONVERSION_FAILED, f"{method}: {type(error).__name__}: {str(error)[:800]}") from error
    after = operators(load(destination))
    gained = {op: count for op in after if (count := after[op] - before[op]) > 0}
    if method != "float16" and not QUANTISED & gained.keys():
        present = ", ".join(f"{count} {op}" for op, count in before.most_common(4))
        raise Failure(
            Status.UNSUPPORTED,
            f"nothing_quantised: the recipe found no operator it can quantise (model: {present}, ...)",
        )
    return {
        "bytes": sum(file.stat().st_size for file in Path(destination).parent.iterdir() if file.is_file()),
        "gained": gained,
        "lost": {op: count for op in before if (count := before[op] - after[op]) > 0},
    }


def _float16(model: str, destination: str, options: dict[str, Any], calibration: list[dict[str, str]]) -> None:
    import onnx_ir
    from onnxruntime.transformers.float16 import convert_float_to_float16

    proto = convert_float_to_float16(onnx.shape_inference.infer_shapes(load(model)), **options)
    converted = onnx_ir.from_proto(proto)
    converted.graph.sort()  # the converter appends its casts at the end; nested graphs may need them earlier
    _save(onnx_ir.to_proto(converted), destination)


def _quantize_dynamic(model: str, destination: str, options: dict[str, Any], calibration: list[dict[str, str]]) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with TemporaryDirectory() as scratch:
        quantize_dynamic(
            _prepared(model, scratch),
            destination,
            op_types_to_quantize=options["operators"],
            per_channel=options["per_channel"],
            weight_type=QuantType[options["weight_type"]],
        )


def _quantize_static(model: str, destination: str, options: dict[str, Any], calibration: list[dict[str, str]]) -> None:
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    with TemporaryDirectory() as scratch:
        quantize_static(
            _prepared(model, scratch),
            destination,
            _reader(calibration),
            quant_format=QuantFormat.QDQ,
            per_channel=options["per_channel"],
            reduce_range=options["reduce_range"],
            activation_type=QuantType[options["activation_type"]],
            weight_type=QuantType[options["weight_type"]],
            calibrate_method=CalibrationMethod[options["calibration"]],
            # The adjustment fails on per-channel Gemm weights (ORT 1.32: ambiguous truth value of an array).
            extra_options={"QDQDisableWeightAdjustForInt32Bias": True},
        )


def _matmul_nbits(model: str, destination: str, options: dict[str, Any], calibration: list[dict[str, str]]) -> None:
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantizer = MatMulNBitsQuantizer(
        load(model),
        block_size=options["block_size"],
        is_symmetric=options["symmetric"],
        accuracy_level=options["accuracy_level"],
    )
    quantizer.process()
    _save(quantizer.model.model, destination)


METHODS: dict[str, Callable[[str, str, dict[str, Any], list[dict[str, str]]], None]] = {
    "float16": _float16,
    "quantize_dynamic": _quantize_dynamic,
    "quantize_static": _quantize_static,
    "matmul_nbits": _matmul_nbits,
}


def _prepared(model: str, scratch: str) -> str:
    """Return a copy of the model as the quantisers want it: opset 13 or later, shapes inferred, flat Gemm biases.

    Symbolic shape inference gives up on some models: then plain inference, then the file as it is.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    source = str(Path(scratch) / "source.onnx")
    _save(_at_least_opset(load(model)), source)
    prepared = str(Path(scratch) / "prepared.onnx")
    for skip_symbolic in (False, True):
        try:
            quant_pre_process(source, prepared, skip_symbolic_shape=skip_symbolic)
        except Exception as error:
            sys.stderr.write(f"quant_pre_process (skip_symbolic_shape={skip_symbolic}) failed: {error}\n")
        else:
            _save(_with_flat_biases(load(prepared)), prepared)
            return prepared
    return source


def _at_least_opset(model: Any) -> Any:
    """Per-channel scales need the `axis` of opset 13."""
    version = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    return model if version >= PER_CHANNEL_OPSET else onnx.version_converter.convert_version(model, PER_CHANNEL_OPSET)


def _with_flat_biases(model: Any) -> Any:
    """Give each Gemm bias of shape (1, n) the shape (n): it broadcasts alike, and its axis is its channels."""
    biases = {node.input[2] for node in model.graph.node if node.op_type == "Gemm" and len(node.input) > 2}
    for tensor in model.graph.initializer:
        if tensor.name in biases and len(tensor.dims) == 2 and tensor.dims[0] == 1:
            del tensor.dims[0]
    return model


def _reader(calibration: list[dict[str, str]]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.samples: Iterator[dict[str, Any]] = (
                {name: np.load(path, allow_pickle=False) for name, path in sample.items()} for sample in calibration
            )

        def get_next(self) -> dict[str, Any] | None:
            return next(self.samples, None)

    return Reader()


def _save(model: Any, destination: str) -> None:
    onnx.save(
        model,
        destination,
        save_as_external_data=model.ByteSize() > INLINE_LIMIT,
        location="weights.bin",
    )
