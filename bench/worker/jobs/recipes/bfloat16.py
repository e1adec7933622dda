"""BF16: the graph that ONNX Runtime's converter to FP16 makes, its types and its weights replaced by BFLOAT16's.

The converter knows where casts belong; what is FP16 in its graph becomes BF16, with weights rounded from FP32 at once.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.version_converter import convert_version

from bench.contract.conversion import Conversion
from bench.contract.status import Failure, Status
from bench.worker.jobs.changes import changes
from bench.worker.jobs.graph import graphs, load, named, opset, save
from bench.worker.jobs.recipes.casts import in_order
from bench.worker.jobs.recipes.float16 import NESTING, TOOLS, blocked, converted, takes

OPSET = 22  # the first in which Conv, the recurrences and the poolings take BFLOAT16
BF16 = onnx.helper.tensor_dtype_to_np_dtype(TensorProto.BFLOAT16)
TYPED = {"to", "dtype"}  # attributes that hold a type of element


def make(model: str, destination: str, options: dict[str, Any], calibration: list[dict[str, str]]) -> Conversion:
    source = named(load(model))
    if opset(source) < OPSET:
        source = named(convert_version(source, OPSET))
    if any(tensor.data_type == TensorProto.FLOAT16 for _, tensor in _tensors(source)):
        raise Failure(Status.UNSUPPORTED, "the model holds FP16 already, and this recipe starts from FP32")
    before = {place: numpy_helper.to_array(tensor) for place, tensor in _tensors(source) if tensor.data_type == 1}
    kept = blocked(source, options) | _without(source)
    copy = onnx.ModelProto()
    copy.CopyFrom(source)
    made = _retyped(converted(copy, kept), before)
    made = in_order(made)
    save(made, destination)
    return changes(source, made, takes(source, kept), TOOLS, TensorProto.BFLOAT16)


def _without(model: Any) -> set[str]:
    """Return the operators that take no BFLOAT16 by ONNX's own schemas, in any input or in one that could be FP16."""
    versions = {entry.domain: entry.version for entry in model.opset_import}
    found = set()
    for graph in graphs(model):
        for node in graph.node:
            if node.op_type in NESTING or not onnx.defs.has(node.op_type, node.domain):
                continue
            schema = onnx.defs.get_schema(node.op_type, versions.get(node.domain, 1), node.domain)
            types = [kind for constraint in schema.type_constraints for kind in constraint.allowed_type_strs]
            halved = [set(each.types) for name, each in zip(node.input, schema.inputs, strict=False) if name]
            if ("tensor(float)" in types and "tensor(bfloat16)" not in types) or any(
                "tensor(float16)" in each and "tensor(bfloat16)" not in each for each in halved
            ):
                found.add(node.op_type)
    return found


def _tensors(model: Any) -> Iterator[tuple[tuple[str, str], Any]]:
    """Yield every stored tensor by its place: an initializer's name, or a node's and its attribute's; see `named`."""
    for graph in graphs(model):
        yield from (((("", tensor.name)), tensor) for tensor in graph.initializer)
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.TENSOR:
                    yield (node.name, attribute.name), attribute.t


def _retyped(model: Any, before: dict[tuple[str, str], Any]) -> Any:
    """Return the model with BFLOAT16 for each FLOAT16; weights are rounded from the values they had.

    What the converter adds of its own, as the value of a ConstantOfShape that names none, had no others.
    """
    for place, tensor in _tensors(model):
        if tensor.data_type == TensorProto.FLOAT16:
            own = before[place] if place in before else numpy_helper.to_array(tensor)
            values = np.asarray(own).astype(BF16)
            rounded = TensorProto(name=tensor.name, data_type=TensorProto.BFLOAT16, dims=tensor.dims)
            rounded.raw_data = values.tobytes()
            tensor.CopyFrom(rounded)
    for graph in graphs(model):
        for value in (*graph.input, *graph.output, *graph.value_info):
            if value.type.tensor_type.elem_type == TensorProto.FLOAT16:
                value.type.tensor_type.elem_type = TensorProto.BFLOAT16
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.name in TYPED and attribute.i == TensorProto.FLOAT16:
                    attribute.i = TensorProto.BFLOAT16
    return model
