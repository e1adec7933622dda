"""Export a torch module once for each opset, in one process of the torch environment."""

from pathlib import Path
from typing import Any

import onnx

from bench.worker.jobs import export


def run(
    factory: str, paths: list[str], checkpoint: str, shapes: dict[str, list[Any]], opsets: list[int], folder: str
) -> dict[str, str]:
    """Write `folder/OPSET.onnx` for each opset; returns why not for each that the exporter does not reach."""
    refused = {}
    for opset in opsets:
        destination = Path(folder) / f"{opset}.onnx"
        try:
            export.run(factory, paths, checkpoint, shapes, str(destination), opset)
        except Exception as error:
            refused[str(opset)] = " ".join(str(error).split())[:400] or type(error).__name__
            continue
        made = max(entry.version for entry in onnx.load(destination).opset_import if entry.domain in ("", "ai.onnx"))
        if made != opset:  # it says so in a warning, and keeps the opset it could reach
            destination.unlink()
            refused[str(opset)] = f"the exporter stays at opset {made}"
    return refused
