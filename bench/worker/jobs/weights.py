"""Compare a model's weights with those of its origin, name by name."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx

from bench.worker.jobs.graph import graphs, load


def run(model: str, origin: str, tensors: dict[str, str], export: str, rtol: float, atol: float) -> dict[str, Any]:
    """Return how many weights have a namesake of the same shape and type in the origin, and those that differ.

    Weights are initializers and Constant nodes, those inside If, Loop and Scan too. Each has the `readers` it has here.

    The origin is an ONNX file, or `tensors`: name -> .npy. A weight has to be the same to the bit: copying rounds
    nothing. Where an exporter folds a layer into one, `export` (a fresh export of the same origin) holds that too, and
    such a weight has to be as close as |d| <= atol + rtol |theirs|.
    """
    proto = load(model)
    own, readers = dict(_tensors(proto)), _readers(proto)
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
        differing.append({"name": name, "readers": readers.get(name, []), **_how(here, there)})
    return {"weights": len(own), "matched": matched, "differing": differing}


def _stored(path: str) -> dict[str, Any]:
    return {name: onnx.numpy_helper.to_array(tensor) for name, tensor in _tensors(load(path))}


def _tensors(proto: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and tensor of all initializers and Constant nodes. A name of an outer graph goes before an inner's."""
    for graph in reversed(list(graphs(proto))):
        yield from ((tensor.name, tensor) for tensor in graph.initializer)
        for node in graph.node:
            if node.op_type == "Constant":
                yield from ((node.output[0], each.t) for each in node.attribute if each.name == "value")


def _readers(proto: Any) -> dict[str, list[dict[str, str]]]:
    """Return the nodes of all graphs that read a name, by name."""
    found: dict[str, list[dict[str, str]]] = {}
    for node in (node for graph in graphs(proto) for node in graph.node):
        for name in node.input:
            found.setdefault(name, []).append({"name": node.name, "op": node.op_type})
    return found


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
