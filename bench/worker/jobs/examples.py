"""What a torch factory's module takes: the example inputs it comes with."""

import hashlib
from typing import Any

import torch

from bench.worker.factories import build


def run(factory: str, paths: list[str], checkpoint: str) -> dict[str, Any]:
    """Return shape, dtype (as numpy spells it) and range of every example input, in the module's order.

    `digest` is of its weights; `steady` tells whether calling the factory again gave the same.
    """
    module, examples = build(factory, paths, checkpoint)
    first = _digest(module)
    del module
    again, _ = build(factory, paths, checkpoint)
    return {
        "digest": first,
        "steady": first == _digest(again),
        "inputs": {
            name: {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch."), "range": _range(value)}
            for name, value in examples.items()
        },
    }


def _range(value: Any) -> list[int] | None:
    """Return the least and the largest element of whole numbers: token ids have to be of the module's vocabulary."""
    if value.is_floating_point() or value.is_complex() or value.dtype == torch.bool or not value.numel():
        return None
    return [int(value.min()), int(value.max())]


def _digest(module: Any) -> str:
    """Return a hash of the module's parameters and buffers."""
    found = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
