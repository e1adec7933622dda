"""Read an ONNX graph with everything nested in it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx

from bench.contract.status import Failure, Status


def load(path: str) -> Any:
    """Return the ModelProto, weights of other files included. Raises Failure where `path` is no ONNX file."""
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:
        raise Failure(Status.UNSUPPORTED, f"{path} is not an ONNX file: {str(error)[:300]}") from error
    if not model.graph.node:
        raise Failure(Status.UNSUPPORTED, f"{path} is not an ONNX file, or its graph is empty")
    folder = Path(path).resolve().parent
    for name in external_files(model):
        if not (folder / name).resolve().is_relative_to(folder):
            raise Failure(Status.UNSUPPORTED, f"{path} refers to {name}, outside its own folder: refused")
        if not (folder / name).is_file():
            raise Failure(Status.UNSUPPORTED, f"{path} needs the file {name} beside it, which is missing")
    if external_files(model):
        onnx.load_external_data_for_model(model, str(folder))
    return model


def external_files(model: Any) -> list[str]:
    """Return the files, relative to the model's, that hold weights outside it."""
    found = {
        entry.value
        for graph in graphs(model)
        for tensor in graph.initializer
        if tensor.data_location == onnx.TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return sorted(found)


def graphs(model: Any) -> Iterator[Any]:
    """Yield the main graph and every graph inside an attribute (If, Loop, Scan)."""
    waiting = [model.graph]
    while waiting:
        graph = waiting.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    waiting.append(attribute.g)
                waiting.extend(attribute.graphs)


def operators(model: Any) -> Counter[str]:
    """Count operator types over all graphs and functions."""
    found: Counter[str] = Counter(node.op_type for graph in graphs(model) for node in graph.node)
    found.update(node.op_type for function in model.functions for node in function.node)
    return found
