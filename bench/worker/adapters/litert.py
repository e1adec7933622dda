"""LiteRT (TensorFlow Lite), for models that have a .tflite twin."""

from collections import Counter
from typing import Any

import numpy as np

from bench.contract.job import Loaded, Placement, Workload
from bench.contract.status import Failure, Status

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
    if workload.format != "tflite":
        raise Failure(Status.UNSUPPORTED, "LiteRT needs the model as .tflite, and this model has no such twin")
    return LiteRtSession(workload)


def placement(workload: Workload, inputs: dict[str, np.ndarray]) -> Placement | None:
    return None


class LiteRtSession:
    """An interpreter serves one request at a time, so every request after the first gets one of its own."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        shapes = [np.load(path, mmap_mode="r").shape for path in workload.input_sets[0].values()]
        self.free = self._interpreter(shapes)
        self.first = self.free

    def loaded(self) -> Loaded:
        bits: Counter[str] = Counter()
        for tensor in self.first.get_tensor_details():
            bits[np.dtype(tensor["dtype"]).name] += int(np.prod(tensor["shape"], dtype=np.int64))
        kind = next((name for name, _ in bits.most_common() if name in PRECISIONS), None)
        return Loaded(
            runtime_version=version,
            device="CPU",
            threads=self.workload.threads,
            precision=PRECISIONS.get(kind or ""),
        )

    def bind(self, inputs: dict[str, np.ndarray]) -> "LiteRtRequest":
        interpreter, self.free = self.free, None
        return LiteRtRequest(interpreter or self._interpreter([value.shape for value in inputs.values()]), inputs)

    def _interpreter(self, shapes: list[tuple[int, ...]]) -> Any:
        interpreter = litert.Interpreter(self.workload.model, num_threads=self.workload.threads)
        details = interpreter.get_input_details()
        if len(details) != len(shapes):
            raise Failure(Status.ERROR, f"the .tflite has {len(details)} inputs, the model {len(shapes)}")
        for detail, shape in zip(details, shapes, strict=True):
            if tuple(detail["shape"]) != tuple(shape):
                interpreter.resize_tensor_input(detail["index"], shape, strict=True)
        interpreter.allocate_tensors()
        return interpreter


class LiteRtRequest:
    def __init__(self, interpreter: Any, inputs: dict[str, np.ndarray]) -> None:
        self.interpreter = interpreter
        details = interpreter.get_input_details()
        named = {detail["name"]: detail for detail in details}
        for position, (name, value) in enumerate(inputs.items()):  # a twin may name its inputs otherwise
            interpreter.set_tensor(named.get(name, details[position])["index"], value)
        self.run = interpreter.invoke

    def outputs(self) -> dict[str, np.ndarray]:
        return {d["name"]: self.interpreter.get_tensor(d["index"]) for d in self.interpreter.get_output_details()}
