"""Folders of the cache that are either finished or not there, whoever is killed and however many build at once."""

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from bench.errors import BenchError, EnvironmentFailed

REASONS = {
    errno.ENOSPC: ("the disk is full", "Free some space"),
    getattr(errno, "EDQUOT", -1): ("your disk quota is used up", "Free some space"),
    errno.EROFS: ("the file system is read-only", "Make it writable"),
    errno.EACCES: ("it may not be written to", "Give yourself the right to write there"),
    errno.EPERM: ("it may not be written to", "Give yourself the right to write there"),
    errno.ENOTDIR: ("a file stands where a folder is needed", "Move that file away"),
    errno.EEXIST: ("a file stands where a folder is needed", "Move that file away"),
}


def cache_root() -> Path:
    """Return the folder everything is cached under: $ORTBENCH_CACHE, or the platform's own cache folder."""
    chosen = os.environ.get("ORTBENCH_CACHE")
    return Path(chosen).expanduser().absolute() if chosen else user_cache_path("ortbench", appauthor=False)


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn an operating system's refusal to write under `folder` into an `EnvironmentFailed` with the next step."""
    try:
        yield
    except OSError as error:
        if error.errno not in REASONS:
            raise
        why, remedy = REASONS[error.errno]
        raise EnvironmentFailed(
            f"Nothing could be written to {error.filename or folder}: {why}.",
            f"{remedy}, or set the environment variable ORTBENCH_CACHE to a folder on a disk with room.",
        ) from error


def finished_folder(
    folder: Path,
    make: Callable[[Path], None],
    usable: Callable[[Path], bool],
    on_wait: Callable[[], None] | None = None,
) -> bool:
    """Have `folder` in place and usable; return whether it had to be made.

    `make` fills an empty sibling folder, which is renamed into place once it returns: a folder of this name is always
    complete. One process makes it, under a lock that the system releases if that process dies; the others wait, and
    `on_wait` is called if this one has to. What an interrupted build left behind is removed by the next one.
    Raises EnvironmentFailed where the disk refuses, and whatever `make` raises, leaving nothing behind.
    """
    if usable(folder):
        return False
    with disk_errors(folder), locked(folder, on_wait):
        if usable(folder):
            return False
        for left in folder.parent.glob(f"{folder.name}.tmp-*"):
            shutil.rmtree(left, ignore_errors=True)
        remove(folder)
        scratch = _beside(folder)
        try:
            scratch.mkdir()
            make(scratch)
            scratch.rename(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return True


@contextmanager
def locked(folder: Path, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the one lock on `folder`, kept in a file beside it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if on_wait:
            on_wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def remove(folder: Path) -> None:
    """Remove a finished folder. It is renamed first, so that a removal cut short leaves nothing that looks finished."""
    if not folder.exists():
        return
    gone = _beside(folder)
    try:
        folder.rename(gone)
    except PermissionError as error:
        raise BenchError(
            f"{folder} could not be removed: {error.strerror}.", "End the program that uses it and try again."
        ) from error
    shutil.rmtree(gone, ignore_errors=True)


def _beside(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.tmp-{uuid.uuid4().hex[:12]}")
