"""INT4 weights of matrix products, in blocks: one MatMulNBits each, or a DequantizeLinear in front of the MatMul."""

from typing import Any

from onnx.version_converter import convert_version
from onnxruntime.quantization import QuantFormat
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

from bench.contract.conversion import Conversion
from bench.worker.jobs.changes import Takes, changes
from bench.worker.jobs.graph import load, named, opset, save

TOOLS = ("onnxruntime", "onnx", "onnx-ir")
OPSET = 21  # the first with 4-bit integers, and with DequantizeLinear in blocks


def make(model: str, destination: str, options: dict[str, Any], calibration: list[dict[str, str]]) -> Conversion:
    source, work = (_at_opset(load(model), options["format"]) for _ in range(2))  # the tool changes what it is given
    quantizer = MatMulNBitsQuantizer(
        work,
        block_size=options["block_size"],
        is_symmetric=options["symmetric"],
        accuracy_level=options["accuracy_level"],
        quant_format=QuantFormat[options["format"]],
    )
    quantizer.process()
    made = quantizer.model.model
    save(made, destination)
    return changes(source, made, Takes(frozenset({"MatMul"}), one_matrix=True, nested=True), TOOLS)


def _at_opset(model: Any, form: str) -> Any:
    """Return the model with its nodes named, at an opset that has what `form` needs: the tool would only claim it."""
    return named(convert_version(model, OPSET) if form == "QDQ" and opset(model) < OPSET else model)
