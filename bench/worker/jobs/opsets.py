"""Convert a model to other opsets, as onnx.version_converter does it."""

import shutil
from pathlib import Path

import onnx
import onnx.version_converter

from bench.worker.jobs.graph import external_files, load, save


def run(model: str, opsets: list[int], folder: str) -> dict[str, str]:
    """Write `folder/OPSET.onnx` for each opset; returns why not for each opset that there is no conversion to.

    The converter holds less than 2 GiB: it sees no weights of other files. Those are copied, once for all opsets.
    """
    source = load(model, beside=False)
    for name in external_files(source):
        copy = Path(folder) / name  # no link: onnx and ONNX Runtime refuse those
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(model).resolve().parent / name, copy)
    refused = {}
    for opset in opsets:
        destination = Path(folder) / f"{opset}.onnx"
        try:
            save(onnx.version_converter.convert_version(source, opset), str(destination))
            onnx.checker.check_model(str(destination))
        except Exception as error:
            destination.unlink(missing_ok=True)
            refused[str(opset)] = _told(error)
    return refused


def _told(error: Exception) -> str:
    """Return what the converter says without the place in its source that it says it from."""
    text = " ".join(str(error).split())
    return (text.rpartition(" failed: ")[2] if "Assertion" in text else text)[:400] or type(error).__name__
