"""The export, what is inside of it, every target and every size. Each yields rows as they become known."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from bench.contract.status import Failure, Status
from bench.runner.verify.context import Context
from bench.runner.verify.findings import ENDED, Check, Parting, Verdict, why
from bench.runner.verify.judging import discard, judge, set_of, told
from bench.runner.verify.named import drifted, part_from_origin, tensors
from bench.runner.verify.parting import bisect
from bench.runner.verify.runner import InputSet, Place


def export(context: Context, inside: bool) -> Iterator[Check]:
    """The file as stored against another origin: what the export itself did; its outputs, then the values in between.

    Outputs can hide a fault: a softmax evens out a wrong approximation. The values in between are compared too, where
    their names mean the same in both.
    """
    if context.origin.itself:
        return
    state = context.verified.subject.description.state
    found = context.stored.attempt(context.sets, state)
    check = judge("export", "as stored", context.expected, found, context.bound)
    if check.verdict == Verdict.CANNOT_RUN and isinstance(found, Failure) and found.status != Status.UNSUPPORTED:
        check = replace(check, verdict=Verdict.DIFFERS, reason=f"it does not run where the origin does: {check.reason}")
    elif check.verdict == Verdict.DIFFERS:
        inputs = set_of(check, context.sets)
        check = told(check, part_from_origin(context, context.outline, context.stored, inputs).told())
        if check.parting and (doubt := drifted(context)):
            check = told(check, f"doubt the node: {doubt}")
    discard(found)
    yield check
    if inside and check.verdict == Verdict.AGREES:
        yield _values(context)


def _values(context: Context) -> Check:
    if doubt := drifted(context):
        return Check("values", "by name", Verdict.CANNOT_RUN, doubt)
    found = part_from_origin(context, context.outline, context.stored, context.sets[0])
    if found.parting:
        return Check("values", "by name", Verdict.DIFFERS, max_abs=found.parting.max_abs, parting=found.parting)
    if found.problem:
        return Check("values", "by name", Verdict.CANNOT_RUN, found.problem)
    return Check(
        "values", "by name", Verdict.AGREES, f"{found.values} of {len(context.outline.values())} values have a namesake"
    )


def weights(context: Context) -> Iterator[Check]:
    """Weights by name: the smallest change of one is seen here, however little the outputs show of it."""
    origin = context.origin
    if origin.itself:
        return
    export = context.exports.get(context.outline.opset or 0)
    if (export or origin.file) and (doubt := drifted(context)):
        yield Check("weights", "by name", Verdict.CANNOT_RUN, doubt)
        return
    files: dict[str, Any] = {"origin": str(origin.file or ""), "tensors": {}, "export": ""}
    try:
        if origin.factory:
            files["tensors"] = tensors(context)
            files["export"] = str(export or "")
        found = context.shop.job(
            "weights",
            model=str(context.verified.subject.onnx),
            rtol=context.bound.rtol,
            atol=context.bound.atol,
            **files,
        )
    except Failure as failure:
        yield Check("weights", "by name", Verdict.CANNOT_RUN, failure.reason)
        return
    matched = f"{found['matched']} of {found['weights']} weights have a namesake"
    if not found["matched"]:
        yield Check("weights", "by name", Verdict.CANNOT_RUN, f"{matched}: there is nothing to compare")
        return
    differing = found["differing"]
    if origin.factory and not export:
        known = [each for each in differing if not FOLDS & {reader["op"] for reader in each["readers"]}]
        if len(known) < len(differing):
            said = f"{len(differing) - len(known)} weights may have a layer folded into them, and the origin cannot be "
            yield Check("weights", "by name", Verdict.CANNOT_RUN, said + "exported here to tell")
        differing = known
    for each in differing:
        reader = next(iter(each["readers"]), None)
        read = f", read by {reader['name']} ({reader['op']})" if reader else ""
        reason = f"{each['elements']} of {each['of']} elements differ{read}"
        share = each["max_abs"] / each["largest"] if each["max_abs"] and each["largest"] else None
        yield Check("weights", each["name"], Verdict.DIFFERS, reason, each["max_abs"], share)
    if not found["differing"]:
        yield Check("weights", "by name", Verdict.AGREES, matched)


FOLDS = {"Conv", "ConvTranspose", "Gemm"}  # what torch.onnx.export folds a batch norm into


def targets(context: Context, places: list[Place], export_differs: bool, say: Callable[[str], None]) -> Iterator[Check]:
    """Every target against the origin; where only the target differs, the node is looked for in parts of the file."""
    state = context.verified.subject.description.state
    for place in places:
        say(f"target {place.label}")
        if place.runner is None:
            yield Check("target", place.target, Verdict.NOT_HERE, place.why)
            continue
        found = place.runner.attempt(context.sets, state)
        expected = place.joined(context.expected, context.scratch)
        check = judge("target", place.target, expected, found, context.bound)
        if check.verdict == Verdict.DIFFERS:
            check = _where(context, place, check, found, export_differs)
        discard(found)
        yield check


def _where(context: Context, place: Place, check: Check, found: Any, export_differs: bool) -> Check:
    state = context.verified.subject.description.state
    if export_differs:
        stored = context.stored.attempt(context.sets, state)
        if isinstance(stored, Failure):
            return check
        own = judge("target", place.target, place.joined(stored, context.scratch), found, context.bound)
        discard(stored)
        if own.verdict == Verdict.AGREES:
            return told(check, "as the file as stored does")
        check = replace(check, input_set=own.input_set)
    if place.runner is None or not place.cuttable:
        return told(check, "this target runs a form made for the whole file, so no node can be named")
    inputs = set_of(check, context.sets)
    return told(check, bisect(context.search, context.outline, context.stored, place.runner, inputs))


def sizes(context: Context, export_differs: bool) -> Iterator[Check]:
    """Every open dimension at several sizes, one at a time and the others as they are, on ORT's CPU provider.

    Without another origin the file as stored is compared with itself optimised, and what counts is that it runs.
    """
    parted = export_differs
    for dimension, tried in context.verified.tried.items():
        others = [size for size in tried if size != context.verified.sizes[dimension]]
        if not others:
            continue
        context.say(f"{dimension} at {', '.join(map(str, others))}")
        groups = [context.sets_at(dimension, size) for size in others]
        ours = context.optimised if context.origin.itself else context.stored
        expected, found = list(context.origin.runner.of_groups(groups)), list(ours.of_groups(groups))
        certain = dimension == context.verified.subject.batch and context.verified.batch_alone
        for size, group, theirs, own in zip(others, groups, expected, found, strict=True):
            check = judge_size(context, f"{dimension}={size}", theirs, own, certain)
            if check.verdict == Verdict.DIFFERS and check.input_set is not None and not parted:
                parted = True
                check = told(check, _parting(context, group[min(check.input_set, len(group) - 1)]))
            yield check
        for each in (*expected, *found):  # only now: those of several sizes may lie in one folder
            discard(each)


def judge_size(context: Context, name: str, theirs: Any, own: Any, certain: bool) -> Check:
    """`certain`: a failure is the file's fault even where no origin tells that this size can be run.

    A batch can have any size. Other dimensions may be too small for a model's windows, have to be a multiple of
    something, or equal to another that has a name of its own: only an origin that does run there shows otherwise.
    """
    if not isinstance(own, Failure) and not isinstance(theirs, Failure):
        return judge("size", name, theirs, own, context.bound)
    if not isinstance(own, Failure):
        return Check("size", name, Verdict.CANNOT_RUN, f"the origin cannot: {why(theirs)}")
    if own.status in ENDED:
        return Check("size", name, Verdict.CRASHED, why(own))
    if isinstance(theirs, Failure) and not (context.origin.itself and certain):
        beside = "; neither does the origin" if not context.origin.itself else "; whether it should, no origin tells"
        return Check("size", name, Verdict.CANNOT_RUN, why(own) + beside)
    return Check("size", name, Verdict.DIFFERS, f"it does not run: {why(own)}")


def _parting(context: Context, inputs: InputSet) -> Parting | str:
    if context.origin.itself:
        return bisect(context.search, context.outline, context.stored, context.optimised, inputs)
    return part_from_origin(context, context.outline, context.stored, inputs).told()
