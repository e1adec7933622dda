"""The casts that ONNX Runtime's converter to FP16 puts in: those that only round are taken out, the rest put right."""

from collections.abc import Set
from typing import Any

import onnx
import onnx_ir
from onnx import TensorProto

from bench.worker.jobs.graph import graphs


def direct(model: Any, own: Set[str]) -> Any:
    """Hand values from one FP32 operator to the next without a detour by FP16, and return the model.

    The converter puts a cast behind each operator that stays in FP32 and one before the next: in between the value is
    rounded, and may overflow. `own` are the names of the nodes of the model it was given, casts of its own among them.
    """
    kinds = {node.name: _to(node) for graph in graphs(model) for node in graph.node if node.name not in own}
    rounded = {
        node.output[0]: node.input[0]
        for graph in graphs(model)
        for node in graph.node
        if kinds.get(node.name) == TensorProto.FLOAT16
    }
    whole: dict[str, str] = {}
    for graph in graphs(model):
        for node in graph.node:
            if kinds.get(node.name) == TensorProto.FLOAT and node.input[0] in rounded:
                whole[node.output[0]] = node.input[0] = rounded[node.input[0]]
    outputs = {value.name for graph in graphs(model) for value in graph.output}
    for graph in graphs(model):
        for node in graph.node:
            for place, name in enumerate(node.input):
                node.input[place] = whole.get(name, name)
            if node.output and node.output[0] in whole and node.output[0] in outputs:
                node.op_type = "Identity"  # its name is the graph's, and must stay
                del node.attribute[:]
    _drop_unused(model, set(kinds))
    return model


def _to(node: Any) -> int:
    return next((a.i for a in node.attribute if a.name == "to"), 0) if node.op_type == "Cast" else 0


def _drop_unused(model: Any, added: set[str]) -> None:
    """Take out what the converter added and nobody reads."""
    read = {name for graph in graphs(model) for node in graph.node for name in node.input}
    read |= {value.name for graph in graphs(model) for value in graph.output}
    for graph in graphs(model):
        for node in [node for node in graph.node if node.name in added and not read & set(node.output)]:
            graph.node.remove(node)


def in_order(model: Any) -> Any:
    """Return the model with each cast in the graph it belongs to, nodes sorted, and types and shapes inferred anew.

    The converter appends all its casts to the main graph, where those of a branch or a body would stand outside it, and
    leaves types behind that were those of another name.
    """
    home: dict[str, Any] = {}
    for graph in list(graphs(model))[1:]:
        home |= dict.fromkeys([name for node in graph.node for name in node.output], graph)
        home |= dict.fromkeys([value.name for value in graph.input], graph)
    while stray := [node for node in model.graph.node if node.op_type == "Cast" and node.input[0] in home]:
        for node in stray:  # and those of what it gives are stray in the next turn
            home[node.output[0]] = home[node.input[0]]
            home[node.input[0]].node.append(node)
            model.graph.node.remove(node)
    for graph in graphs(model):
        del graph.value_info[:]
    made = onnx_ir.from_proto(model)
    made.graph.sort()
    return onnx.shape_inference.infer_shapes(onnx_ir.to_proto(made))
