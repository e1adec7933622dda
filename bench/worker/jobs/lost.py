"""Whether what a model adds and scales by is still there once a tool has converted it: biases, gains and their like.

Outputs do not tell it every time: a softmax that is sure of its answer hides a bias that is gone.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper

from bench.worker.jobs.graph import Scope, scoped

CARRIERS = {"Cast", "Identity", "Reshape", "Unsqueeze", "Squeeze", "QuantizeLinear", "DequantizeLinear"}
FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE}
LARGEST = 65504.0  # of FP16, to which its converter cuts what is larger
SMALLEST = 1e-7  # which its converter makes of what is smaller
ROUNDING = 0.01  # of the largest element: half a step of 8 bits is 0.004 of it, of BF16 0.002
CUT = 2**31 - 1  # a bias where hardly any weight is has so small a scale that the tool cuts it: that is its arithmetic
INTEGERS = {
    TensorProto.INT4,
    TensorProto.UINT4,
    TensorProto.INT8,
    TensorProto.UINT8,
    TensorProto.INT16,
    TensorProto.UINT16,
    TensorProto.INT32,
}
# Where an integer operator takes a vector whose scales and zero point are not the two inputs after it.
SCALES: dict[tuple[str, int], tuple[tuple[int, ...], int | None]] = {
    ("QLinearConv", 8): ((1, 4), None),
    ("QGemm", 6): ((1, 4), None),
    ("QEmbedLayerNormalization", 5): ((11,), 16),
    ("QEmbedLayerNormalization", 6): ((12,), 17),
}
BIASES = {("Conv", 2), ("ConvTranspose", 2), ("Gemm", 2)}  # which may be of one value; elsewhere that is a constant


@dataclass(frozen=True)
class Vector:
    """A stored tensor with one axis that counts: its values, float64, and the step of the integers they are kept in."""

    values: Any
    step: Any = 0.0


def lost(source: Any, made: Any, passed: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return in words which stored vectors of floats nodes of `source` read and those of `made` do not.

    They are known by their values, not their names, and looked for as often as they are read. `passed` are the inputs,
    by operator, that are left out: weights, whose values are the recipe's to change.
    """
    there: defaultdict[int, list[Vector]] = defaultdict(list)
    for *_, found in _read(made, {}):
        there[found.values.size].append(found)
    missing = []
    for node, place, vector in _read(source, passed):
        if vector.values.size == 1 and (node.op_type, place) not in BIASES:
            continue
        left = there[vector.values.size]
        apart = [_apart(vector, found) for found in left]
        if min(apart, default=np.inf) == np.inf:
            missing.append(f"`{node.input[place]}`, which {node.op_type} `{node.name}` reads")
        else:
            del left[apart.index(min(apart))]
    return missing


def _apart(vector: Vector, found: Vector) -> float:
    """Return how far apart two vectors are at most, beyond all bounds where rounding does not explain it."""
    bound = ROUNDING * np.abs(vector.values).max() + found.step + SMALLEST
    apart = np.abs(vector.values - found.values)
    return float(apart.max()) if np.all(apart <= bound) else np.inf


def _read(model: Any, passed: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[Any, int, Vector]]:
    """Yield each vector that a node computes with: the node, the place of the input, and what is there."""
    for node, scope in scoped(model.graph):
        if node.op_type in CARRIERS:
            continue
        for place, name in enumerate(node.input):
            if place in passed.get(node.op_type, ()):
                continue
            if found := _unpacked(node, place, scope) or _behind(name, scope):
                yield node, place, found


def _behind(name: str, scope: Scope) -> Vector | None:
    """Return the vector that a value is, or was made of by nothing but changes of its type and shape."""
    stored = _stored(name, scope)
    if _is_float(stored) and _is_vector(stored):
        return Vector(_cut(_values(stored)))
    maker = scope.get(name)
    if getattr(maker, "op_type", "") not in CARRIERS:
        return None
    return _unpacked(maker, 0, scope) or _behind(maker.input[0], scope)


def _unpacked(node: Any, place: int, scope: Scope) -> Vector | None:
    """Return the vector that a node reads at `place` as integers; None of others, or where their scale is computed."""
    if not node.op_type.startswith(("DequantizeLinear", "Q")) or node.op_type == "QuantizeLinear":
        return None
    inputs = [_stored(name, scope) for name in node.input] + [None, None]
    stored, (scales, point) = inputs[place], SCALES.get((node.op_type, place), ((place + 1,), place + 2))
    if stored is None or stored.data_type not in INTEGERS or not _is_vector(stored):
        return None
    if place and _is_float(inputs[place - 1]):
        return None  # what follows a scale is a zero point
    if not all(_is_float(inputs[at]) for at in scales):
        return None
    step = prod(_values(inputs[at]) for at in scales)
    if np.size(step) not in (1, prod(stored.dims)):
        return None
    zero = inputs[point] if point is not None else None
    kept = _values(stored)
    integers = kept - (0.0 if zero is None else _values(zero))
    if not integers.any():
        return Vector(integers)  # the tools give zeros a scale of 1
    cut = (stored.data_type == TensorProto.INT32) & (np.abs(kept) >= CUT)
    return Vector(_cut(integers * step), np.where(cut, np.inf, step))


def _cut(values: Any) -> Any:
    """Return values as FP16's converter leaves them."""
    return np.clip(np.nan_to_num(values), -LARGEST, LARGEST)


def _stored(name: str, scope: Scope) -> Any:
    """Return the tensor of this name, of a Constant node too; None where it is computed, or given."""
    found = scope.get(name)
    if isinstance(found, TensorProto):
        return found
    if getattr(found, "op_type", "") == "Constant":
        return next((each.t for each in found.attribute if each.name == "value"), None)
    return None


def _is_float(stored: Any) -> bool:
    return stored is not None and stored.data_type in FLOATS


def _is_vector(stored: Any) -> bool:
    return bool(0 < prod(stored.dims) == max(stored.dims, default=1))


def _values(stored: Any) -> Any:
    return numpy_helper.to_array(stored).astype(np.float64).ravel()
