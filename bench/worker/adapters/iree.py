"""IREE, on what its importer and compiler make of an ONNX file for this processor."""

import re
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np

from bench.contract.job import Loaded, Placement, Workload
from bench.contract.status import Failure, Status

DRIVER = "local-task"  # the processor, with worker threads
MODULE, ENTRY = "module", "main"
OPSET = "17"  # the importer knows operators as they are from here on: older files are brought up to it
COMPILE = ("--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu")
HOST = "--iree-llvmcpu-target-cpu=host"
NAMED_S = 1.0  # what the threads have to take their names

iree: Any = None


def import_runtime() -> str:
    global iree
    from importlib.metadata import version

    import iree.runtime as module

    iree = module
    return version("iree-base-runtime")


def probe() -> dict[str, Any]:
    return {"version": import_runtime(), "devices": list(iree.query_available_drivers())}


def translate(workload: Workload, folder: Path) -> Path:
    """Return the .vmfb that is compiled for this processor, from a file with one graph and fixed shapes."""
    import onnx

    model = onnx.load(workload.model)
    model.graph.name = ENTRY  # a graph is a function of its own name; by some names none is kept
    onnx.save(model, folder / "named.onnx")
    imported, made = folder / "model.mlir", folder / "model.vmfb"
    tools = "iree.compiler.tools"
    _tool("import", f"{tools}.import_onnx", str(folder / "named.onnx"), "--opset-version", OPSET, "-o", str(imported))
    _tool("compile", f"{tools}.scripts.iree_compile", str(imported), *COMPILE, HOST, "-o", str(made))
    for file in (folder / "named.onnx", imported):  # many times the size of what was asked for
        file.unlink()
    return made


def load(workload: Workload) -> "IreeSession":
    # The process's only way to say it: the driver starts its threads when it is first asked for.
    iree.flags.parse_flags(f"--task_topology_group_count={workload.threads}")
    return IreeSession(workload)


def placement(workload: Workload, inputs: dict[str, np.ndarray]) -> Placement | None:
    return None


class IreeSession:
    """A context serves one request at a time, so every request after the first gets one of its own."""

    def __init__(self, workload: Workload) -> None:
        self.workload, self.config = workload, iree.Config(DRIVER)
        self.free: Any = self._context()

    def loaded(self) -> Loaded:
        return Loaded(
            runtime_version=import_runtime(),
            device="CPU",
            threads=_workers(self.workload.threads),
            precision="fp32",  # its compiler changes no type of itself
            options={"driver": DRIVER},
        )

    def bind(self, inputs: dict[str, np.ndarray]) -> "IreeRequest":
        given = [inputs[name] for name in self.workload.input_sets[0]]  # the model's order
        arguments = [iree.asdevicearray(self.config.device, np.ascontiguousarray(value)) for value in given]
        context, self.free = self.free, None
        return IreeRequest(context or self._context(), arguments)

    def _context(self) -> Any:
        context = iree.SystemContext(config=self.config)
        context.add_vm_module(iree.VmModule.mmap(context.instance, self.workload.model))
        return context


class IreeRequest:
    def __init__(self, context: Any, inputs: list[Any]) -> None:
        self.context, self.inputs = context, inputs
        self.found: list[np.ndarray] = []
        arguments = iree.VmVariantList(len(inputs))
        for value in inputs:
            arguments.push_ref(value._buffer_view)
        invoke = context.vm_context.invoke
        function = context.modules[MODULE].vm_module.lookup_function(ENTRY)

        def run() -> None:
            results = iree.VmVariantList(1)
            invoke(function, arguments, results)
            self.found = [_mapped(results.get_as_object(index, iree.HalBufferView)) for index in range(results.size)]

        self.run = run

    def outputs(self) -> dict[str, np.ndarray]:
        """The compiled function has forgotten the names of its outputs, but not their order."""
        return {f"output {index}": np.array(value) for index, value in enumerate(self.found)}


def _mapped(view: Any) -> np.ndarray:
    """Return the memory of a result, where it is."""
    kind = iree.HalElementType.map_to_dtype(view.element_type)
    values: np.ndarray = view.map().asarray(list(view.shape), np.dtype(kind))
    return values


def _workers(asked: int) -> int | None:
    """Return how many worker threads IREE has in this process, where the system tells; the caller only waits.

    A thread names itself once it runs, so they are waited for as long as fewer than were asked for have.
    """
    tasks, until, found = Path("/proc/self/task"), monotonic() + NAMED_S, 0
    while tasks.is_dir() and found < asked and monotonic() < until:
        found = sum(name.read_text().startswith("iree-worker") for name in tasks.glob("*/comm"))
        sleep(0.001)
    return found or None


def _tool(verb: str, module: str, *arguments: str) -> None:
    """Run one of the compiler's own tools. Raises Failure with what stopped it."""
    command = [sys.executable, "-I", "-m", module, *arguments]
    said = subprocess.run(
        command, stdin=subprocess.DEVNULL,  # ours is what the worker is told through
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
    )  # fmt: skip
    sys.stdout.write(said.stdout)  # the log of the job
    if said.returncode:
        raise Failure(Status.UNSUPPORTED, f"IREE cannot {verb} this model: {_why(said.stdout, said.returncode)}")


def _why(said: str, code: int) -> str:
    """Return the first error, and the operator of the model that it is about with its types."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    error = next((line.partition("error: ")[2] for line in lines if "error: " in line), "")
    operator = re.search(r'torch\.operator "onnx\.(\w+)".*?: (\(.*)', said)
    about = f"{operator[1]} {operator[2]}: " if operator else ""
    return f"{about}{error or (lines[-1] if lines else f'it ended with {code}')}"[:600]
