"""Whether a cell answers the same when it is asked again, and the same of an item alone as of it in a batch."""

from typing import Any

import numpy as np

from bench.runner.correctness import Outputs, numbers_of

# The largest batch_error that rounding explains, by what a cell computes in. Another batch has another blocking of
# sums, so its rounding differs. Integer arithmetic is exact, but the rounding of what is around it can move a value to
# the next of 255 levels where it is quantised (4e-3), and that one moves others.
ROUNDING = {"fp64": 3e-4, "fp32": 3e-4, "tf32": 1e-2, "fp16": 1e-2, "bf16": 5e-2, "int8": 1e-2, "int4": 1e-2}


def deviation(first: Outputs, second: Outputs) -> float | None:
    """Return the largest difference of two answers over the largest element of the first's output, the worst output.

    0 where all is equal bit for bit, infinite where only one has a hole, None where shapes or names differ.
    """
    if first.keys() != second.keys() or any(first[name].shape != second[name].shape for name in first):
        return None
    return max((_apart(first[name], second[name]) for name in first), default=0.0)


def _apart(one: Any, other: Any) -> float:
    if one.size == 0 or np.array_equal(one, other, equal_nan=one.dtype.kind in "fc"):
        return 0.0
    if one.dtype.kind in "US":
        return float("inf")
    ref, out, whole = numbers_of(one, other)
    if not whole:
        return float("inf")
    largest, scale = float(np.max(np.abs(out - ref))), float(np.max(np.abs(ref)))
    return largest / scale if scale else largest


def first_items(batch: Outputs, alone: Outputs, size: int) -> Outputs | None:
    """Return the first item of every output of a batch of `size`, shaped as when it runs alone.

    An output's batch axis is the one along which it is 1 long alone and `size` in the batch. An output that has none
    of those is no item's own, and is left out. None where none is left.
    """
    found: Outputs = {}
    for name, value in batch.items():
        single = alone.get(name)
        if single is None or single.ndim != value.ndim:
            continue
        apart = [axis for axis in range(value.ndim) if value.shape[axis] != single.shape[axis]]
        if len(apart) == 1 and (single.shape[apart[0]], value.shape[apart[0]]) == (1, size):
            found[name] = np.take(value, [0], axis=apart[0])
    return found or None


def batch_error(together: list[Outputs], singles: list[Outputs], size: int) -> float | None:
    """Return the worst deviation, over input sets, of a batch's first item from it alone; None where unknown."""
    found = []
    for batch, alone in zip(together, singles, strict=True):
        items = first_items(batch, alone, size)
        if items is None:
            return None
        found.append(deviation({name: alone[name] for name in items}, items))
    known = [value for value in found if value is not None]
    return max(known) if known and len(known) == len(found) else None


def repeat_error(first: Outputs, repeats: list[Outputs]) -> float | None:
    """Return the worst deviation of the same input's outputs when it is run again; None where shapes changed."""
    found = [deviation(first, again) for again in repeats]
    known = [value for value in found if value is not None]
    return max(known) if len(known) == len(found) else None
