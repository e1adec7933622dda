"""The model at other opsets: exported again where the origin is a torch module, else converted; on every target."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.contract.status import Failure
from bench.errors import UsageError
from bench.process import run_job
from bench.runner.verify.context import Context
from bench.runner.verify.findings import Check, Parting, Verdict
from bench.runner.verify.judging import discard, judge, set_of, told
from bench.runner.verify.named import export_shapes, part_from_file, part_from_origin
from bench.runner.verify.parting import Outline, bisect
from bench.runner.verify.runner import InputSet, Place, Runner

OLDEST = 13  # per-channel quantisation and most of today's operators begin there
SETS_ON_A_TARGET = 2  # of each opset: the target has run all of them at the file's own, and the opset all as stored


def chosen(file: Outline, wanted: tuple[int, ...] | None) -> list[int]:
    """Return the opsets a file is verified at: those wanted, else its own and all later ones, from 13.

    Raises UsageError for one that onnx has none of.
    """
    if file.opset is None:
        return []
    if beyond := [opset for opset in wanted or () if opset > file.known]:
        raise UsageError(f"There is no opset {beyond[0]}: onnx knows those up to {file.known} here.", "Leave it out.")
    return list(wanted or range(max(file.opset, OLDEST), file.highest + 1))


def make(context: Context, opsets: list[int]) -> None:
    """Fill the context's `exports` and `refused`: all in one process, one by one where that process fails."""
    if opsets:
        _made(context, opsets)
    missing = [opset for opset in opsets if opset not in context.exports and opset not in context.refused]
    for opset in missing if len(opsets) > 1 else []:
        _made(context, [opset])


def _made(context: Context, opsets: list[int]) -> None:
    folder = Path(tempfile.mkdtemp(dir=context.scratch, prefix="opsets-"))
    try:
        refused = _job(context)(opsets, str(folder))
    except Failure as failure:
        if len(opsets) == 1:
            context.refused[opsets[0]] = f"{failure.status}: {failure.reason}"
        return
    context.refused |= {int(opset): why for opset, why in refused.items()}
    context.exports |= {opset: folder / f"{opset}.onnx" for opset in opsets if str(opset) not in refused}


def _job(context: Context) -> Callable[[list[int], str], dict[str, str]]:
    factory, shop = context.origin.factory, context.shop

    def exported(opsets: list[int], folder: str) -> dict[str, str]:
        found: dict[str, str] = run_job(
            context.torch().python, shop.folder, "export", opsets=opsets, destination=folder,
            shapes=export_shapes(context), **(factory.arguments() if factory else {}),
        )  # fmt: skip
        return found

    def converted(opsets: list[int], folder: str) -> dict[str, str]:
        model = str(context.verified.subject.onnx)
        found: dict[str, str] = shop.job("opsets", model=model, opsets=opsets, folder=folder)
        return found

    return exported if factory else converted


def as_stored(context: Context, wanted: Sequence[int], export_differs: bool) -> Iterator[Check]:
    """Every opset but the file's own, on ORT's CPU provider. The node is looked for at the first that differs."""
    parted = export_differs
    for opset in wanted:
        if opset == context.outline.opset:
            continue
        if opset not in context.exports:
            yield Check("opset", str(opset), Verdict.NOT_CONVERTED, context.refused.get(opset, ""))
            continue
        context.say(f"opset {opset}")
        runner = _at(context, context.stored, opset)
        found = runner.attempt(context.sets)
        check = _judged(context, opset, context.sets, found)
        if check.verdict == Verdict.DIFFERS and not parted:
            parted = True
            check = told(check, _from_origin(context, runner, check))
        discard(found)
        yield check


def on_targets(
    context: Context, wanted: Sequence[int], places: Sequence[Place], before: Sequence[Check]
) -> Iterator[Check]:
    """Every opset but the file's own on every target that reads ONNX and ran that, with some of the input sets.

    `before` are the checks so far: where the target agrees at the file's own opset and this opset as stored, only the
    two together differ, and the node is looked for, once a target.
    """
    ran = {check.name for check in before if check.kind == "target" and check.excess is not None}
    good = {(check.kind, check.name) for check in before if check.verdict == Verdict.AGREES}
    opsets = [opset for opset in wanted if opset != context.outline.opset and opset in context.exports]
    sets = context.sets[:SETS_ON_A_TARGET]
    for place in places:
        if place.runner is None or not place.cuttable or place.target not in ran:
            continue
        parted = ("target", place.target) not in good
        runner = _at(context, place.runner)
        results = runner.of_files([context.exports[opset] for opset in opsets], sets)
        for opset in opsets:
            context.say(f"opset {opset} on {place.label}")
            found = next(results)
            check = replace(_judged(context, opset, sets, found), target=place.target)
            if check.verdict == Verdict.DIFFERS and ("opset", str(opset)) in good and not parted:
                parted = True
                check = told(check, _from_stored(context, opset, place.runner, check))
            discard(found)
            yield check


def _judged(context: Context, opset: int, sets: Sequence[InputSet], found: Any) -> Check:
    """Return the row of an opset; the folder that its file lay in says nothing."""
    check = judge("opset", str(opset), context.expected[: len(sets)], found, context.bound)
    return replace(check, reason=check.reason.replace(f"{context.exports[opset].parent}{os.sep}", ""))


def _at(context: Context, runner: Runner, opset: int | None = None) -> Runner:
    """Return a runner of the file at an opset: a module's own export has the names of its inputs."""
    names = context.origin.runner.names if context.origin.factory else {}
    return replace(runner if opset is None else runner.of(context.exports[opset]), names=names)


def _from_origin(context: Context, runner: Runner, check: Check) -> Parting | str:
    inputs = set_of(check, context.sets)
    try:
        file = context.outline_of(Path(runner.workload.model))
    except Failure as failure:
        return f"the file at this opset cannot be read again: {failure.reason}"
    if context.origin.factory:
        return part_from_origin(context, file, runner, inputs).told()
    return part_from_file(context, file, runner, inputs, context.stored).told()


def _from_stored(context: Context, opset: int, other: Runner, check: Check) -> Parting | str:
    try:
        file = context.outline_of(context.exports[opset])
    except Failure as failure:
        return f"the file at this opset cannot be read again: {failure.reason}"
    stored, other = (_at(context, runner, opset) for runner in (context.stored, other))
    return bisect(context.search, file, stored, other, set_of(check, context.sets))
