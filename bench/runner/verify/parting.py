"""Where do two runs part? The first node whose output differs although all it reads agrees."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.contract.status import Failure
from bench.models.variants import Workshop
from bench.runner.verify.closeness import Bound, Closeness, compare_arrays, compare_each
from bench.runner.verify.findings import Parting
from bench.runner.verify.graph import Node, Outline, cut
from bench.runner.verify.runner import InputSet, Runner

CHUNK = 96  # values read out of a run at a time: they are all in memory together
# Of its tensor's largest element: more than FP32 rounds by in most models, less than a fault makes. Errors within the
# bound can grow beyond it later: the node that is named is where they begin, not where they become too large.
ROUNDING = 3e-5


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
    return _parting(outline, node, found_at, "by bisection", set(outline.values()))


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


@dataclass(frozen=True)
class Compared:
    """How many values had a namesake of the same shape, the first node that differs, or why none could be compared."""

    values: int
    parting: Parting | None = None
    problem: str = ""

    def told(self) -> Parting | str:
        """Return the node, or why there is none."""
        last = f"the {self.values} values of the same name and shape all agree, so they part after the last of them"
        return self.parting or self.problem or last


def by_name(search: Search, outline: Outline, stored: Runner, inputs: InputSet, origin: "NamedValues") -> Compared:
    """Compare values with their namesakes in the origin, in the order they are made, up to the first that differs.

    Values of another shape than their namesakes are passed over: they are something else.
    """
    shared = [name for name in outline.values() if name in origin.names]
    agreeing: set[str] = set()
    beyond: dict[str, Closeness] = {}  # what is off by more than rounding
    for start in range(0, len(shared), CHUNK):
        names = shared[start : start + CHUNK]
        search.say(f"values {start + 1} to {start + len(names)} of {len(shared)}, by name")
        try:
            ours, theirs = read_out(search, stored, names, inputs), origin.read(names)
        except Failure as failure:
            return Compared(len(agreeing), problem=f"the values in between cannot be read out: {failure.reason}")
        for name in names:
            expected, actual = (np.load(each[name], mmap_mode="r") for each in (theirs, ours))
            if expected.shape != actual.shape:
                continue
            found = compare_arrays(expected, actual, search.bound_of(outline, name))
            if not _is_rounding(found):
                beyond[name] = replace(found, output=name)
            if not found.close:
                return Compared(len(agreeing), _earliest(outline, name, beyond, agreeing))
            agreeing.add(name)
        for path in (*ours.values(), *theirs.values()):
            path.unlink(missing_ok=True)
    return Compared(len(agreeing), problem="" if agreeing else "no value has a namesake in the origin")


def read_out(search: Search, runner: Runner, names: list[str], inputs: InputSet) -> dict[str, Path]:
    """Return the values `names` of a run, as .npy. Raises Failure."""
    with tempfile.TemporaryDirectory(dir=search.scratch, prefix="part-", ignore_cleanup_errors=True) as folder:
        part = cut(search.shop, Path(runner.workload.model), names, Path(folder) / "part.onnx")
        return runner.of(part).outputs([inputs])[0]


def _is_rounding(found: Closeness) -> bool:
    return found.close and found.share <= ROUNDING


def _earliest(outline: Outline, value: str, beyond: dict[str, Closeness], known: set[str]) -> Parting:
    """Name the node where the error of `value` begins: the first of what it is made from that is beyond rounding."""
    made_from, waiting = {value}, [value]
    makers = {name: node for node in outline.nodes for name in node.outputs}
    while waiting:
        node = makers.get(waiting.pop())
        for name in node.inputs if node else []:
            if name not in made_from:
                made_from.add(name)
                waiting.append(name)
    first = next(name for name in beyond if name in made_from)
    found = _parting(outline, outline.maker(first), beyond[first], "by name", known)
    return found if first == value else replace(found, note=f"beyond the bound from {value} on")


@dataclass(frozen=True)
class NamedValues:
    """What an origin makes of the inputs, by name: `read` gives .npy files of some of `names`."""

    names: frozenset[str]
    read: Callable[[list[str]], dict[str, Path]]


def _parting(outline: Outline, node: Node, found: Closeness, how: str, known: set[str]) -> Parting:
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
    in_order = [each.name for each in outline.nodes if each.name in through]
    note = found.problem or (
        "it has graphs inside, which are not looked into" if node.op in ("If", "Loop", "Scan") else ""
    )
    return Parting(node.name, node.op, found.output, found.max_abs, how, in_order, note)
