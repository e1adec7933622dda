"""What the system holds of files in memory: read them in, have it forget them, and see whether it did."""

import ctypes
import mmap
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

GONE = 0.05  # of the pages, that may be left where a file counts as dropped: folios go whole or not at all
SIBLINGS = 1000  # files beside a model that are looked at, at most
CAN_DROP = hasattr(os, "posix_fadvise") and sys.platform == "linux"  # elsewhere nothing tells whether it went
NO_DROP = "this system has no way to drop a file from the page cache without privileges: use page_cache: warm"


@cache
def files_of(model: str) -> tuple[Path, ...]:
    """Return the files a model is read from: itself, and the external data beside it; all of them, of a folder.

    A file beside an ONNX file holds data of it where its name stands in there (`model.onnx.data`, `weights.bin`), as
    every tensor kept elsewhere names its file.
    """
    if not model:  # made by a factory, from code alone
        return ()
    path = Path(model)
    if path.is_dir():
        return tuple(sorted(file for file in path.rglob("*") if file.is_file()))
    if path.stat().st_size == 0:
        return (path,)
    beside = sorted(file for file in path.parent.iterdir() if file.is_file() and file != path)[:SIBLINGS]
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return (path, *(file for file in beside if data.find(os.fsencode(file.name)) >= 0))


def read_in(files: Iterable[Path]) -> None:
    """Read files whole, so that the system holds them."""
    for file in files:
        with file.open("rb") as opened:
            while opened.read(1 << 22):
                pass


def drop(files: Sequence[Path]) -> float:
    """Ask the system to forget files, and return what share of their pages it still holds.

    Pages that are not on the disk yet, or that some process has mapped, stay; so does all of a file in memory (tmpfs).
    """
    for file in files:
        with file.open("rb") as opened:
            os.fsync(opened.fileno())  # what is not written yet cannot be forgotten
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return resident(files)


def drop_copies(files: Sequence[Path], folder: Path) -> tuple[Path, float]:
    """Copy files into `folder`, which nobody else has open, and drop these; returns the first one's copy, and the share
    of their pages that is still held. Copies that are there already are used again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copies = [folder / file.name for file in files]
    for file, copy in zip(files, copies, strict=True):
        if not copy.exists():
            shutil.copy2(file, copy)  # its times too: a compile cache may go by them
    return copies[0], drop(copies)


def resident(files: Iterable[Path]) -> float:
    """Return the share of the files' pages, 0 to 1, that are in memory, by mincore(2); 1 where it cannot be told.

    Linux tells only of files that the caller may write (since 5.2), and calls those of others resident.
    """
    held = total = 0
    for file in files:
        size = file.stat().st_size
        if size == 0:
            continue
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY) as view:
            pages = -(-size // mmap.PAGESIZE)
            told = (ctypes.c_ubyte * pages)()
            first = ctypes.c_char.from_buffer(view)
            failed = ctypes.CDLL(None).mincore(
                ctypes.c_void_p(ctypes.addressof(first)), ctypes.c_size_t(size), ctypes.byref(told)
            )
            del first  # or the mapping cannot be closed
            held += pages if failed else sum(page & 1 for page in bytes(told))
            total += pages
    return held / total if total else 0.0
