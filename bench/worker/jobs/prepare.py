"""A model as ONNX Runtime's quantisers want it: made once, whatever number of recipes start from it."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from onnx.version_converter import convert_version
from onnxruntime.quantization.shape_inference import quant_pre_process

from bench.worker.jobs.graph import load, named, opset, save

PER_CHANNEL_OPSET = 13


def run(model: str, destination: str) -> None:
    """Write the model at opset 13 or later, its shapes inferred, its graph optimised, with flat biases of Gemm.

    Symbolic shape inference gives up on some models: then plain inference, then the model as it is.
    """
    with TemporaryDirectory() as scratch:
        source = str(Path(scratch) / "source.onnx")
        stored = named(_at_least_opset(load(model)))
        save(stored, source)
        for skip_symbolic in (False, True):
            try:
                quant_pre_process(source, destination, skip_symbolic_shape=skip_symbolic)
            except Exception as error:
                sys.stderr.write(f"quant_pre_process (skip_symbolic_shape={skip_symbolic}) failed: {error}\n")
            else:
                save(named(_with_flat_biases(load(destination))), destination)
                return
        save(stored, destination)


def _at_least_opset(model: Any) -> Any:
    """Per-channel scales need the `axis` of opset 13."""
    return model if opset(model) >= PER_CHANNEL_OPSET else convert_version(model, PER_CHANNEL_OPSET)


def _with_flat_biases(model: Any) -> Any:
    """Give each Gemm bias of shape (1, n) the shape (n): it broadcasts alike, and its axis is its channels."""
    biases = {node.input[2] for node in model.graph.node if node.op_type == "Gemm" and len(node.input) > 2}
    for tensor in model.graph.initializer:
        if tensor.name in biases and len(tensor.dims) == 2 and tensor.dims[0] == 1:
            del tensor.dims[0]
    return model
