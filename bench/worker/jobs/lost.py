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
# Where an integer operator takes a bias, whose scale is the product of those of two other inputs.
BIASES = {("QLinearConv", 8): (1, 4), ("QGemm", 6): (1, 4)}


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
    for _, found in _read(made, {}):
        there[found.values.size].append(found)
    missing = []
    for told, vector in _read(source, passed):
        left = there[vector.values.size]
        excess = [_excess(vector, found) for found in left]
        if not excess or min(excess) > 0:
            missing.append(told)
        else:
            del left[excess.index(min(excess))]
    return missing


def _excess(vector: Vector, found: Vector) -> float:
    """Return by how much the values differ over what rounding explains."""
    bound = ROUNDING * np.abs(vector.values).max() + found.step + SMALLEST
    return float(np.max(np.abs(vector.values - found.values) - bound))


def _read(model: Any, passed: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, Vector]]:
    """Yield each vector that a node computes with, and in words which that is."""
    for node, scope in scoped(model.graph):
        if node.op_type in CARRIERS:
            continue
        for place, name in enumerate(node.input):
            if place in passed.get(node.op_type, ()):
                continue
            if found := _unpacked(node, place, scope) or _behind(name, scope):
                yield f"`{name}`, which {node.op_type} `{node.name}` reads", found


def _behind(name: str, scope: Scope) -> Vector | None:
    """Return the vector that a value is, or was made of by nothing but changes of its type and shape."""
    stored = _stored(name, scope)
    if _is_float(stored) and _is_vector(stored):
        return Vector(np.clip(np.nan_to_num(_values(stored)), -LARGEST, LARGEST))
    maker = scope.get(name)
    if getattr(maker, "op_type", "") not in CARRIERS:
        return None
    return _unpacked(maker, 0, scope) or _behind(maker.input[0], scope)


def _unpacked(node: Any, place: int, scope: Scope) -> Vector | None:
    """Return the vector that a node reads at `place` as integers; None of others, or where their scale is computed."""
    inputs = [_stored(name, scope) for name in node.input] + [None, None]
    stored, scales = inputs[place], BIASES.get((node.op_type, place), (place + 1,))
    if stored is None or _is_float(stored) or not _is_vector(stored):
        return None
    if place and _is_float(inputs[place - 1]):
        return None  # what follows a scale is a zero point
    if not all(_is_float(inputs[at]) for at in scales):
        return None
    zero = inputs[place + 2] if len(scales) == 1 else None
    step = prod(_values(inputs[at]) for at in scales)
    if np.size(step) not in (1, prod(stored.dims)):
        return None
    integers = _values(stored)
    cut = (stored.data_type == TensorProto.INT32) & (np.abs(integers) >= CUT)
    return Vector((integers - (0.0 if zero is None else _values(zero))) * step, np.where(cut, np.inf, step))


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
    return bool(1 < prod(stored.dims) == max(stored.dims, default=0))


def _values(stored: Any) -> Any:
    return numpy_helper.to_array(stored).astype(np.float64).ravel()
