"""Export a torch module to ONNX, inside the torch environment."""

from pathlib import Path
from typing import Any

import torch

from bench.worker.factories import build


def run(
    factory: str, paths: list[str], checkpoint: str, shapes: dict[str, list[Any]], destination: str
) -> dict[str, Any]:
    """Write `destination` with torch.onnx.export(dynamo=True); `shapes` names the dimensions that stay symbolic.

    An input without an entry keeps its first dimension symbolic, as `batch`.
    """
    module, examples = build(factory, paths, checkpoint)
    names: dict[str, Any] = {}
    dynamic = {}
    for name, value in examples.items():
        sizes = shapes.get(name) or (["batch", *value.shape[1:]] if value.dim() else [])
        dynamic[name] = {
            axis: names.setdefault(size, torch.export.Dim(size))
            for axis, size in enumerate(sizes)
            if isinstance(size, str)
        }
    program = torch.onnx.export(
        module.eval(), kwargs=examples, dynamic_shapes=dynamic, input_names=list(examples), dynamo=True, verbose=False
    )
    program.save(destination, external_data=False)
    return {"bytes": Path(destination).stat().st_size, "torch": str(torch.__version__)}
