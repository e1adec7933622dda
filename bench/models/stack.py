"""Models of known cost, made on this machine: what a tool that finds differences is tried on."""

from dataclasses import dataclass, replace
from pathlib import Path

from bench.models.cache import stored
from bench.models.variants import Workshop, key_of


@dataclass(frozen=True)
class Stack:
    """A stack of equal layers; `kind` is matmul (size x width) or conv (width channels of size x size).

    `extra` of its layers change nothing, and cost as much as the others.
    """

    kind: str
    size: int
    width: int
    layers: int
    extra: int = 0

    def slower(self, share: float) -> "Stack":
        """Return the stack with that share more layers (0.03: 3% more) and the same outputs."""
        return replace(self, extra=round(self.layers * share))


def stack_file(shop: Workshop, stack: Stack) -> Path:
    """Return the ONNX file of a stack, made once. Raises Failure where it cannot be made."""

    def make(folder: Path) -> None:
        shop.job("stack", **vars(stack), destination=str(folder / "model.onnx"))

    return stored(key_of("stack", vars(stack), shop.tools.key, shop.folder.name), make) / "model.onnx"
