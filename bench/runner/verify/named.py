"""Values of an origin by name, and the first node of a file that makes something else of the same name."""

from pathlib import Path
from typing import Any

from bench.contract.status import Failure
from bench.process import run_job
from bench.runner.verify.context import Context
from bench.runner.verify.graph import Outline, outline
from bench.runner.verify.parting import Compared, NamedValues, by_name, read_out
from bench.runner.verify.runner import InputSet, Runner


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
        theirs = outline(context.shop, Path(other.workload.model))
    except Failure as failure:
        return Compared(0, problem=f"the origin's values cannot be listed: {failure.reason}")
    named = NamedValues(frozenset(theirs.values()), lambda names: read_out(context.search, other, names, inputs))
    return by_name(context.search, file, runner, inputs, named)


def _recorded(context: Context, names: list[str], inputs: InputSet) -> dict[str, Any]:
    context.say("the origin's values, node by node")
    folder = context.scratch / "recorded"
    folder.mkdir(exist_ok=True)
    try:
        return record(context, names, inputs, folder)
    except Failure as failure:
        return {"problem": f"the origin's values cannot be recorded: {failure.reason}"}


def record(context: Context, names: list[str], inputs: InputSet, folder: Path) -> dict[str, Any]:
    """Return values and weights of the origin's module as .npy (worker/jobs/record.py). Raises Failure."""
    if context.origin.factory is None:
        raise ValueError("only a torch module is recorded")
    renames = context.origin.runner.names
    given = {renames.get(name, name): path for name, path in inputs.items()}
    found: dict[str, Any] = run_job(
        context.torch().python, context.shop.folder, "record", names=names, folder=str(folder),
        input_set={name: given[name] for name in context.origin.order or given if name in given},
        shapes=export_shapes(context), **context.origin.factory.arguments(),
    )  # fmt: skip
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


DRIFTED = 0.1  # of the values with a namesake, made by another operator


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
        theirs = {name: node.op for node in outline(context.shop, there).nodes for name in node.outputs}
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
