"""INT8 with activations quantised while the model runs: weights need no calibration."""

from typing import Any

from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.registry import IntegerOpsRegistry

from bench.contract.conversion import Conversion
from bench.worker.jobs.changes import Takes, changes
from bench.worker.jobs.graph import load

TOOLS = ("onnxruntime", "onnx")
AS_MATMUL = {"Gemm"}  # the tool makes a MatMul of each Gemm first


def make(model: str, destination: str, options: dict[str, Any], calibration: list[dict[str, str]]) -> Conversion:
    """`model` is prepared (jobs/prepare.py). No `operators` are all that the tool takes."""
    operators = options["operators"] or sorted(IntegerOpsRegistry)
    quantize_dynamic(
        model,
        destination,
        op_types_to_quantize=operators,
        per_channel=options["per_channel"],
        reduce_range=options["reduce_range"],
        weight_type=QuantType[options["weight_type"]],
    )
    taken = frozenset(operators) | (AS_MATMUL if "MatMul" in operators else set())
    return changes(load(model), load(destination), Takes(taken), TOOLS)
