"""Take files out of archives other people made: one member, or all of them, never outside the folder given."""

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import IO

from bench.errors import EnvironmentFailed

MAX_BYTES = 8 * 1024**3  # of one file, and of an archive's contents together
MAX_MEMBERS = 10_000
CHUNK = 1024 * 1024
BROKEN = (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError, zlib.error)
AGAIN = "The download was cut short: run the command again."


def take_member(archive: Path, member: str, target: Path) -> None:
    """Write one regular file of a wheel, zip or tar archive to `target`.

    Raises EnvironmentFailed where the archive is broken, or lacks the member (naming those with near names), or where
    the member is larger than 8 GiB or no regular file.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                if member not in opened.namelist():
                    raise _missing(archive, member, opened.namelist())
                with opened.open(member) as stream, target.open("xb") as out:
                    copy_limited(stream, out, f"`{member}` in {archive.name}")
        else:
            with tarfile.open(archive) as tar:
                if member not in tar.getnames():
                    raise _missing(archive, member, tar.getnames())
                found = tar.extractfile(member) if tar.getmember(member).isreg() else None
                if found is None:
                    raise EnvironmentFailed(
                        f"`{member}` in {archive.name} is not a regular file.", "Name the file it stands for."
                    )
                with found, target.open("xb") as out:
                    copy_limited(found, out, f"`{member}` in {archive.name}")
    except BROKEN as error:
        raise EnvironmentFailed(f"{archive.name} cannot be read as an archive: {error}.", AGAIN) from error


def unpack_zip(archive: Path, folder: Path) -> None:
    """Write every file of a zip under `folder`.

    Raises EnvironmentFailed for a path that leads outside, a link, encryption, more than 10,000 members or 8 GiB.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            if len(members) > MAX_MEMBERS:
                raise _refused(archive, f"it holds {len(members):,} files, more than {MAX_MEMBERS:,}")
            left = MAX_BYTES
            for info in members:
                target = _inside(archive, info, folder)
                if info.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(info) as stream, target.open("xb") as out:
                    left -= copy_limited(stream, out, archive.name, left)
    except BROKEN as error:
        raise EnvironmentFailed(f"{archive.name} cannot be unpacked: {error}.", AGAIN) from error


def copy_limited(stream: IO[bytes], out: IO[bytes], what: str, limit: int = MAX_BYTES) -> int:
    """Copy a stream and return its bytes; raises EnvironmentFailed past `limit`, whatever its header promised."""
    total = 0
    while chunk := stream.read(CHUNK):
        total += len(chunk)
        if total > limit:
            raise EnvironmentFailed(
                f"{what} is larger than the {MAX_BYTES // 1024**3} GiB that ortbench takes from others.",
                "Get the file yourself and name it as `path:` in the suite.",
            )
        out.write(chunk)
    return total


def _inside(archive: Path, info: zipfile.ZipInfo, folder: Path) -> Path:
    path = PurePosixPath(info.filename)
    # Windows reads a backslash as a separator and a colon as a drive or a stream: neither belongs in a model's files.
    if path.is_absolute() or ".." in path.parts or "\\" in info.filename or ":" in info.filename:
        raise _refused(archive, f"its file `{info.filename}` would land outside the folder")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise _refused(archive, f"its file `{info.filename}` is a link")
    if info.flag_bits & 1:
        raise _refused(archive, f"its file `{info.filename}` is encrypted")
    return folder.joinpath(*path.parts)


def _refused(archive: Path, why: str) -> EnvironmentFailed:
    return EnvironmentFailed(f"{archive.name} is not unpacked: {why}.", "Unpack it yourself, and see what it holds.")


def _missing(archive: Path, member: str, names: Iterable[str]) -> EnvironmentFailed:
    own = PurePosixPath(member)
    files = [name for name in names if not name.endswith("/")]
    near = [name for name in files if PurePosixPath(name).name == own.name]
    near += [name for name in get_close_matches(member, files, n=3, cutoff=0.5) if name not in near]
    near = near or [name for name in files if PurePosixPath(name).suffix == own.suffix]
    told = f"Files with near names: {', '.join(near[:3])}." if near else f"It holds {len(files)} files, none like it."
    return EnvironmentFailed(f"{archive.name} holds no file `{member}`.", told)
