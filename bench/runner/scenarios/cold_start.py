"""Start-up alone: a fresh process a trial, from its start to its first output, with caches as declared."""

import os
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

from bench.runner.scenarios.how import How
from bench.runner.trial import Trial


def ready(trial: Trial, scratch: Path) -> None:
    """Bring caches into the declared state, before the process starts."""
    scenario = trial.lane.scenario
    if scenario.cache == "empty":
        trial.workload = replace(trial.workload, cache_dir=mkdtemp(dir=scratch, prefix="cache-"))
    model = Path(trial.workload.model)
    if scenario.page_cache == "dropped":
        trial.row["page_cache"] = "dropped" if drop(model) else "warm"
    else:
        model.read_bytes()
        trial.row["page_cache"] = "warm"


def drive(trials: list[Trial], how: How) -> None:
    """Nothing follows the first inference."""


def drop(file: Path) -> bool:
    """Ask the system to forget what it holds of a file, and tell whether it did."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True
