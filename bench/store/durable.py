"""Writing so that a crash leaves either the old file or the new one, never half of one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bench.errors import BenchError


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write that takes the place of `path` once the block ends well, and is gone otherwise.

    Raises BenchError where the system refuses: a full or read-only disk, a missing folder.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            if not file.closed:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        if temporary.exists():
            temporary.unlink()


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable. Windows has no such call, and its renames do not need one."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def cannot_write(path: Path, error: OSError) -> BenchError:
    return BenchError(
        f"{path} could not be written: {error.strerror or error}.",
        "Free some space or choose a folder that can be written, then run `ortbench resume` on the run's journal.",
    )
