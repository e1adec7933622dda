"""The worker's own folder: what it may import of ours, named after its content."""

import hashlib
import os
import shutil
import tempfile
from importlib import resources
from pathlib import Path

PARTS = ("contract", "worker")


def worker_folder(cache: Path) -> Path:
    """Return a folder under `cache` that holds bench/__init__.py, bench/contract and bench/worker, and nothing else.

    Its name is a hash of what is in it, so that a change of ours never mixes with what a running sweep uses.
    """
    source = Path(str(resources.files("bench")))
    files = [source / "__init__.py", *sorted(file for part in PARTS for file in (source / part).rglob("*.py"))]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(source).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    folder = cache / "worker" / digest.hexdigest()[:16]
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=folder.parent, prefix="building-"))
    for file in files:
        place = building / "bench" / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    try:
        os.rename(building, folder)  # noqa: PTH104
    except OSError:  # another run was first: the content is the same
        shutil.rmtree(building)
    return folder
