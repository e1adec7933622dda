"""Compare a model's weights with those of its origin, name by name."""

from typing import Any

import numpy as np
import onnx

from bench.worker.jobs.graph import load


def run(model: str, origin: str, tensors: dict[str, str], export: str, rtol: float, atol: float) -> dict[str, Any]:
    """Return how many weights have a namesake of the same shape and type in the origin, and those that differ.

    The origin is an ONNX file, or `tensors`: name -> .npy. A weight has to be the same to the bit: copying rounds
    nothing. Where an exporter folds a layer into one, `export` (a fresh export of the same origin) holds that too, and
    such a weight has to be as close as |d| <= atol + rtol |theirs|.
    """
    own = {tensor.name: tensor for tensor in load(model).graph.initializer}
    theirs = _stored(origin) if origin else {name: np.load(path, allow_pickle=False) for name, path in tensors.items()}
    folded = _stored(export) if export else {}
    matched, differing = 0, []
    for name, tensor in own.items():
        if name not in theirs:
            continue
        here, there = onnx.numpy_helper.to_array(tensor), theirs[name]
        if here.shape != there.shape or here.dtype != there.dtype:
            continue
        matched += 1
        if _same(here, there) or (name in folded and _close(here, folded[name], rtol, atol)):
            continue
        differing.append({"name": name, **_how(here, there)})
    return {"weights": len(own), "matched": matched, "differing": differing}


def _stored(path: str) -> dict[str, Any]:
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in load(path).graph.initializer}


def _same(here: Any, there: Any) -> bool:
    return np.ascontiguousarray(here).tobytes() == np.ascontiguousarray(there).tobytes()


def _close(here: Any, there: Any, rtol: float, atol: float) -> bool:
    return bool(
        here.shape == there.shape
        and here.dtype.kind == "f"
        and np.allclose(here.astype(np.float64), there.astype(np.float64), rtol=rtol, atol=atol, equal_nan=True)
    )


def _how(here: Any, there: Any) -> dict[str, Any]:
    """Return how many elements differ, by how much at most, and how large the origin's largest is."""
    if here.dtype.kind not in "fiub":
        return {"elements": int(np.sum(here != there)), "of": int(here.size), "max_abs": None, "largest": None}
    a, b = here.astype(np.float64), there.astype(np.float64)
    delta = np.abs(a - b)
    return {
        "elements": int(np.sum(delta != 0)),
        "of": int(here.size),
        "max_abs": float(np.max(delta)),
        "largest": float(np.max(np.abs(b))),
    }
