"""A model's main graph as `outline` tells it: what is alive after each node, and who makes a value."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.models.variants import Workshop


@dataclass(frozen=True)
class Node:
    name: str
    op: str
    inputs: list[str]
    outputs: list[str]


@dataclass(frozen=True)
class Outline:
    """Nodes are in the order they run in. `opset` is None for a model without operators of ONNX's own."""

    nodes: list[Node]
    outputs: list[str]
    weights: list[str]
    others: frozenset[str]  # values that are no tensors of numbers
    opset: int | None
    highest: int  # the highest opset that ONNX Runtime loads here
    known: int  # the highest that onnx knows here

    def alive(self, last: int) -> list[str]:
        """Return the values made by nodes up to `last` that a later node or the caller reads."""
        made = {name for node in self.nodes[: last + 1] for name in node.outputs}
        read = {name for node in self.nodes[last + 1 :] for name in node.inputs} | set(self.outputs)
        return [name for node in self.nodes[: last + 1] for name in node.outputs if name in made & read - self.others]

    def values(self) -> list[str]:
        """Return every value that can be read out, in the order they are made."""
        return [name for node in self.nodes for name in node.outputs if name not in self.others]

    def maker(self, value: str) -> Node:
        return next(node for node in self.nodes if value in node.outputs)


def outline(shop: Workshop, model: Path) -> Outline:
    """Read a file. Raises Failure where it is no ONNX file."""
    found: dict[str, Any] = shop.job("outline", model=str(model))
    return Outline(
        nodes=[Node(**node) for node in found["nodes"]],
        outputs=found["outputs"],
        weights=found["weights"],
        others=frozenset(found["others"]),
        opset=found["opset"],
        highest=found["highest"],
        known=found["known"],
    )


def cut(shop: Workshop, model: Path, outputs: list[str], destination: Path) -> Path:
    """Write the part of a model that makes `outputs`. Raises Failure."""
    shop.job("cut", model=str(model), outputs=outputs, destination=str(destination))
    return destination
