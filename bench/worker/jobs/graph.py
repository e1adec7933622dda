"""Read an ONNX graph with everything nested in it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx

from bench.contract.status import Failure, Status

INLINE_LIMIT = 2_000_000_000  # protobuf holds less than 2 GiB: larger models keep their weights beside them


def load(path: str, beside: bool = True) -> Any:
    """Return the ModelProto, weights of other files included unless `beside` is false.

    Raises Failure where `path` is no ONNX file, or where a file of weights is missing.
    """
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
    if beside and external_files(model):
        onnx.load_external_data_for_model(model, str(folder))
    return model


def external_files(model: Any) -> list[str]:
    """Return the files, relative to the model's, that hold weights outside it."""
    found = {
        entry.value
        for tensor in tensors(model)
        if tensor.data_location == onnx.TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return sorted(found)


def tensors(model: Any) -> Iterator[Any]:
    """Yield every stored tensor: initializers, and the attributes of nodes, of which those without one are empty."""
    for graph in graphs(model):
        yield from graph.initializer
        yield from (each.t for node in graph.node for each in node.attribute)


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


@dataclass(frozen=True)
class Scope:
    """What names mean where a node stands: a stored tensor, or the node that computes it. Outer graphs' shine in."""

    values: Mapping[str, Any] = field(default_factory=dict)
    body: str = ""  # the operator whose branch or body it is: If, Loop, Scan

    def get(self, name: str) -> Any:
        """Return a TensorProto, a NodeProto, or None for an input of the graph."""
        return self.values.get(name)


def scoped(graph: Any, outer: Scope | None = None, body: str = "") -> Iterator[tuple[Any, Scope]]:
    """Yield every node with its scope, those of nested graphs included."""
    values = dict(outer.values) if outer else {}
    values |= {tensor.name: tensor for tensor in graph.initializer}
    values |= {name: node for node in graph.node for name in node.output}
    scope = Scope(values, body)
    for node in graph.node:
        yield node, scope
        for attribute in node.attribute:
            nested = [attribute.g] if attribute.type == onnx.AttributeProto.GRAPH else attribute.graphs
            for part in nested:
                yield from scoped(part, scope, node.op_type)


def opset(model: Any) -> int:
    """Return the version of ONNX's own operators."""
    return int(next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")))


def named(model: Any) -> Any:
    """Give every node and every stored tensor a name that no other has, and return the model.

    Tools name what they add by the node's name, and know tensors by theirs, although two branches may use one for two.
    """
    seen: set[str] = set()
    stored: set[str] = set()
    computed = {name for graph in graphs(model) for node in graph.node for name in node.output}
    for graph in graphs(model):
        for tensor in graph.initializer:
            old, number = tensor.name, 0
            while tensor.name in stored or (number and tensor.name in computed):
                number += 1
                tensor.name = f"{old}_{number}"
            stored.add(tensor.name)
            if number:
                _renamed(graph, old, tensor.name)
        for node in graph.node:
            if not node.name or node.name in seen:
                name, number = node.name or f"{node.op_type}_{node.output[0] if node.output else ''}", 0
                node.name = name
                while node.name in seen:
                    number += 1
                    node.name = f"{name}_{number}"
            seen.add(node.name)
    return model


def _renamed(graph: Any, old: str, new: str) -> None:
    """Let all that takes `old` in a graph, and in those nested in it, take `new`."""
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.name == old:
            value.name = new
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        for attribute in node.attribute:
            for part in [attribute.g] if attribute.type == onnx.AttributeProto.GRAPH else attribute.graphs:
                _renamed(part, old, new)


def save(model: Any, destination: str) -> None:
    """Write a model; its weights beside it where they are too large for one file."""
    onnx.save(
        model,
        destination,
        save_as_external_data=model.ByteSize() > INLINE_LIMIT,
        location=f"{Path(destination).stem}.bin",  # one each: onnx adds to a file that is there already
    )
