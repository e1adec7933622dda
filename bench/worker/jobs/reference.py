"""The FP32 truth: the file as stored, on ONNX Runtime's CPU provider, every optimisation off."""

from pathlib import Path
from typing import Any

import onnxruntime as ort

from bench.worker.outputs import write_outputs


def run(model: str, input_sets: list[dict[str, str]], state: dict[str, str], folder: str) -> list[dict[str, str]]:
    """Write the reference outputs as .npy files in `folder`; returns what worker/outputs.py does."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def infer(inputs: dict[str, Any]) -> dict[str, Any]:
        return dict(zip(names, session.run(names, inputs), strict=True))

    return write_outputs(infer, input_sets, state, Path(folder))
