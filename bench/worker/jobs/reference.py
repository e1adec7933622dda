"""The FP32 truth: the file as stored, on ONNX Runtime's CPU provider, every optimisation off."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from bench.worker.trial import SEQUENCE_STEPS, plain


def run(model: str, input_sets: list[dict[str, str]], state: dict[str, str], folder: str) -> list[dict[str, str]]:
    """Write the outputs for every input set, and for a sequence with the state fed back, as .npy files in `folder`.

    Returns a mapping of output name to file for each set, the sequence last where `state` names one.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def outputs(inputs: dict[str, Any]) -> dict[str, Any]:
        return dict(zip(names, session.run(names, inputs), strict=True))

    sets = [{name: np.load(path, allow_pickle=False) for name, path in files.items()} for files in input_sets]
    results = [outputs(inputs) for inputs in sets]
    if state:
        inputs = sets[0]
        for _ in range(SEQUENCE_STEPS):
            last = outputs(inputs)
            inputs = {**inputs, **{into: last[out] for into, out in state.items()}}
        results.append(last)
    return [_write(result, Path(folder), index) for index, result in enumerate(results)]


def _write(outputs: dict[str, Any], folder: Path, index: int) -> dict[str, str]:
    files = {}
    for number, (name, value) in enumerate(outputs.items()):
        path = folder / f"reference-{index}-{number}.npy"
        np.save(path, plain(value), allow_pickle=False)
        files[name] = str(path)
    return files
