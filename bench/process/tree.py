"""Suspend, resume and kill a process with everything it started, on every system."""

import contextlib
import os
import signal
import sys

import psutil


def suspend(pid: int) -> None:
    """Stop the process group `pid` leads (POSIX), or the process tree of `pid` (Windows).

    On Linux `pid`, a child of this process, has stopped with all its threads (or ended) when this returns: on a busy
    machine that can take milliseconds, which would be some of the next worker's.
    """
    _signal_tree(pid, "SIGSTOP", "suspend")
    if sys.platform == "linux":
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)


def resume(pid: int) -> None:
    """Let a suspended tree go on."""
    _signal_tree(pid, "SIGCONT", "resume")


def kill(pid: int) -> None:
    """Kill the tree of `pid`, stopped processes and those that left its group included."""
    descendants: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        descendants = psutil.Process(pid).children(recursive=True)
    _signal_tree(pid, "SIGKILL", "kill")
    for process in descendants:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _signal_tree(pid: int, name: str, method: str) -> None:
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended (macOS says EPERM of a zombie)
            os.killpg(pid, getattr(signal, name))
        return
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in (*process.children(recursive=True), process):
            with contextlib.suppress(psutil.Error):
                getattr(each, method)()
