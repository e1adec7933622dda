"""Run another program to its end, hearing its lines as they come; it ends with us, however we end."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# Linux: the kernel kills it when we die (PR_SET_PDEATHSIG, 1), which a program keeps through exec. What is killed
# half-way on macOS ends by itself, and only ever writes to a temporary folder that the next build removes.
UNTIL_PARENT_ENDS = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); "
    "os.getppid() == int(sys.argv[1]) or os._exit(1); os.execv(sys.argv[2], sys.argv[2:])"
)


def run_command(
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> tuple[int, list[str]]:
    """Run `command` (its first item an absolute path) in `folder`; return its exit code and the lines it wrote.

    Standard output and error are heard together. Leaving early, as on Ctrl-C, ends the program first.
    """
    if sys.platform == "linux":
        command = [sys.executable, "-I", "-S", "-c", UNTIL_PARENT_ENDS, str(os.getpid()), *command]
    said: list[str] = []
    with subprocess.Popen(
        command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            if sys.platform == "win32":
                from bench.process.windows_job import adopt

                with contextlib.suppress(OSError):  # it ended at once
                    adopt(process)
            assert process.stdout is not None
            for raw in process.stdout:
                said.append(raw.decode("utf-8", errors="replace").rstrip())
                if on_line:
                    on_line(said[-1])
            return process.wait(), said
        finally:
            process.kill()
