"""PyTorch on the CPU, eager or through torch.compile, from a model's factory."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.contract.job import Loaded, Placement, Workload
from bench.contract.status import Failure, Status
from bench.worker.factories import build

PRECISIONS = {"torch.float32": "fp32", "torch.float16": "fp16", "torch.bfloat16": "bf16", "torch.int8": "int8"}

torch: Any = None


def import_runtime() -> str:
    global torch
    import torch as module

    torch = module
    return str(torch.__version__)


def probe() -> dict[str, Any]:
    return {"version": str(torch.__version__), "devices": ["cpu"]}


def load(workload: Workload) -> "TorchSession":
    if workload.factory is None:
        raise Failure(Status.UNSUPPORTED, "this model exists only as ONNX: PyTorch needs a factory or a checkpoint")
    torch.set_num_threads(workload.threads)
    module, _ = build(workload.factory, workload.factory_paths, workload.model)
    module = module.eval()
    if workload.mode != "compile":
        return TorchSession(module, module)
    if workload.cache and workload.cache_dir:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = workload.cache_dir
    import torch._inductor.config as inductor

    inductor.force_disable_caches = not workload.cache  # it keeps them in a folder of the user's unless told
    inductor.compile_threads = 1  # no pool of compiler processes beside the measured one
    session = TorchSession(torch.compile(module, dynamic=False), module)
    inputs = {name: np.load(path, allow_pickle=False) for name, path in workload.input_sets[0].items()}
    session.bind(inputs).run()  # it compiles at the first call: that belongs to create, not to the first inference
    return session


def placement(workload: Workload, inputs: dict[str, np.ndarray]) -> Placement | None:
    return None


class TorchSession:
    def __init__(self, call: Any, module: Any) -> None:
        self.call = call
        self.module = module

    def loaded(self) -> Loaded:
        dtypes = {str(parameter.dtype) for parameter in self.module.parameters()}
        return Loaded(
            runtime_version=str(torch.__version__),
            device="CPU",
            threads=torch.get_num_threads(),
            precision=PRECISIONS.get(dtypes.pop()) if len(dtypes) == 1 else None,
            options={"mkldnn": str(torch.backends.mkldnn.is_available())},
        )

    def bind(self, inputs: dict[str, np.ndarray]) -> "TorchRequest":
        return TorchRequest(self.call, inputs)


class TorchRequest:
    def __init__(self, call: Any, inputs: dict[str, np.ndarray]) -> None:
        tensors = {name: torch.from_numpy(value) for name, value in inputs.items()}
        self.result: Any = None

        def run() -> None:
            self.result = call(**tensors)

        self.run: Callable[[], object] = torch.inference_mode()(run)  # a thread's own state, so each call enters it

    def outputs(self) -> dict[str, np.ndarray]:
        found = self.result
        if isinstance(found, torch.Tensor):
            found = (found,)
        pairs = found.items() if isinstance(found, dict) else ((f"output_{i}", v) for i, v in enumerate(found))
        return {name: np.array(value) for name, value in pairs}
