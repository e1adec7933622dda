"""Plant a fault in an ONNX file: `python planted.py SOURCE FAULT DESTINATION`, in the tools environment."""

import pathlib
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper


def nodes(graph, op):
    return [node for node in graph.node if node.op_type == op]


def dropped_bias(graph):
    del nodes(graph, "Gemm")[1].input[2]


def wrong_gelu(graph):
    node = nodes(graph, "Gelu")[0]
    del node.attribute[:]
    node.attribute.append(helper.make_attribute("approximate", "tanh"))


def swapped_sub(graph, opset=""):
    if opset and int(opset) != model.opset_import[0].version:
        raise SystemExit(f"the file is not of opset {opset}")
    node = nodes(graph, "Sub")[0]
    node.input[0], node.input[1] = node.input[1], node.input[0]


def baked_batch(graph, size=2):
    node = nodes(graph, "Sub")[0]
    made = node.output[0]
    node.output[0] = f"{made}_open"
    graph.initializer.append(numpy_helper.from_array(np.array([int(size), 32], np.int64), "baked_size"))
    place = list(graph.node).index(node) + 1
    graph.node.insert(place, helper.make_node("Reshape", [node.output[0], "baked_size"], [made], "baked"))


def branched(graph, off=0):
    """Weights inside an If and in a Constant node, off by so much."""
    values = numpy_helper.from_array(np.arange(4, dtype=np.float32) + np.float32(off), "inner")
    made = helper.make_tensor_value_info("made", onnx.TensorProto.FLOAT, [4])
    branch = helper.make_graph(
        [helper.make_node("Relu", ["inner"], ["made"], "in_branch")], "branch", [], [made], [values]
    )
    graph.initializer.append(numpy_helper.from_array(np.array(True), "always"))
    graph.node.insert(0, helper.make_node("Constant", [], ["held"], "held", value=values))
    graph.node.append(helper.make_node("If", ["always"], ["unread"], "if", then_branch=branch, else_branch=branch))


def beside(graph):
    """No fault: the weights lie in a file of their own."""
    pathlib.Path("beside.bin").unlink(missing_ok=True)
    onnx.external_data_helper.convert_model_to_external_data(model, location="beside.bin", size_threshold=0)


def weight(graph, seed, share):
    """One element of one weight, off by a share of its tensor's standard deviation."""
    rng = np.random.default_rng(int(seed))
    tensors = [tensor for tensor in graph.initializer if tensor.name.endswith("weight")]
    tensor = tensors[rng.integers(len(tensors))]
    values = numpy_helper.to_array(tensor).copy()
    values.flat[rng.integers(values.size)] += float(share) * values.std()
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


PLANTS = (dropped_bias, wrong_gelu, swapped_sub, baked_batch, branched, weight, beside)
FAULTS = {each.__name__: each for each in PLANTS}

if __name__ == "__main__":
    source, fault, destination = sys.argv[1:]
    model = onnx.load(source)
    name, *arguments = fault.split(":")
    FAULTS[name](model.graph, *arguments)
    onnx.save(model, destination)
