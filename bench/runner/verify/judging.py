"""From outputs, or the lack of them, to a check."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bench.contract.status import Failure, Status
from bench.contract.words import telling
from bench.errors import BenchError, NothingMeasured, UsageError
from bench.runner.verify.closeness import Bound, compare
from bench.runner.verify.findings import Check, Parting, Verdict
from bench.runner.verify.runner import InputSet, OutputFiles, Runner

ENDED = {Status.CRASHED, Status.TIMEOUT, Status.OUT_OF_MEMORY}


def judge(
    kind: str, name: str, expected: Sequence[OutputFiles], found: Sequence[OutputFiles] | Failure, bound: Bound
) -> Check:
    """Return the check of one comparison. A failure to run is no difference: it says nothing of the model."""
    if isinstance(found, Failure):
        return Check(kind, name, Verdict.CRASHED if found.status in ENDED else Verdict.CANNOT_RUN, why(found))
    close = compare(expected, found, bound)
    return Check(
        kind,
        name,
        Verdict.AGREES if close.close else Verdict.DIFFERS,
        reason=close.problem,
        max_abs=close.max_abs,
        share=close.share,
        excess=close.excess,
        output=close.output,
        input_set=close.input_set,
    )


def why(failure: Failure) -> str:
    """Return the reason of a failure, without what only a runtime's makers read of it."""
    told = telling(failure.reason)
    return told if failure.status not in (Status.TIMEOUT, Status.OUT_OF_MEMORY) else f"{failure.status}: {told}"


def attempt(runner: Runner, sets: Sequence[InputSet], state: dict[str, str] | None = None) -> Any:
    """Return the outputs of a runner, or the failure."""
    try:
        return runner.outputs(sets, state)
    except Failure as failure:
        return failure


def refused(message: str, failure: Failure, hint: str = "") -> BenchError:
    """Return the error for a file or factory that could not be taken: what died of it says nothing of how it was given.

    That of its ending in a crash, for time or memory is NothingMeasured, any other UsageError.
    """
    kind = NothingMeasured if failure.status in ENDED else UsageError
    return kind(f"{message}: {why(failure)}", hint)


def discard(found: Any) -> None:
    """Delete outputs that were judged; of a failure there are none."""
    if not isinstance(found, Failure):
        for folder in {path.parent for each in found for path in each.values()}:
            shutil.rmtree(folder, ignore_errors=True)


def told(check: Check, parting: Parting | str) -> Check:
    """Return the check with the node, or with the reason why none can be named."""
    if isinstance(parting, Parting):
        return replace(check, parting=parting)
    return replace(check, reason="; ".join(filter(None, (check.reason, parting))))


def set_of(check: Check, sets: Sequence[InputSet]) -> InputSet:
    """Return the inputs that show a difference best.

    The sequence of a model with state comes after them and begins with the first of them.
    """
    return sets[check.input_set] if check.input_set is not None and check.input_set < len(sets) else sets[0]
