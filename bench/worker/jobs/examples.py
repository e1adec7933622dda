"""What a torch factory's module takes: the example inputs it comes with."""

from typing import Any

from bench.worker.factories import build


def run(factory: str, paths: list[str], checkpoint: str) -> dict[str, dict[str, Any]]:
    """Return shape and dtype (as numpy spells it) of every example input, in the module's order."""
    _, examples = build(factory, paths, checkpoint)
    return {
        name: {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
        for name, value in examples.items()
    }
