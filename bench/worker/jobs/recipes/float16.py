"""FP16 by ONNX Runtime's own converter, for all operators or for some."""

from typing import Any

import onnx
import onnx_ir
from onnx import TensorProto
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

from bench.contract.conversion import Conversion
from bench.worker.jobs.changes import Takes, changes
from bench.worker.jobs.graph import graphs, load, named, save

NESTING = {"If", "Loop", "Scan"}  # they compute nothing; the converter enters only those that are not blocked
TOOLS = ("onnxruntime", "onnx", "onnx-ir")


def make(model: str, destination: str, options: dict[str, Any], calibration: list[dict[str, str]]) -> Conversion:
    source = named(load(model))
    kept = blocked(source, options)
    made = in_order(converted(load(model), kept, options["keep_io_types"]))
    save(made, destination)
    return changes(source, made, takes(source, kept), TOOLS, TensorProto.FLOAT16)


def blocked(model: Any, options: dict[str, Any]) -> set[str]:
    """Return the operators that stay in FP32: the converter's own list, and all but `operators` where these are given.

    Its own holds those that ONNX or ONNX Runtime has in FP32 only.
    """
    kept = {*DEFAULT_OP_BLOCK_LIST, *options.get("op_block_list", ())}
    if only := options.get("operators"):
        kept |= {node.op_type for graph in graphs(model) for node in graph.node} - set(only) - NESTING
    return kept


def converted(model: Any, kept: set[str], keep_io_types: bool) -> Any:
    """Return the model in FP16, `kept` operators left out. Nodes without a name would get casts of the same name."""
    return convert_float_to_float16(named(model), keep_io_types=keep_io_types, op_block_list=sorted(kept))


def in_order(model: Any) -> Any:
    """Return the model with each cast in the graph it belongs to, nodes sorted, and types and shapes inferred anew.

    The converter appends all its casts to the main graph, where those of a branch or a body would stand outside it, and
    leaves types behind that were those of another name.
    """
    nested = list(graphs(model))[1:]
    home = {name: graph for graph in nested for node in graph.node for name in node.output}
    home |= {value.name: graph for graph in nested for value in graph.input}
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


def takes(model: Any, kept: set[str]) -> Takes:
    present = {node.op_type for graph in graphs(model) for node in graph.node}
    return Takes(frozenset(present - kept), otherwise="among the operators that the recipe keeps in FP32", nested=True)
