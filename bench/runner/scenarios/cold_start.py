"""Start-up alone: a fresh process a trial, from its start to its first output, with caches as declared."""

import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from bench.catalog import Scenario, Target
from bench.contract.status import Failure, Status
from bench.runner.scenarios import page_cache
from bench.runner.scenarios.how import How
from bench.runner.trial import Trial

Kept = dict[str, tuple[int, int]]  # file -> (bytes, when it was changed, ns)
EP_CONTEXT = "ep_context"  # a file that ONNX Runtime writes, holding what a provider compiled
TRACE = 1024  # bytes: locks and marks that a cache touches at every use are smaller


def refuse(scenario: Scenario, target: Target, kind: str) -> None:
    """Raise Failure (unsupported) where a target or this system cannot be brought into the declared state."""
    if scenario.cache != "none" and not kind:
        reason = f"{target.label} keeps nothing of compiling, so there is no cache to be {scenario.cache}"
        raise Failure(Status.UNSUPPORTED, f"{reason}: use cache: none")
    if scenario.page_cache == "dropped" and not page_cache.CAN_DROP:
        raise Failure(Status.UNSUPPORTED, page_cache.NO_DROP)


def cache_of(target: Target) -> str:
    """Return what a target can keep of compiling; "" where that is nothing."""
    return EP_CONTEXT if str(target.session.get("ep.context_enable", "0")) in ("1", "True") else target.cache


def ready(trial: Trial, scratch: Path) -> None:
    """Bring caches into the declared state, before the process starts."""
    folder = Path(trial.workload.cache_dir or scratch)
    if trial.lane.scenario.cache == "empty":
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    try:
        _set_page_cache(trial, folder, scratch)
    except OSError as error:
        trial.note(f"the model's files could not be read beforehand: {error.strerror or error}")
    trial.beforehand = kept_in(folder)


def drive(trials: list[Trial], how: How) -> None:
    """Nothing follows the first inference; the row says what became of the compile cache."""
    for trial in trials:
        if not trial.ended and trial.workload.cache:
            after = kept_in(Path(trial.workload.cache_dir or ""))
            _tell_cache(trial, trial.beforehand, after)


def kept_in(folder: Path) -> Kept:
    """Return what a cache folder holds, but for locks and marks."""
    files = ((file, file.stat()) for file in folder.rglob("*") if file.is_file())
    return {str(file): (stat.st_size, stat.st_mtime_ns) for file, stat in files if stat.st_size > TRACE}


def _set_page_cache(trial: Trial, folder: Path, scratch: Path) -> None:
    files = page_cache.files_of(trial.workload.model)
    dropped = trial.lane.scenario.page_cache == "dropped"
    if not files:
        if dropped:
            trial.note("the model is made from code: there is no file of it to be dropped from the page cache")
        return
    compiled = tuple(Path(file) for file in kept_in(folder)) if trial.workload.cache else ()
    if not dropped:
        page_cache.read_in((*files, *compiled))
        trial.row["page_cache"] = "warm"
        return
    left = page_cache.drop((*files, *compiled))
    if left > page_cache.GONE and Path(trial.workload.model) in files:
        # Somebody has it mapped - often the worker before this one, which waits for the end of the round.
        name = sha256(trial.lane.cell.id.encode()).hexdigest()[:16]
        copy, left = page_cache.drop_copies(files, scratch / "dropped" / name)
        trial.workload = replace(trial.workload, model=str(copy))
    trial.row["page_cache"] = "dropped" if left <= page_cache.GONE else "warm"
    if left > page_cache.GONE:
        trial.note(f"{left:.0%} of the model's files stayed in the page cache: they were not read from the disk")


def _tell_cache(trial: Trial, before: Kept, after: Kept) -> None:
    if not after:
        trial.row["cache"] = "none"
        trial.note(f"{trial.lane.target.label} left nothing in its cache folder")
    elif before and after != before:
        trial.row["cache"] = "refilled"
        trial.note("the cache filled beforehand was not used: it was filled again")
