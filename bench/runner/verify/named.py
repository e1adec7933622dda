"""Where a file parts from its origin: values of the same name, compared in the order they are made."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract.status import Failure
from bench.process import run_job
from bench.runner.verify.context import Context
from bench.runner.verify.findings import Parting
from bench.runner.verify.judging import Closeness, compare_arrays
from bench.runner.verify.parting import Outline, Search, cut, parting_at
from bench.runner.verify.runner import InputSet, Runner

CHUNK = 96  # values read out of a run at a time: they are all in memory together
# Of its tensor's largest element: more than FP32 rounds by in most models, less than a fault makes. Errors within the
# bound can grow beyond it later: the node that is named is where they begin, not where they become too large.
ROUNDING = 3e-5
DRIFTED = 0.1  # of the values with a namesake, made by another operator


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


@dataclass(frozen=True)
class NamedValues:
    """What an origin makes of the inputs, by name: `read` gives .npy files of some of `names`."""

    names: frozenset[str]
    read: Callable[[list[str]], dict[str, Path]]


def part_from_origin(context: Context, file: Outline, runner: Runner, inputs: InputSet) -> Compared:
    """Name the first node of a file whose value differs from the origin's value of the same name."""
    origin = context.origin
    if origin.factory:
        found = _recorded(context, file.values(), inputs)
        if found["problem"]:
            return Compared(0, problem=str(found["problem"]))
        files = {name: Path(path) for name, path in found["values"].items()}
        named = NamedValues(frozenset(files), lambda names: {name: files[name] for name in names})
        return by_name(context.search, file, runner, inputs, named)
    return part_from_file(context, file, runner, inputs, origin.runner)


def part_from_file(context: Context, file: Outline, runner: Runner, inputs: InputSet, other: Runner) -> Compared:
    """Name the first node of a file whose value differs from another file's value of the same name."""
    try:
        theirs = context.outline_of(Path(other.workload.model))
    except Failure as failure:
        return Compared(0, problem=f"the origin's values cannot be listed: {failure.reason}")
    named = NamedValues(frozenset(theirs.values()), lambda names: read_out(context.search, other, names, inputs))
    return by_name(context.search, file, runner, inputs, named)


def _recorded(context: Context, names: list[str], inputs: InputSet) -> dict[str, Any]:
    context.say("the origin's values, node by node")
    try:
        return _record(context, names, inputs)
    except Failure as failure:
        return {"problem": f"the origin's values cannot be recorded: {failure.reason}"}


def tensors(context: Context) -> dict[str, str]:
    """Return the tensors of the origin's module by name, as .npy. Raises Failure."""
    if not context.tensors:
        _record(context, [], {})
    return context.tensors


def _record(context: Context, names: list[str], inputs: InputSet) -> dict[str, Any]:
    """Return values of the origin's module as .npy (worker/jobs/record.py), and keep its tensors. Raises Failure."""
    if context.origin.factory is None:
        raise ValueError("only a torch module is recorded")
    renames = context.origin.runner.names
    given = {renames.get(name, name): path for name, path in inputs.items()}
    folder = tempfile.mkdtemp(dir=context.scratch, prefix="recorded-")
    found: dict[str, Any] = run_job(
        context.torch().python, context.shop.folder, "record", names=names, folder=folder,
        input_set={name: given[name] for name in context.origin.order or given if name in given},
        shapes=export_shapes(context), **context.origin.factory.arguments(),
    )  # fmt: skip
    context.tensors = found["weights"]
    return found


def export_shapes(context: Context) -> dict[str, list[Any]]:
    """Return the sizes of the module's inputs, with the names of those that stay open, as torch takes names."""
    renames = context.origin.runner.names
    return {
        renames.get(name, name): [
            "".join(c if c.isalnum() else "_" for c in size) if isinstance(size, str) else size for size in facts.shape
        ]
        for name, facts in context.verified.subject.inputs.items()
    }


def by_name(search: Search, outline: Outline, stored: Runner, inputs: InputSet, origin: NamedValues) -> Compared:
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
    found = parting_at(outline, outline.maker(first), beyond[first], "by name", known)
    return found if first == value else replace(found, note=f"beyond the bound from {value} on")


def drifted(context: Context) -> str:
    """Return in words why equal names may not mean equal values; empty where they do.

    Names are often numbers: a file made by another version of an exporter gives them to other values. Then many
    are made by another operator than their namesakes.
    """
    own = context.outline.opset
    there = context.origin.file or (context.exports.get(own) if own else None)
    if there is None:
        return "the origin cannot be exported here, so that nothing shows whether names mean the same"
    try:
        theirs = {name: node.op for node in context.outline_of(there).nodes for name in node.outputs}
    except Failure as failure:
        return f"the origin cannot be read for its names: {failure.reason}"
    ours = {name: node.op for node in context.outline.nodes for name in node.outputs if name in theirs}
    others = [name for name, op in ours.items() if op != theirs[name]]
    if len(others) <= max(1, DRIFTED * len(ours)):  # a converter's fault makes other operators too, of a few values
        return ""
    one = others[0]
    return (
        f"{len(others)} of {len(ours)} values are made by another operator than their namesakes, as {one} is by "
        f"{ours[one]} and its namesake by {theirs[one]}: names do not mean the same in both"
    )
