"""One request in a process of its own, with a time limit: conversions, references, inspections, probes."""

import tempfile
from pathlib import Path
from typing import Any

from bench.process.worker import Worker


def run_job(
    python: Path, folder: Path, op: str, /, *, limits_s: dict[str, float] | None = None, **arguments: Any
) -> Any:
    """Run `op` in a fresh worker of `python` and return its result.

    Raises Failure with the status and reason: what the job itself said, or crashed (with its last words), or timeout.
    """
    with (
        tempfile.TemporaryDirectory(prefix="ortbench-job-", ignore_cleanup_errors=True) as scratch,
        Worker(python, folder, Path(scratch) / "worker.log", limits_s) as worker,
    ):
        return worker.ask(op, **arguments)
