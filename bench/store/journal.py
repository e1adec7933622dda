"""Each trial, durably, as it ends: one line with a checksum, so that a killed run loses no finished trial.

A line is the CRC-32 of its text in eight hexadecimal digits, a space, the text (JSON), and a newline. The first line
holds the header; every other one holds a row of `bench.store.columns`.
"""

import json
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from bench.errors import BenchError, UsageError
from bench.store.columns import SCHEMA_VERSION
from bench.store.durable import cannot_write, replacing
from bench.store.table import to_table

Header = dict[str, Any]


class Journal:
    """A run under way, held by one process at a time. Use it as a context manager, or `close` it."""

    def __init__(self, path: Path, header: Header, file: BinaryIO, end: int, lock: FileLock) -> None:
        """Use `create` or `open`."""
        self.path = path
        self.header = header
        self._file = file
        self._end = end
        self._lock = lock

    @classmethod
    def create(cls, path: Path, header: Header) -> "Journal":
        """Start a journal. Raises UsageError where there is one already, BenchError where the disk refuses."""
        path = Path(path)
        lock = _locked(path)
        try:
            if path.exists():
                raise UsageError(
                    f"{path} is the journal of another run.", f"Finish that with `ortbench resume {path}`."
                )
            line = _line({"journal": 1, "schema_version": SCHEMA_VERSION, "header": header})
            with replacing(path) as file:  # so that there is never a journal without its header
                file.write(line)
            return cls(path, header, _appending(path), len(line), lock)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open(cls, path: Path) -> "Journal":
        """Go on with a journal. A last line that was cut off or damaged by a crash is removed.

        Raises UsageError where it is not a journal, is of another version, or another process writes it; BenchError,
        naming the line, where one before the last is damaged.
        """
        path = Path(path)
        if not path.is_file():
            raise UsageError(
                f"There is no journal at {path}.", "A finished run has none: `ortbench show` reads its .parquet."
            )
        lock = _locked(path)
        try:
            header, end = _examine(path)
            file = _appending(path)
            file.truncate(end)
            return cls(path, header, file, end, lock)
        except BaseException:
            lock.release()
            raise

    def append(self, row: dict[str, Any]) -> None:
        """Add one trial; when this returns, it is on the disk.

        Raises BenchError where the disk refuses; the journal is then as it was before, and sound.
        """
        to_table([row])  # a row that the finished run could not hold is found now, not after hours
        line, before = _line(row), self._end
        try:
            self._file.truncate(before)  # an append that was interrupted may have left a part of a line
            self._file.seek(before)
            left = memoryview(line)
            while left:
                left = left[self._file.write(left) :]
            self._end = before + len(line)
            os.fsync(self._file.fileno())
        except OSError as error:
            self._end = before
            with suppress(OSError):  # where even that fails, the next append or `open` does it
                self._file.truncate(before)
            raise cannot_write(self.path, error) from error

    def rows(self) -> list[dict[str, Any]]:
        """Return the trials so far, in the order they were appended."""
        with self.path.open("rb") as file:
            file.readline()
            return [json.loads(line[9:]) for line in _until(file, self._end)]

    def close(self) -> None:
        """Let another process go on with it."""
        self._file.close()
        self._lock.release()

    def discard(self) -> None:
        """Remove the journal, once its run has been written."""
        self._file.close()
        self.path.unlink()
        self._lock.release()
        _lock_path(self.path).unlink(missing_ok=True)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_journal(path: Path) -> bool:
    """Tell whether a file begins as a journal does."""
    with path.open("rb") as file:
        return file.read(32)[9:].startswith(b'{"journal":')


def _line(content: dict[str, Any]) -> bytes:
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _sound(line: bytes) -> bool:
    return line.endswith(b"\n") and line[:9] == b"%08x " % zlib.crc32(line[9:-1])


def _examine(path: Path) -> tuple[Header, int]:
    """Return the header, and where the last sound line ends."""
    damaged, end = 0, 0
    with path.open("rb") as file:
        first = file.readline()
        if not _sound(first) or not is_journal(path):
            raise UsageError(
                f"{path} is not a journal of ortbench.", "Give the .journal file that `ortbench run` left behind."
            )
        start = json.loads(first[9:])
        if start["schema_version"] != SCHEMA_VERSION:
            raise UsageError(
                f"{path} has schema version {start['schema_version']}; this ortbench writes version {SCHEMA_VERSION}.",
                "Resume it with the ortbench that began it, or measure again.",
            )
        end = len(first)
        for number, line in enumerate(file, 2):
            if damaged:
                raise BenchError(
                    f"{path}, line {damaged}: the trial there is damaged, and others follow it.",
                    "Restore the journal from a backup, or delete that line and all after it; then resume.",
                )
            if _sound(line):
                end += len(line)
            else:
                damaged = number
    return start["header"], end


def _until(file: BinaryIO, end: int) -> Iterator[bytes]:
    while file.tell() < end:
        yield file.readline()


def _appending(path: Path) -> BinaryIO:
    try:
        return path.open("r+b", buffering=0)  # unbuffered: a full disk shows at once
    except OSError as error:
        raise cannot_write(path, error) from error


def _lock_path(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _locked(path: Path) -> FileLock:
    lock = FileLock(_lock_path(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(
            f"Another process is writing {path}.", "Wait until it has ended, or end it, then try again."
        ) from error
    except OSError as error:
        raise cannot_write(path, error) from error
    return lock
