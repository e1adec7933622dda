"""The ways PyTorch runs a module. Each returns what is called with the inputs by name, and what is known of it."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.contract.job import Workload
from bench.contract.status import Failure, Status
from bench.worker.adapters.torch_quantised import bytes_of, precision_of_weights, quantise
from bench.worker.origin import inputs_of, module_of, precision_of, told


@dataclass(frozen=True)
class About:
    """The precision a module's parameters or its package tell, and what else took effect."""

    precision: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    bytes: int | None = None  # of a module that was quantised when it was loaded


Mode = Callable[[Workload], tuple[Any, About]]


def device_of(workload: Workload) -> str:
    """Return what PyTorch calls the device of a workload: cpu unless told, cuda, cuda:1."""
    return (workload.device or "cpu").lower()


def eager(workload: Workload) -> tuple[Any, About]:
    module = _placed(workload)
    return module, _about(module, workload)


def script(workload: Workload) -> tuple[Any, About]:
    """TorchScript: what one run of the module did, its weights constants. Raises Failure where it cannot be traced."""
    import torch

    module, device = _placed(workload), device_of(workload)
    inputs = {name: value.to(device) for name, value in inputs_of(workload).items()}
    try:
        with torch.no_grad():
            traced = torch.jit.trace(module, example_kwarg_inputs=inputs, check_trace=False, strict=False)
            frozen = torch.jit.freeze(traced)
    except Exception as error:
        raise Failure(Status.UNSUPPORTED, f"TorchScript cannot trace this module: {told(error)}") from error
    return frozen, About(precision_of(module.parameters()))


def compiled(workload: Workload) -> tuple[Any, About]:
    """Inductor's code. The option `mode` is torch.compile's own: `reduce-overhead` captures CUDA graphs on a GPU."""
    import torch

    if workload.cache and workload.cache_dir:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = workload.cache_dir
    import torch._inductor.config as inductor

    inductor.force_disable_caches = not workload.cache  # it keeps them in a folder of the user's unless told
    inductor.compile_threads = 1  # no pool of compiler processes beside the measured one
    module, mode = _placed(workload), workload.options.get("mode")
    try:
        call = torch.compile(module, dynamic=False, mode=mode)
    except RuntimeError as error:
        raise Failure(Status.UNSUPPORTED, f"torch.compile has no mode `{mode}`: {told(error)}") from error
    return call, _about(module, workload, {"mode": mode} if mode else {})


def autocast_bf16(workload: Workload) -> tuple[Any, About]:
    """Eager with autocast entered at every call, as it is used: weights are cast anew in each.

    What it computes in is known only by looking (torch_seen.py), so nothing is claimed here.
    """
    import torch

    module, kind = _placed(workload), device_of(workload).partition(":")[0]

    def call(**inputs: Any) -> Any:
        with torch.autocast(kind, dtype=torch.bfloat16):
            return module(**inputs)

    return call, About(options={"autocast": "bfloat16"})


def aot(workload: Workload) -> tuple[Any, About]:
    """Load a package of AOTInductor's, which says itself how many threads its loops were compiled for."""
    import torch._inductor as inductor

    if device_of(workload) != "cpu":
        raise Failure(
            Status.UNSUPPORTED, "AOTInductor packages are compiled for the processor here: leave `device` out"
        )
    package = inductor.aoti_load_package(workload.model)
    about = package.get_metadata()
    made_for = about.get("threads", "")
    if made_for != str(workload.threads):
        raise Failure(Status.ERROR, f"this package was compiled for {made_for} threads, not {workload.threads}")
    return package, About(precision=about.get("precision") or None, options={"threads_compiled": made_for})


MODES: dict[str, Mode] = {
    "eager": eager,
    "script": script,
    "compile": compiled,
    "autocast-bf16": autocast_bf16,
    "aot": aot,
}


def _placed(workload: Workload) -> Any:
    module = module_of(workload)
    return (quantise(module, workload.recipe) if workload.recipe else module).to(device_of(workload))


def _about(module: Any, workload: Workload, options: dict[str, str] | None = None) -> About:
    if workload.recipe:
        return About(precision_of_weights(module), options or {}, bytes_of(module))
    return About(precision_of(module.parameters()), options or {})
