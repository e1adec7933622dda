"""Whether a variant is one that runs. It may end this process: so it is asked in one of its own."""

import os
from importlib import import_module
from typing import Any

import numpy as np

from bench.contract.job import Workload

# Format of a variant -> the adapter that reads it in the environment it was made in, and who that is.
READERS = {
    "onnx": ("ort", "ONNX Runtime's CPU provider"),
    "openvino": ("openvino_native", "OpenVINO"),
    "tflite": ("litert", "LiteRT"),
}
NOT_RUN = "not checked: there are no inputs to run it on"


def run(model: str, format: str, inputs: dict[str, str]) -> str:
    """Return what is wrong with the variant, in words; "" where its checker, its session and its outputs are well.

    `inputs` maps names to .npy files; without any the model is not run, which is said.
    """
    checked = _checked(model) if format == "onnx" else ""
    return "; ".join(said for said in (checked, _run(model, format, inputs)) if said)


def _checked(model: str) -> str:
    try:
        import_module("onnx.checker").check_model(model, full_check=True)
    except Exception as error:
        return f"onnx.checker: {str(error).strip()[:400]}"
    return ""


def _run(model: str, format: str, inputs: dict[str, str]) -> str:
    name, reader = READERS[format]
    adapter = import_module(f"bench.worker.adapters.{name}")
    adapter.import_runtime()
    provider = "CPUExecutionProvider" if format == "onnx" else None
    workload = Workload(model, format, "", os.cpu_count() or 1, provider=provider, input_sets=[inputs])
    try:
        session = adapter.load(workload)
    except Exception as error:
        return f"{reader} does not load it: {str(error).strip()[:400]}"
    if not inputs:
        return NOT_RUN
    try:
        request = session.bind({name: np.load(path, allow_pickle=False) for name, path in inputs.items()})
        request.run()
        outputs = request.outputs()
    except Exception as error:
        return f"{reader} does not run it: {str(error).strip()[:400]}"
    return "; ".join(filter(None, (_infinite(name, value) for name, value in outputs.items())))


def _infinite(name: str, value: Any) -> str:
    found = np.asarray(value)
    if found.dtype.kind != "f":
        return ""
    odd = int(found.size - np.isfinite(found).sum())
    return f"{odd} of {found.size} elements of its output `{name}` are not finite" if odd else ""
