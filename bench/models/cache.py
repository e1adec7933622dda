"""Folders of the cache that are made once: conversions, references, exports, unpacked archives."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from bench.environments import cache_root, finished_folder

MARKER = "ortbench-finished.json"


def stored(key: str, make: Callable[[Path], None]) -> Path:
    """Return the folder `key` of the cache's variants, made by `make(folder)` where it is missing or damaged.

    Made once however many ask at once, put in place only when `make` has returned, and checked on later use: every file
    must be there with the size it had. What `make` raises is passed on, leaving nothing behind.
    """
    folder = cache_root() / "variants" / key

    def fill(scratch: Path) -> None:
        make(scratch)
        (scratch / MARKER).write_text(json.dumps(_sizes(scratch)), "utf-8")

    finished_folder(folder, fill, usable=_unchanged)
    return folder


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _unchanged(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / MARKER).read_text("utf-8")) == _sizes(folder))
    except (OSError, ValueError):
        return False


def _sizes(folder: Path) -> dict[str, int]:
    files = (entry for entry in folder.rglob("*") if entry.is_file() and entry != folder / MARKER)
    return {entry.relative_to(folder).as_posix(): entry.stat().st_size for entry in files}
