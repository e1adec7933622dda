"""What a model file takes and gives."""

from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper

from bench.worker.jobs.graph import external_files, load, operators, tensors

SMALLEST_NORMAL = np.finfo(np.float32).smallest_normal


def run(model: str) -> dict[str, Any]:
    """Return inputs and outputs (shape, dtype), opset, operators, weights and external files of the ONNX file `model`.

    A size is a number, the name of a symbolic dimension, or "" where the file leaves it unnamed. `subnormal` counts the
    FP32 weights nearer to 0 than the smallest normal number, with which many processors compute far more slowly.
    """
    proto = load(model)
    weights = {tensor.name for tensor in proto.graph.initializer}
    return {
        "inputs": {v.name: _value(v) for v in proto.graph.input if v.name not in weights},
        "outputs": {v.name: _value(v) for v in proto.graph.output},
        "ir_version": proto.ir_version,
        "opsets": {entry.domain or "ai.onnx": entry.version for entry in proto.opset_import},
        "operators": dict(operators(proto)),
        **_weights(proto),
        "producer": f"{proto.producer_name} {proto.producer_version}".strip(),
        "external_files": external_files(proto),
    }


def _weights(proto: Any) -> dict[str, int]:
    count = subnormal = 0
    for tensor in tensors(proto):
        if tensor.data_type == onnx.TensorProto.FLOAT:
            values = onnx.numpy_helper.to_array(tensor)
            count += values.size
            subnormal += int(np.count_nonzero((values != 0) & (np.abs(values) < SMALLEST_NORMAL)))
    return {"weights": count, "subnormal": subnormal}


def _value(value: Any) -> dict[str, Any]:
    tensor = value.type.tensor_type
    dims = [
        d.dim_param or (d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else "") for d in tensor.shape.dim
    ]
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)).name
    except KeyError:
        dtype = "object"
    return {"shape": dims, "dtype": dtype}
