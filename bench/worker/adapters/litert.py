"""LiteRT (TensorFlow Lite), for models that have a .tflite twin, or a torch module that litert-torch makes one of."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract.job import Loaded, Placement, Workload
from bench.contract.status import Failure, Status
from bench.worker.tflite import weights_of

PRECISIONS = {"float32": "fp32", "float16": "fp16", "int8": "int8", "uint8": "int8"}

litert: Any = None
version = ""


def import_runtime() -> str:
    global litert, version
    from importlib.metadata import version as installed

    from ai_edge_litert import interpreter

    litert, version = interpreter, installed("ai-edge-litert")
    return version


def probe() -> dict[str, Any]:
    return {"version": version, "devices": ["CPU"]}


def load(workload: Workload) -> "LiteRtSession":
    if workload.format not in ("tflite", "torch"):  # what was torch is a .tflite by now
        raise Failure(Status.UNSUPPORTED, "LiteRT needs the model as .tflite, and this model has no such twin")
    return LiteRtSession(workload)


def placement(workload: Workload, inputs: dict[str, np.ndarray]) -> Placement | None:
    return None


def translate(workload: Workload, folder: Path) -> Path:
    """Make a .tflite of the torch module at the shapes of the timed inputs, in the environment of litert-torch.

    Its integers are 32-bit, whatever the module's. Raises Failure, with what litert-torch says it cannot take.
    """
    import litert_torch
    import torch

    from bench.worker.origin import inputs_of, module_of, told

    module, inputs = module_of(workload), inputs_of(workload)
    made = folder / "model.tflite"
    try:
        with torch.no_grad():
            litert_torch.convert(module, sample_kwargs=inputs).export(str(made))
    except Exception as error:
        raise Failure(Status.UNSUPPORTED, f"litert-torch cannot convert this module: {told(error)}") from error
    return made


class LiteRtSession:
    """An interpreter serves one request at a time, so every request after the first gets one of its own."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        shapes = {name: np.load(path, mmap_mode="r").shape for name, path in workload.input_sets[0].items()}
        self.free = self._interpreter(shapes)
        self.first = self.free

    def loaded(self) -> Loaded:
        return Loaded(
            runtime_version=version,
            device="CPU",
            threads=self.workload.threads,
            precision=_precision(self.first),
        )

    def bind(self, inputs: dict[str, np.ndarray]) -> "LiteRtRequest":
        interpreter, self.free = self.free, None
        return LiteRtRequest(interpreter or self._interpreter({k: v.shape for k, v in inputs.items()}), inputs)

    def _interpreter(self, shapes: dict[str, tuple[int, ...]]) -> Any:
        interpreter = litert.Interpreter(self.workload.model, num_threads=self.workload.threads)
        details = interpreter.get_input_details()
        if len(details) != len(shapes):
            raise Failure(Status.ERROR, f"the .tflite has {len(details)} inputs, the model {len(shapes)}")
        for position, (name, shape) in enumerate(shapes.items()):
            detail = _named(details, name) or details[position]
            if tuple(detail["shape"]) != tuple(shape):
                interpreter.resize_tensor_input(detail["index"], shape, strict=True)
        interpreter.allocate_tensors()
        return interpreter


class LiteRtRequest:
    def __init__(self, interpreter: Any, inputs: dict[str, np.ndarray]) -> None:
        self.interpreter = interpreter
        details = interpreter.get_input_details()
        for position, (name, value) in enumerate(inputs.items()):  # a twin may name its inputs otherwise
            detail = _named(details, name) or details[position]
            interpreter.set_tensor(detail["index"], _as_taken(value, detail["dtype"]))
        self.run = interpreter.invoke

    def outputs(self) -> dict[str, np.ndarray]:
        return {d["name"]: self.interpreter.get_tensor(d["index"]) for d in self.interpreter.get_output_details()}


def _precision(interpreter: Any) -> str | None:
    """Return the precision of most weights that something is multiplied by; of most tensors where nothing is."""
    counts: Counter[str] = Counter()
    for _, dtype, count in weights_of(interpreter):
        counts[dtype] += count
    if not counts:
        for tensor in interpreter.get_tensor_details():
            counts[np.dtype(tensor["dtype"]).name] += int(np.prod(tensor["shape"], dtype=np.int64))
    return next((PRECISIONS[name] for name, _ in counts.most_common() if name in PRECISIONS), None)


def _named(details: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """Return the input of that name; litert-torch puts the signature's name before it."""
    return next((detail for detail in details if detail["name"] in (name, f"serving_default_{name}")), None)


def _as_taken(value: np.ndarray, dtype: Any) -> np.ndarray:
    """Return 64-bit integers as the 32-bit ones that a .tflite made from torch takes; anything else as it is."""
    return value.astype(np.int32) if value.dtype == np.int64 and dtype == np.int32 else value
