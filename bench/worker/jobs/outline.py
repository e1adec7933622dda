"""The nodes of a model's main graph in order, with what each reads and makes: where a model can be cut."""

from collections.abc import Iterator
from typing import Any

import onnx
import onnxruntime as ort

from bench.worker.jobs.graph import load

OLDEST = 13  # the first opset looked for when it is found out how far ONNX Runtime goes


def run(model: str) -> dict[str, Any]:
    """Return nodes (name, op, inputs, outputs), initializers, outputs, own opset, the highest that
    ORT loads here and the highest that onnx knows.

    A node's inputs include what the graphs inside it (If, Loop, Scan) read from outside. `tensors` are the values that
    are no sequence or map, as far as shape inference can tell.
    """
    proto = load(model, beside=False)
    graph = proto.graph
    return {
        "nodes": [
            {
                "name": node.name or f"{node.op_type} {number}",
                "op": node.op_type,
                "inputs": sorted({name for name in _read(node) if name}),
                "outputs": [name for name in node.output if name],
            }
            for number, node in enumerate(graph.node)
        ],
        "inputs": [value.name for value in graph.input if value.name not in {each.name for each in graph.initializer}],
        "outputs": [value.name for value in graph.output],
        "weights": [tensor.name for tensor in graph.initializer],
        "others": sorted(_no_tensors(proto)),
        "opset": next((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), None),
        "highest": _highest(),
        "known": onnx.defs.onnx_opset_version(),
    }


def _read(node: Any) -> Iterator[str]:
    yield from node.input
    for attribute in node.attribute:
        inner = [attribute.g] if attribute.type == onnx.AttributeProto.GRAPH else list(attribute.graphs)
        for graph in inner:
            own = {value.name for value in (*graph.input, *graph.initializer)}
            own |= {name for each in graph.node for name in each.output}
            yield from {name for each in graph.node for name in _read(each)} - own
            yield from {value.name for value in graph.output} - own


def _no_tensors(proto: Any) -> set[str]:
    """Return the values that hold a sequence, a map or text: no adapter hands those out as numbers."""
    try:
        known = onnx.shape_inference.infer_shapes(proto).graph.value_info
    except Exception:  # it gives up on some models: then nothing is known, and what fails says so
        return set()
    return {
        value.name
        for value in known
        if value.type.WhichOneof("value") not in (None, "tensor_type")
        or value.type.tensor_type.elem_type == onnx.TensorProto.STRING
    }


def _highest() -> int:
    """Return the highest opset that both onnx and ONNX Runtime know here."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    for opset in range(onnx.defs.onnx_opset_version(), OLDEST, -1):
        text = f'<ir_version: 8, opset_import: ["": {opset}]> g (float[n] x) => (float[n] y) {{ y = Relu(x) }}'
        try:
            ort.InferenceSession(
                onnx.parser.parse_model(text).SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception:  # noqa: S112 - how it refuses is its own affair
            continue
        return opset
    return OLDEST
