"""FP16 by ONNX Runtime's own converter, for all operators or for some."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper
from onnx.defs import get_all_schemas
from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

from bench.contract.conversion import Conversion
from bench.worker.jobs.changes import Takes, changes
from bench.worker.jobs.graph import graphs, load, named, save, tensors
from bench.worker.jobs.recipes.casts import direct, in_order
from bench.worker.jobs.recipes.names import refuse_unknown

LARGEST = np.finfo(np.float16).max
NESTING = {"If", "Loop", "Scan"}  # they compute nothing; the converter enters only those that are not blocked
TOOLS = ("onnxruntime", "onnx", "onnx-ir")


def make(model: str, destination: str, options: dict[str, Any], calibration: list[dict[str, str]]) -> Conversion:
    source = named(load(model))
    kept = blocked(source, options)
    made = in_order(converted(load(model), kept))
    save(made, destination)
    return replace(changes(source, made, takes(source, kept), TOOLS, TensorProto.FLOAT16), cut=list(cut(made)))


def cut(made: Any) -> Iterator[str]:
    """Yield in words which stored tensors of a model in FP16 hold the largest number there is, in place of a larger."""
    for tensor in tensors(made):
        if tensor.data_type == TensorProto.FLOAT16:
            values = numpy_helper.to_array(tensor)
            if many := int(np.count_nonzero(np.abs(values) == LARGEST)):
                yield f"{many:,} of {values.size:,} in `{tensor.name}`"


def blocked(model: Any, options: dict[str, Any]) -> set[str]:
    """Return the operators that stay in FP32: the converter's own list, and all but `operators` where these are given.

    Its own holds those that ONNX or ONNX Runtime has in FP32 only. Raises Failure for a name that is no operator's.
    """
    present = {node.op_type for graph in graphs(model) for node in graph.node}
    schemas = (*get_all_schemas(), *get_all_operator_schema())
    known = {*present, *DEFAULT_OP_BLOCK_LIST, *(schema.name for schema in schemas)}
    for option in ("op_block_list", "operators"):
        refuse_unknown(option, options.get(option, []), known, "neither ONNX nor ONNX Runtime has such an operator")
    kept = {*DEFAULT_OP_BLOCK_LIST, *options.get("op_block_list", ())}
    return kept | (present - set(only) - NESTING) if (only := options.get("operators")) else kept


def converted(model: Any, kept: set[str]) -> Any:
    """Return the model in FP16, `kept` operators, inputs and outputs left out.

    Nodes without a name would get casts of the same name.
    """
    own = {node.name for graph in graphs(named(model)) for node in graph.node}
    return direct(convert_float_to_float16(model, keep_io_types=True, op_block_list=sorted(kept)), own)


def takes(model: Any, kept: set[str]) -> Takes:
    present = {node.op_type for graph in graphs(model) for node in graph.node}
    return Takes(frozenset(present - kept), otherwise="among the operators that the recipe keeps in FP32", nested=True)
