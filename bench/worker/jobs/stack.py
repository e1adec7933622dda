"""Models of known cost: a stack of equal layers, so that a few more of them are that much slower."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SEED = 0
OPSET = 17
NEAR = 0.05  # how far a layer is from changing nothing


def run(kind: str, size: int, width: int, layers: int, extra: int, destination: str) -> dict[str, int]:
    """Write a stack of `layers` MatMul (of size x width) or 3x3 Conv with ReLU (of 1 x width x size x size).

    `extra` layers more change nothing that goes through them, and cost as much as any other: with and without them it
    is the same function. The others are near to that, so that errors of rounding do not grow over many of them.
    """
    rng = np.random.default_rng(SEED)
    shape, neutral = {"matmul": ([size, width], _matmul), "conv": ([1, width, size, size], _conv)}[kind]
    names = ["x", *(f"h{i}" for i in range(1, layers + extra)), "y"]
    weights, nodes = [], []
    for index in range(layers + extra):
        weight = neutral(width)
        if index < layers:
            weight = weight + rng.normal(scale=NEAR / weight[0].size ** 0.5, size=weight.shape)
        weights.append(numpy_helper.from_array(weight.astype(np.float32), f"w{index}"))
        nodes += _layer(kind, names[index], f"w{index}", names[index + 1])
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y"))
    graph = helper.make_graph(nodes, f"{kind}-stack", [x], [y], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.save(model, destination)
    return {"bytes": Path(destination).stat().st_size}


def _layer(kind: str, source: str, weight: str, result: str) -> list[onnx.NodeProto]:
    if kind == "matmul":
        return [helper.make_node("MatMul", [source, weight], [result])]
    conv = helper.make_node("Conv", [source, weight], [f"{result}c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    return [conv, helper.make_node("Relu", [f"{result}c"], [result])]


def _matmul(width: int) -> np.ndarray:
    return np.eye(width)


def _conv(width: int) -> np.ndarray:
    weight = np.zeros((width, width, 3, 3))
    weight[:, :, 1, 1] = np.eye(width)
    return weight
