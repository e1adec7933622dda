"""Where two runs of a file part: its nodes, and the first that differs although all it reads agrees, by cutting."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.contract.status import Failure
from bench.models.variants import Workshop
from bench.runner.verify.findings import Parting
from bench.runner.verify.judging import Bound, Closeness, compare_each
from bench.runner.verify.runner import InputSet, Runner


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


@dataclass(frozen=True)
class Search:
    """What a search for the first differing node works with."""

    shop: Workshop
    scratch: Path
    bound: Bound
    say: Callable[[str], None]

    def bound_of(self, outline: Outline, value: str) -> Bound:
        """Return the bound of a value: what the model gives has the outputs' own, what is in between another."""
        return self.bound if value in outline.outputs else self.bound.inside()


def bisect(search: Search, outline: Outline, stored: Runner, other: Runner, inputs: InputSet) -> Parting | str:
    """Cut the model after more and more nodes and run each part both ways; return the node, or why there is none.

    `stored` and `other` run the same file. The values alive after a node agree before the one that is looked for.
    """
    agree, differ = -1, len(outline.nodes) - 1
    seen: dict[str, Closeness] = {}  # what is beyond the bound after node `differ`, by value
    while agree + 1 < differ or not seen:
        middle = (agree + differ) // 2 if seen else differ
        search.say(f"cut after node {middle + 1} of {len(outline.nodes)}")
        try:
            found = _part(search, outline, stored, other, inputs, middle)
        except Failure as failure:
            return f"a part of the model, cut after {outline.nodes[middle].name}, cannot run: {failure.reason}"
        if isinstance(found, str):
            return f"a part of the model, cut after {outline.nodes[middle].name}, has other outputs there: {found}"
        beyond = {name: one for name, one in found.items() if not one.close}
        if not beyond and not seen:
            return "with its last values read out, the model agrees: the difference comes and goes with how it is fused"
        if beyond:
            differ, seen = middle, beyond
        else:
            agree = middle
    # Where none of them is the node's own, the runtime fused it otherwise once other values were read out.
    node = next((node for node in (outline.nodes[differ], *outline.nodes) if seen.keys() & set(node.outputs)), None)
    if node is None:
        return f"they part at {next(iter(seen))}, which no node of the file makes by that name"
    found_at = next(seen[name] for name in node.outputs if name in seen)
    return parting_at(outline, node, found_at, "by bisection", set(outline.values()))


def _part(
    search: Search, outline: Outline, stored: Runner, other: Runner, inputs: InputSet, last: int
) -> dict[str, Closeness] | str:
    alive = outline.alive(last)
    if not alive:
        return {}
    folder = Path(tempfile.mkdtemp(dir=search.scratch, prefix="cut-"))
    try:
        part = cut(search.shop, Path(stored.workload.model), alive, folder / "part.onnx")
        ours, theirs = (replace(runner.of(part), scratch=folder).outputs([inputs])[0] for runner in (stored, other))
        return compare_each(ours, theirs, lambda name: search.bound_of(outline, name))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def parting_at(outline: Outline, node: Node, found: Closeness, how: str, known: set[str]) -> Parting:
    """`known` are the values that could be compared: what lies between them and the node is named too."""
    through: list[str] = []
    waiting = list(node.inputs)
    makers = {name: each for each in outline.nodes for name in each.outputs}
    while waiting:
        value = waiting.pop()
        maker = makers.get(value)
        if value not in known and maker is not None and maker.name not in through:
            through.append(maker.name)
            waiting += maker.inputs
    in_order = tuple(each.name for each in outline.nodes if each.name in through)
    note = found.problem or (
        "it has graphs inside, which are not looked into" if node.op in ("If", "Loop", "Scan") else ""
    )
    return Parting(node.name, node.op, found.output, found.max_abs, how, in_order, note)
