"""Answer requests one after another. What goes wrong travels back as a typed failure, never as a dead pipe."""

import os
import platform
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any, BinaryIO

from bench.contract.status import Failure, Status
from bench.contract.wire import PROTOCOL, read_message, write_message

JOBS = {  # requests of jobs; a trial's are the methods of trial.Trial
    "inspect": "bench.worker.jobs.inspect_model",
    "prepare": "bench.worker.jobs.prepare",
    "convert": "bench.worker.jobs.convert",
    "validate": "bench.worker.jobs.validate",
    "reference": "bench.worker.jobs.reference",
    "real_inputs": "bench.worker.jobs.real_inputs",
    "export": "bench.worker.jobs.export",
    "stack": "bench.worker.jobs.stack",
    "translate": "bench.worker.jobs.translate",
    "fix_shapes": "bench.worker.jobs.fix_shapes",
    "outline": "bench.worker.jobs.outline",
    "cut": "bench.worker.jobs.cut",
    "opsets": "bench.worker.jobs.opsets",
    "weights": "bench.worker.jobs.weights",
    "examples": "bench.worker.jobs.examples",
    "record": "bench.worker.jobs.record",
}
MEMORY_WORDS = ("bad_alloc", "bad allocation", "out of memory", "failed to allocate memory", "cannot allocate memory")
TRIAL = "bench.worker.trial"


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Greet, then answer until the pipe closes or `close` is asked for."""
    write_message(replies, {"ok": {"protocol": PROTOCOL, "pid": os.getpid(), "python": platform.python_version()}})
    trial: Any = None
    while (request := read_message(requests)) is not None:
        op = request.pop("op")
        if op in JOBS:
            answer = _attempt(lambda: import_module(JOBS[op]).run(**request))  # noqa: B023
        elif trial is None:
            trial = import_module(TRIAL).Trial()
            answer = _attempt(lambda: trial.answer(op, request))  # noqa: B023
        else:
            answer = _attempt(lambda: trial.answer(op, request))  # noqa: B023
        write_message(replies, answer)
        if op == "close":
            return


def _attempt(work: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"ok": work()}
    except Failure as failure:
        return {"failed": failure.status, "reason": failure.reason}
    except MemoryError as error:
        return {"failed": Status.OUT_OF_MEMORY, "reason": f"MemoryError: {error}"}
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        text = f"{type(error).__name__}: {error}".strip()
        status = Status.OUT_OF_MEMORY if any(word in text.lower() for word in MEMORY_WORDS) else Status.ERROR
        return {"failed": status, "reason": text[:2000]}
