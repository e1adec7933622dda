"""Export a torch module to ONNX, inside the torch environment."""

from pathlib import Path
from typing import Any

import torch

from bench.worker.factories import build


def run(
    factory: str,
    paths: list[str],
    checkpoint: str,
    shapes: dict[str, list[Any]],
    destination: str,
    opset: int | None = None,
) -> dict[str, Any]:
    """Write `destination` with torch.onnx.export(dynamo=True); `shapes` names the dimensions that stay symbolic.

    An input without an entry keeps its first dimension symbolic, as `batch`. The opset is the exporter's own choice
    unless told.
    """
    module, examples = build(factory, paths, checkpoint)
    exported(module.eval(), examples, shapes, opset).save(destination, external_data=False)
    return {"bytes": Path(destination).stat().st_size, "torch": str(torch.__version__)}


def exported(module: Any, examples: dict[str, Any], shapes: dict[str, list[Any]], opset: int | None = None) -> Any:
    """Return torch's ONNXProgram of a module."""
    names: dict[str, Any] = {}
    dynamic = {}
    for name, value in examples.items():
        sizes = shapes.get(name) or (["batch", *value.shape[1:]] if value.dim() else [])
        dynamic[name] = {
            axis: names.setdefault(size, torch.export.Dim(size))
            for axis, size in enumerate(sizes)
            if isinstance(size, str)
        }
    return torch.onnx.export(
        module,
        kwargs=examples,
        dynamic_shapes=dynamic,
        input_names=list(examples),
        opset_version=opset,
        dynamo=True,
        verbose=False,
    )
