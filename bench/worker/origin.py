"""What another form of a torch model is made from: its module, its inputs, and what torch.export makes of them."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from bench.contract.job import Workload
from bench.contract.status import Failure, Status
from bench.worker.factories import build

PRECISIONS = {"torch.float32": "fp32", "torch.float16": "fp16", "torch.bfloat16": "bf16", "torch.int8": "int8"}


def module_of(workload: Workload) -> Any:
    """Return the torch module of a workload, ready for inference. Raises Failure where its factory cannot be used."""
    module, _ = build(str(workload.factory), workload.factory_paths, workload.model)
    return module.eval()


def inputs_of(workload: Workload) -> dict[str, Any]:
    """Return the timed inputs as tensors by name: forms are made at their shapes."""
    import torch

    return {name: torch.from_numpy(np.load(path, allow_pickle=False)) for name, path in workload.input_sets[0].items()}


def program_of(workload: Workload) -> Any:
    """Return the ExportedProgram at the shapes of the timed inputs. Raises Failure, with what stopped the export."""
    import torch

    module, inputs = module_of(workload), inputs_of(workload)
    try:
        with torch.no_grad():
            return torch.export.export(module, (), inputs)
    except Exception as error:
        raise Failure(Status.UNSUPPORTED, f"torch.export cannot take this module: {told(error)}") from error


def precision_of(values: Iterable[Any]) -> str | None:
    """Return the precision of floating-point tensors where they have one, None where several or none."""
    dtypes = {str(value.dtype) for value in values if value.is_floating_point()}
    return PRECISIONS.get(dtypes.pop()) if len(dtypes) == 1 else None


def told(error: BaseException) -> str:
    """Return the first lines of an error that say something, as one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (" ".join(lines[:3]) or type(error).__name__)[:400]
