"""The model at other opsets: exported again where the origin is a torch module, else converted."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from bench.contract.status import Failure
from bench.errors import UsageError
from bench.process import run_job
from bench.runner.verify.context import Context
from bench.runner.verify.findings import Check, Verdict
from bench.runner.verify.graph import Outline, outline
from bench.runner.verify.judging import attempt, discard, judge, set_of, told
from bench.runner.verify.named import export_shapes, part_from_file, part_from_origin
from bench.runner.verify.parting import Compared
from bench.runner.verify.runner import Runner

OLDEST = 13  # per-channel quantisation and most of today's operators begin there


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
    _made(context, opsets)
    missing = [opset for opset in opsets if opset not in context.exports and opset not in context.refused]
    for opset in missing if len(opsets) > 1 else []:
        _made(context, [opset])


def _made(context: Context, opsets: list[int]) -> None:
    folder = Path(tempfile.mkdtemp(dir=context.scratch, prefix="opsets-"))
    try:
        refused = _job(context)(opsets, folder)
    except Failure as failure:
        if len(opsets) == 1:
            context.refused[opsets[0]] = f"{failure.status}: {failure.reason}"
        return
    context.refused |= {int(opset): why for opset, why in refused.items()}
    context.exports |= {opset: folder / f"{opset}.onnx" for opset in opsets if str(opset) not in refused}


def _job(context: Context) -> Callable[[list[int], Path], dict[str, str]]:
    factory, shop = context.origin.factory, context.shop

    def exported(opsets: list[int], folder: Path) -> dict[str, str]:
        found: dict[str, str] = run_job(
            context.torch().python, shop.folder, "reexport", opsets=opsets, folder=str(folder),
            shapes=export_shapes(context), **(factory.arguments() if factory else {}),
        )  # fmt: skip
        return found

    def converted(opsets: list[int], folder: Path) -> dict[str, str]:
        model = str(context.verified.subject.onnx)
        found: dict[str, str] = shop.job("opsets", model=model, opsets=opsets, folder=str(folder))
        return found

    return exported if factory else converted


def opsets(context: Context, wanted: list[int], export_differs: bool) -> Iterator[Check]:
    """Every opset but the file's own, on ORT's CPU provider. The node is looked for at the first that differs."""
    parted = export_differs
    names = context.origin.runner.names if context.origin.factory else {}
    for opset in wanted:
        if opset == context.outline.opset:
            continue
        if opset not in context.exports:
            yield Check("opset", str(opset), Verdict.NOT_CONVERTED, context.refused.get(opset, ""))
            continue
        context.say(f"opset {opset}")
        runner = replace(context.stored.of(context.exports[opset]), names=names)
        found = attempt(runner, context.sets)
        check = judge("opset", str(opset), context.expected[: len(context.sets)], found, context.bound)
        if check.verdict == Verdict.DIFFERS and not parted:
            parted = True
            check = told(check, _parting(context, runner, check).told())
        discard(found)
        yield check


def _parting(context: Context, runner: Runner, check: Check) -> Compared:
    inputs = set_of(check, context.sets)
    try:
        file = outline(context.shop, Path(runner.workload.model))
    except Failure as failure:
        return Compared(0, problem=f"the file at this opset cannot be read again: {failure.reason}")
    if context.origin.factory:
        return part_from_origin(context, file, runner, inputs)
    return part_from_file(context, file, runner, inputs, context.stored)
