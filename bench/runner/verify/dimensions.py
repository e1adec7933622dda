"""The sizes of open dimensions, one dimension at a time, the others as they are."""

from collections.abc import Iterator
from typing import Any

from bench.contract.status import Failure
from bench.runner.verify.context import Context
from bench.runner.verify.findings import Check, Parting, Verdict
from bench.runner.verify.judging import ENDED, discard, judge, told, why
from bench.runner.verify.named import part_from_origin
from bench.runner.verify.parting import bisect
from bench.runner.verify.runner import InputSet


def dimensions(context: Context, export_differs: bool) -> Iterator[Check]:
    """Every open dimension at several sizes, on ORT's CPU provider.

    Without another origin the file as stored is compared with itself optimised, and what counts is that it runs.
    """
    parted = export_differs
    for dimension, tried in context.verified.tried.items():
        sizes = [size for size in tried if size != context.verified.sizes[dimension]]
        if not sizes:
            continue
        context.say(f"{dimension} at {', '.join(map(str, sizes))}")
        groups = [context.sets_at(dimension, size) for size in sizes]
        ours = context.optimised if context.origin.itself else context.stored
        expected, found = list(context.origin.runner.each(groups)), list(ours.each(groups))
        certain = dimension == context.verified.subject.batch and context.verified.batch_alone
        for size, group, theirs, own in zip(sizes, groups, expected, found, strict=True):
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
