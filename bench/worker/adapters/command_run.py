"""Run a program to its end: what it writes goes to the worker's log as it comes, and is kept to be read."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

from bench.contract.status import Failure, Status
from bench.worker.lifeline import die_with

MOST_BYTES = 4_000_000  # kept of what a program writes: the last ones
WORDS = 600
DRAIN_S = 2.0  # for what is left in the pipe; a daemon that it started may hold that open for ever


def missing(program: str) -> bool:
    """Tell whether a program is neither among those of this environment, nor on PATH."""
    return _find(program) is None


def run(command: list[str], folder: Path) -> tuple[int, str]:
    """Return the exit code (below 0: the signal that ended it) and what it wrote, both streams together.

    No shell is between. It ends when this process does: on Linux by the kernel, on Windows with the parent's job.
    """
    found = _find(command[0])
    if found is None:
        raise Failure(Status.UNSUPPORTED, f"{command[0]} is not on PATH")
    tied: dict[str, Any] = {"preexec_fn": partial(die_with, os.getpid())} if sys.platform == "linux" else {}
    try:
        process = subprocess.Popen(
            [found, *command[1:]],
            cwd=folder,
            env=_environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **tied,
        )
    except OSError as error:
        raise Failure(Status.ERROR, f"{program_of(command[0])} could not be started: {error.strerror}") from error
    said = bytearray()
    reader = threading.Thread(target=_hear, args=(process, said), daemon=True)
    reader.start()
    code = process.wait()
    reader.join(DRAIN_S)
    return code, bytes(said).decode("utf-8", "replace")


def ending(code: int) -> str:
    """Return in words how a program ended."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name} (signal {-code})"
    except ValueError:
        return f"was ended by signal {-code}"


def last_words(said: str) -> str:
    """Return the end of what a program wrote, on one line, at most 600 characters."""
    return " ".join(said.split())[-WORDS:]


def program_of(command: str) -> str:
    """Return a program's name without its folder."""
    return Path(command).name


def _hear(process: "subprocess.Popen[bytes]", said: bytearray) -> None:
    pipe = process.stdout
    while pipe is not None and (chunk := os.read(pipe.fileno(), 65536)):
        os.write(2, chunk)
        said += chunk
        del said[:-MOST_BYTES]


def _find(program: str) -> str | None:
    return shutil.which(os.path.expanduser(program), path=_environ()["PATH"])  # noqa: PTH111


def _environ() -> dict[str, str]:
    """Return the variables it starts with: this environment's programs come first, and nothing bends its Python."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    own = str(Path(sys.executable).parent)
    return {**kept, "PATH": os.pathsep.join(filter(None, (own, kept.get("PATH", os.defpath))))}
