"""TVM through Relax, with the schedules it has before any tuning: what it computes counts here, not how fast."""

from pathlib import Path
from typing import Any

import numpy as np

from bench.contract.job import Loaded, Placement, Workload
from bench.contract.status import Failure, Status

tvm: Any = None


def import_runtime() -> str:
    global tvm
    import tvm as module
    import tvm.relax

    tvm = module
    return str(tvm.__version__)


def probe() -> dict[str, Any]:
    return {"version": str(tvm.__version__), "devices": ["CPU"]}


def translate(workload: Workload, folder: Path) -> Path:
    """Return the model with what follows from its shapes worked out: TVM's importer takes no computed shape.

    Done by ONNX Runtime, in the tools environment; at this level it writes standard operators only.
    """
    import onnxruntime

    made = folder / "model.onnx"
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(made)
    onnxruntime.InferenceSession(workload.model, options, providers=["CPUExecutionProvider"])
    return made


def load(workload: Workload) -> "TvmSession":
    import onnx
    from tvm.relax.frontend.onnx import from_onnx

    model = onnx.load(workload.model)
    try:
        module = from_onnx(model, sanitize_input_names=False)
        with (target := tvm.target.Target("llvm")):
            executable = tvm.compile(module, target=target)
    except Exception as error:  # it raises whatever the converter of an operator runs into
        raise Failure(Status.UNSUPPORTED, f"TVM cannot import or compile this model: {_short(error)}") from error
    return TvmSession(executable, [value.name for value in model.graph.output], list(workload.input_sets[0]))


def placement(workload: Workload, inputs: dict[str, np.ndarray]) -> Placement | None:
    return None


class TvmSession:
    def __init__(self, executable: Any, names: list[str], given: list[str]) -> None:
        self.executable, self.names, self.given = executable, names, given

    def loaded(self) -> Loaded:
        """One thread, whatever was asked for: loops are parallel only where tuning has made them so."""
        return Loaded(runtime_version=str(tvm.__version__), device="CPU", threads=1, precision="fp32")

    def bind(self, inputs: dict[str, np.ndarray]) -> "TvmRequest":
        return TvmRequest(self.executable, [inputs[name] for name in self.given], self.names)


class TvmRequest:
    """A virtual machine of its own, which serves one call at a time."""

    def __init__(self, executable: Any, inputs: list[np.ndarray], names: list[str]) -> None:
        self.names = names
        self.found: Any = None
        call = tvm.relax.VirtualMachine(executable, tvm.cpu())["main"]
        tensors = [tvm.runtime.tensor(value) for value in inputs]

        def run() -> None:
            self.found = call(*tensors)  # in host memory once it returns

        self.run = run

    def outputs(self) -> dict[str, np.ndarray]:
        found = [self.found] if hasattr(self.found, "numpy") else list(self.found)
        return {name: value.numpy() for name, value in zip(self.names, found, strict=True)}


def _short(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1] if lines else 'without a word'}"[:600]
