"""Convert a model to other opsets, as onnx.version_converter does it."""

from pathlib import Path

import onnx
import onnx.version_converter

from bench.worker.jobs.graph import load, save


def run(model: str, opsets: list[int], folder: str) -> dict[str, str]:
    """Write `folder/OPSET.onnx` for each opset; returns why not for each opset that there is no conversion to."""
    source = load(model)
    refused = {}
    for opset in opsets:
        try:
            converted = onnx.version_converter.convert_version(source, opset)
            onnx.checker.check_model(converted)
            save(converted, str(Path(folder) / f"{opset}.onnx"))
        except Exception as error:
            refused[str(opset)] = _told(error)
    return refused


def _told(error: Exception) -> str:
    """Return what the converter says without the place in its source that it says it from."""
    text = " ".join(str(error).split())
    return (text.rpartition(" failed: ")[2] if "Assertion" in text else text)[:400] or type(error).__name__
