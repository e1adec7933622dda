"""Cut a model: the same inputs, other outputs, and only the nodes that those need."""

from pathlib import Path
from typing import Any

import onnx
import onnx_ir
from onnx_ir.convenience import extract

from bench.worker.jobs.graph import load, save


def run(model: str, outputs: list[str], destination: str) -> dict[str, Any]:
    """Write the part of `model` that makes the values `outputs`, in that order, to `destination`.

    Its weights are in it, or beside it from 2 GiB on. Those beside `model` are read where the part needs them only.
    """
    whole = onnx_ir.from_proto(_inferred(load(model, beside=False)))
    onnx_ir.external_data.set_base_dir(whole.graph, Path(model).resolve().parent)
    taken = [value for value in whole.graph.inputs if value.name not in whole.graph.initializers]
    part = extract(whole.graph, [str(value.name) for value in taken], outputs)
    made = onnx_ir.Model(part, ir_version=whole.ir_version, functions=list(whole.functions.values()))
    onnx_ir.external_data.load_to_model(made)
    save(onnx_ir.to_proto(made), destination)
    return {"bytes": Path(destination).stat().st_size}


def _inferred(proto: Any) -> Any:
    """Return the model with the types of its values, which some runtimes want of an output."""
    try:
        return onnx.shape_inference.infer_shapes(proto)
    except Exception:  # it gives up on some models; ONNX Runtime infers types by itself
        return proto
