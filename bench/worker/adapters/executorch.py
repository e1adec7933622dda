"""ExecuTorch with its XNNPACK delegate, from torch: exported, lowered and run by its own Python runtime."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract.job import Loaded, Placement, Workload
from bench.contract.status import Failure, Status

DELEGATE = "XnnpackBackend"
KERNELS = "portable kernels"

runtime: Any = None
torch: Any = None
version = ""


def import_runtime() -> str:
    global runtime, torch, version
    from importlib.metadata import version as installed

    import torch as torch_module
    from executorch.extension.pybindings import portable_lib

    runtime, torch, version = portable_lib, torch_module, installed("executorch")
    return version


def probe() -> dict[str, Any]:
    return {"version": version, "devices": ["CPU"]}


def load(workload: Workload) -> "ExecuTorchSession":
    if runtime._threadpool_get_thread_count() != workload.threads:  # one pool for the whole process
        runtime._unsafe_reset_threadpool(workload.threads)
    torch.set_num_threads(workload.threads)
    return ExecuTorchSession(workload)


def placement(workload: Workload, inputs: dict[str, np.ndarray]) -> Placement | None:
    """Return what lowering gave to XNNPACK and what it left to ExecuTorch's own kernels, by edge operators."""
    about = _about(workload.model)
    return Placement(nodes=about["nodes"], operators=about["operators"])


def translate(workload: Workload, folder: Path) -> Path:
    """Export the torch module at the shapes of the timed inputs and lower it to a .pte, XNNPACK taking what it can.

    Returns the .pte; beside it lies a .json with where each operator went. Raises Failure, with what stopped it.
    """
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    from bench.worker.origin import precision_of, program_of, told

    program = program_of(workload)
    try:
        lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
        placed = _placed(lowered.exported_program().graph_module)  # to_executorch changes that graph
        made = lowered.to_executorch()
    except Exception as error:
        raise Failure(Status.UNSUPPORTED, f"ExecuTorch cannot lower this module: {told(error)}") from error
    about = {"precision": precision_of(program.state_dict.values()), **placed}
    file = folder / "model.pte"
    file.write_bytes(made.buffer)
    file.with_suffix(".json").write_text(json.dumps(about), "utf-8")
    return file


class ExecuTorchSession:
    """A program's methods share their memory, so every request after the first loads a program of its own."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.about = _about(workload.model)
        self.free: Any = self._program()

    def loaded(self) -> Loaded:
        return Loaded(
            runtime_version=version,
            device="CPU",
            threads=int(runtime._threadpool_get_thread_count()),
            precision=self.about["precision"],
            options={"backend": DELEGATE},
        )

    def bind(self, inputs: dict[str, np.ndarray]) -> "ExecuTorchRequest":
        program, self.free = self.free, None
        return ExecuTorchRequest(program or self._program(), [inputs[name] for name in self.workload.input_sets[0]])

    def _program(self) -> Any:
        program = runtime._load_program(self.workload.model)
        return program, program.load_method("forward")


class ExecuTorchRequest:
    def __init__(self, loaded: Any, inputs: list[np.ndarray]) -> None:
        self.program, method = loaded  # a method does not keep its program
        tensors = [torch.from_numpy(value) for value in inputs]
        self.results: list[Any] = []

        def run() -> None:
            # With its inputs every time: they lie in planned memory, which the inference itself writes over.
            self.results = method.call(tensors, False)

        self.run = run

    def outputs(self) -> dict[str, np.ndarray]:
        return {f"output_{number}": np.array(value) for number, value in enumerate(self.results)}


def _about(model: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(model).with_suffix(".json").read_text("utf-8"))
    return found


def _placed(graph_module: Any) -> dict[str, Any]:
    """Return how many operators the delegate took and how many were left, and which."""
    taken: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for node in graph_module.graph.nodes:
        inner = getattr(graph_module, node.target, None) if node.op == "get_attr" else None
        if original := getattr(inner, "original_module", None):
            taken.update(_operators(original.graph))
    left.update(_operators(graph_module.graph))
    return {
        "nodes": {DELEGATE: sum(taken.values()), KERNELS: sum(left.values())},
        "operators": {f"{DELEGATE}/{name}": count for name, count in sorted(taken.items())}
        | {f"{KERNELS}/{name}": count for name, count in sorted(left.items())},
    }


def _operators(graph: Any) -> list[str]:
    """Return the names of a graph's operators; getitem and the call of a delegate compute nothing."""
    targets = [node.target for node in graph.nodes if node.op == "call_function"]
    names = [str(getattr(target, "_name", "") or getattr(target, "__name__", target)) for target in targets]
    return [name.removeprefix("aten::") for name in names if name not in ("getitem", "executorch_call_delegate")]
