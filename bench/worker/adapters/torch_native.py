"""PyTorch, from a model's factory, in each of the ways it runs one: the modes of torch_modes.py. On a CPU or a GPU."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract.job import DEVICE_RESIDENT, Loaded, Placement, Workload
from bench.contract.status import Failure, Status
from bench.worker.adapters import torch_modes
from bench.worker.origin import PRECISIONS, precision_of, program_of, told

torch: Any = None


def import_runtime() -> str:
    global torch
    import torch as module

    torch = module
    return str(torch.__version__)


def probe() -> dict[str, Any]:
    devices = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    return {"version": str(torch.__version__), "devices": devices}


def load(workload: Workload) -> "TorchSession":
    if workload.factory is None:
        raise Failure(Status.UNSUPPORTED, "this model exists only as ONNX: PyTorch needs a factory or a checkpoint")
    _refuse_missing(torch_modes.device_of(workload))
    torch.set_num_threads(workload.threads)
    call, about = torch_modes.MODES[workload.mode or "eager"](workload)
    session = TorchSession(call, about, workload)
    if workload.mode == "compile":  # it compiles at the first call: that belongs to create, not to the first inference
        session.bind(_inputs(workload)).run()
    return session


def placement(workload: Workload, inputs: dict[str, np.ndarray]) -> Placement | None:
    """Return what an inference is made of, seen operator by operator; None where they are compiled into others."""
    if workload.mode in ("script", "compile", "aot"):
        return None
    from bench.worker.adapters.torch_seen import seen

    torch.set_num_threads(workload.threads)
    call, about = torch_modes.MODES[workload.mode or "eager"](workload)
    device = torch_modes.device_of(workload)
    names, spent, by_dtype = seen(TorchRequest(call, inputs, device).run)
    own = device.upper()
    return Placement(
        nodes={own: sum(names.values())},
        time_share={own: 1.0},
        precision=_precision(workload, about, by_dtype),
        operators={f"{own}/{name}": count for name, count in sorted(names.items())},
        operator_ns={f"{own}/{name}": ns for name, ns in spent.items()} if device == "cpu" else {},
    )


def translate(workload: Workload, folder: Path) -> Path:
    """Compile the module ahead of time with AOTInductor, for these shapes, this many threads and this processor.

    Returns the .pt2 package. Raises Failure where there is no C++ compiler, or with what torch.export stumbled over.
    """
    import_runtime()
    import torch._inductor as inductor
    from torch._inductor.cpp_builder import get_cpp_compiler

    try:
        get_cpp_compiler()
    except Exception as error:
        why = "AOTInductor needs a C++ compiler, and there is none here: install g++"
        raise Failure(Status.UNSUPPORTED, why) from error
    torch.set_num_threads(workload.threads)  # its loops are compiled for as many threads as torch has now
    program = program_of(workload)
    about = {"threads": str(torch.get_num_threads()), "precision": precision_of(program.state_dict.values()) or ""}
    package = folder / "model.pt2"
    try:
        inductor.aoti_compile_and_package(
            program, package_path=str(package), inductor_configs={"aot_inductor.metadata": about}
        )
    except Exception as error:
        raise Failure(Status.UNSUPPORTED, f"AOTInductor cannot compile this module: {told(error)}") from error
    return package


class TorchSession:
    """What is called, and what is known of it."""

    def __init__(self, call: Any, about: torch_modes.About, workload: Workload) -> None:
        self.call = call
        self.about = about
        self.device = torch_modes.device_of(workload)
        self.resident = workload.boundary == DEVICE_RESIDENT

    def loaded(self) -> Loaded:
        return Loaded(
            runtime_version=str(torch.__version__),
            device=self.device.upper(),
            threads=torch.get_num_threads(),
            precision=self.about.precision,
            model_bytes=self.about.bytes,
            options={"mkldnn": str(torch.backends.mkldnn.is_available()), **self.about.options},
        )

    def bind(self, inputs: dict[str, np.ndarray]) -> "TorchRequest":
        return TorchRequest(self.call, inputs, self.device, self.resident)


class TorchRequest:
    """A processor's own memory is the host's, so that nothing is copied there whatever the boundary is."""

    def __init__(self, call: Any, inputs: dict[str, np.ndarray], device: str, resident: bool = False) -> None:
        given = {name: torch.from_numpy(value) for name, value in inputs.items()}
        placed = {name: value.to(device) for name, value in given.items()} if resident else given
        self.result: Any = None

        def on_host() -> None:
            self.result = call(**given)

        def on_device() -> None:
            self.result = call(**placed)
            torch.accelerator.synchronize(device)

        def to_and_fro() -> None:
            found = call(**{name: value.to(device) for name, value in given.items()})
            self.result = {name: value.cpu() for name, value in _named(found)}  # waits for the device

        run = on_host if device == "cpu" else on_device if resident else to_and_fro
        self.run: Callable[[], object] = torch.inference_mode()(run)  # a thread's own state, so each call enters it

    def outputs(self) -> dict[str, np.ndarray]:
        return {name: _array(value.cpu()) for name, value in _named(self.result)}


def _precision(workload: Workload, about: torch_modes.About, spent: Counter[str]) -> str | None:
    """Return what most time was spent in. A quantised weight calls itself what it computes with: its layers tell."""
    if workload.recipe:
        return about.precision
    return PRECISIONS.get(spent.most_common(1)[0][0]) if spent else None


def _named(found: Any) -> Iterable[tuple[str, Any]]:
    """Return the outputs of a module by name."""
    if not isinstance(found, (dict, list, tuple)):
        found = (found,)
    named = list(found.items() if isinstance(found, dict) else ((f"output_{i}", each) for i, each in enumerate(found)))
    for name, value in named:
        if not isinstance(value, torch.Tensor):
            told = f"its output `{name}` is a {type(value).__name__}: a module has to return tensors, or a dict of them"
            raise Failure(Status.UNSUPPORTED, told)
    return named


def _refuse_missing(device: str) -> None:
    """Raise Failure where this build or this machine has no such device."""
    try:
        torch.empty(1, device=device)
    except Exception as error:
        raise Failure(Status.UNSUPPORTED, f"PyTorch cannot use the device {device} here: {told(error)}") from error


def _array(value: Any) -> np.ndarray:
    return np.array(value.float() if value.dtype == torch.bfloat16 else value)  # numpy has no bfloat16


def _inputs(workload: Workload) -> dict[str, np.ndarray]:
    return {name: np.load(path, allow_pickle=False) for name, path in workload.input_sets[0].items()}
