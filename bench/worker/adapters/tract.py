"""tract, on ONNX files of which every dimension is a number."""

from typing import Any

import numpy as np

from bench.contract.job import Loaded, Placement, Workload
from bench.contract.status import Failure, Status

PRECISIONS = {"F32": "fp32", "F16": "fp16", "I8": "int8"}
KINDS = {"bool": "bool", "float16": "f16", "float32": "f32", "float64": "f64"} | {
    f"{kind}{bits}": f"{kind[0]}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)
}

tract: Any = None


def import_runtime() -> str:
    global tract
    import tract as module

    tract = module
    return str(tract.version())


def probe() -> dict[str, Any]:
    return {"version": str(tract.version()), "devices": ["CPU"]}


def load(workload: Workload) -> "TractSession":
    given = {name: np.load(path, mmap_mode="r") for name, path in workload.input_sets[0].items()}
    try:
        model = tract.onnx().load(workload.model)
        inputs = [model.input_name(index) for index in range(model.input_count())]
        for index, name in enumerate(inputs):
            model.set_input_fact(index, _fact(name, given[name]))
        outputs = [model.output_name(index) for index in range(model.output_count())]
        for index in range(len(outputs)):  # what the file says of them may be symbols that no number is equal to
            model.set_output_fact(index, None)
        return TractSession(model.into_model().into_runnable(), inputs, outputs)
    except tract.TractError as error:
        raise Failure(Status.UNSUPPORTED, f"tract cannot load this model: {_short(error)}") from error


def placement(workload: Workload, inputs: dict[str, np.ndarray]) -> Placement | None:
    return None


class TractSession:
    def __init__(self, runnable: Any, inputs: list[str], outputs: list[str]) -> None:
        self.runnable, self.inputs, self.names = runnable, inputs, outputs

    def loaded(self) -> Loaded:
        """One thread, whatever was asked for: the package is built without tract's executor of more."""
        kinds = {str(tract.DatumType(fact.datum_type())) for fact in self.runnable.output_facts()}
        precision = next((PRECISIONS[kind] for kind in PRECISIONS if kind in kinds), None)
        return Loaded(runtime_version=str(tract.version()), device="CPU", threads=1, precision=precision)

    def bind(self, inputs: dict[str, np.ndarray]) -> "TractRequest":
        return TractRequest(self.runnable, [inputs[name] for name in self.inputs], self.names)


class TractRequest:
    def __init__(self, runnable: Any, inputs: list[np.ndarray], names: list[str]) -> None:
        self.names = names
        self.found: list[Any] = []
        tensors = [tract.Tensor.from_numpy(value) for value in inputs]

        def run() -> None:
            self.found = runnable.run(tensors)  # tensors in host memory, and a state of its own for every call

        self.run = run

    def outputs(self) -> dict[str, np.ndarray]:
        return {name: found.to_numpy() for name, found in zip(self.names, self.found, strict=True)}


def _fact(name: str, value: np.ndarray) -> str:
    if value.dtype.name not in KINDS:
        raise Failure(Status.UNSUPPORTED, f"tract takes no {value.dtype.name}, which is what the input {name} is of")
    return ",".join([*map(str, value.shape), KINDS[value.dtype.name]])


def _short(error: Exception) -> str:
    """Return tract's sentence and its causes, without the trace of its own functions."""
    lines = str(error).partition("Stack backtrace")[0].splitlines()
    return " ".join(line.strip() for line in lines if line.strip())[:600]
