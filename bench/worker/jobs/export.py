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
    opsets: list[int] | None = None,
) -> dict[str, str]:
    """Write `destination` with torch.onnx.export(dynamo=True); `shapes` names the dimensions that stay symbolic.

    An input without an entry keeps its first dimension symbolic, as `batch`. The opset is the exporter's own choice;
    with `opsets`, `destination` is the folder of an OPSET.onnx for each. Returns why not for each of them that the
    exporter does not reach.
    """
    module, examples = build(factory, paths, checkpoint)
    module.eval()
    if opsets is None:
        exported(module, examples, shapes).save(destination)
        return {}
    made = {opset: _at(module, examples, shapes, opset, Path(destination)) for opset in opsets}
    return {str(opset): why for opset, why in made.items() if why}


def _at(module: Any, examples: dict[str, Any], shapes: dict[str, list[Any]], opset: int, folder: Path) -> str:
    """Write OPSET.onnx; returns why not, else ''."""
    try:
        program = exported(module, examples, shapes, opset)
        if (reached := program.model.opset_imports[""]) != opset:  # it says so in a warning, and keeps what it reached
            return f"the exporter stays at opset {reached}"
        program.save(folder / f"{opset}.onnx")
    except Exception as error:
        return " ".join(str(error).split())[:400] or type(error).__name__
    return ""


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
