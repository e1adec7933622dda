"""One worker process, driven over its pipe. Every wait has a limit; every ending is typed."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import psutil

from bench.contract.phases import LIMITS_S, Phase
from bench.contract.status import Failure, Status
from bench.contract.wire import read_message, result_of, write_message
from bench.contract.words import telling
from bench.process import tree
from bench.process.evidence import last_words, oom_kills

BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); import bench.worker.__main__"
CLOSE_GRACE_S = 5.0


class Worker:
    """A worker started in an environment's interpreter, isolated (-I), from its own folder.

    `variables` are added to its environment. `spawn_ns` is the time from its start to
    its greeting. Use as a context manager: leaving it ends the process tree.
    """

    def __init__(
        self,
        python: Path,
        folder: Path,
        log: Path,
        limits_s: dict[str, float] | None = None,
        variables: dict[str, str] | None = None,
    ) -> None:
        self.limits_s: dict[str, float] = {**LIMITS_S, **(limits_s or {})}
        self.log = log
        self.suspended = False
        self.failure: Failure | None = None
        self._gone = False
        self._oom_before = oom_kills()
        self._replies: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        command = [str(python), "-I", "-X", "utf8", "-c", BOOT, str(folder), str(os.getpid())]
        start = perf_counter_ns()
        try:
            with log.open("wb") as words:
                self.process: subprocess.Popen[bytes] = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=words,
                    cwd=log.parent,
                    env={**os.environ, **(variables or {})},
                    **_group(),
                )
        except OSError as error:  # the environment was removed, say: a failure of this cell, not of the sweep
            raise Failure(Status.ERROR, f"{python} could not be started: {error.strerror or error}") from error
        try:
            if sys.platform == "win32":
                from bench.process.windows_job import adopt

                with contextlib.suppress(OSError):  # it ended at once
                    adopt(self.process)
            self._reader = threading.Thread(target=self._read, daemon=True)
            self._reader.start()
            self.greeting = self._wait(Phase.START)
        except BaseException:
            self._kill()
            raise
        self.spawn_ns = perf_counter_ns() - start

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def ask(self, op: str, **arguments: Any) -> Any:
        """Send a request and return its result. Raises Failure: the worker's own, or crashed, or timeout."""
        self.send(op, **arguments)
        return self._wait(Phase(op))

    def send(self, op: str, **arguments: Any) -> None:
        """Send a request; its answer is waited for by `ask`."""
        if self.failure:
            raise self.failure
        if self.process.stdin is None:
            raise Failure(Status.ERROR, "the worker has no pipe")
        try:
            write_message(self.process.stdin, {"op": op, **arguments})
        except OSError:  # it died: what it left behind is told by the wait
            self._ended(Phase(op))

    def suspend(self) -> None:
        """Stop the whole tree, thread pools that spin after a run included."""
        if not self.suspended and not self.failure:
            tree.suspend(self.process.pid)
            self.suspended = True

    def resume(self) -> None:
        if self.suspended:
            tree.resume(self.process.pid)
            self.suspended = False

    def resident_bytes(self) -> int | None:
        """Return the resident set now; the worker waits for a request meanwhile."""
        try:
            return int(psutil.Process(self.process.pid).memory_info().rss)
        except psutil.Error:
            return None

    def peak_bytes(self) -> int | None:
        """Return the high-water mark: the worker's own, or on Windows the peak working set."""
        own: int | None = self.ask("memory")["peak_rss_bytes"]
        if own is None:
            with contextlib.suppress(psutil.Error):
                own = getattr(psutil.Process(self.process.pid).memory_info(), "peak_wset", None)
        return own

    def end(self) -> None:
        """End the process and all it started: politely if it is idle, by force otherwise."""
        if self._gone:
            return
        self.resume()
        if self.failure is None and self.process.poll() is None:
            with contextlib.suppress(Failure):
                self.limits_s[Phase.CLOSE] = min(self.limits_s[Phase.CLOSE], CLOSE_GRACE_S)
                self.ask("close")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=CLOSE_GRACE_S)
        self._kill()

    def _read(self) -> None:
        pipe = self.process.stdout
        message: dict[str, Any] | None = None
        while pipe is not None:
            try:
                message = read_message(pipe)
            except (ValueError, OSError):  # a torn line: the process is dying, or something wrote to our pipe
                message = None
            self._replies.put(message)
            if message is None:
                return

    def _wait(self, phase: Phase) -> Any:
        limit = self.limits_s[phase]
        try:
            reply = self._replies.get(timeout=limit)
        except queue.Empty:
            self._kill()
            self.failure = Failure(Status.TIMEOUT, f"no answer within {limit:g} s of `{phase}`; the process was ended")
            raise self.failure from None
        except BaseException:  # Ctrl-C while waiting: nothing of ours stays behind
            self._kill()
            raise
        if reply is None:
            self._ended(phase)
        try:
            return result_of(reply or {})
        except Failure as failure:
            self.failure = self._completed(failure)
            raise self.failure from None

    def _completed(self, failure: Failure) -> Failure:
        """Return the failure; where its reason ends in a colon, with what the runtime wrote to its log for a reason."""
        if not failure.reason.endswith(":"):
            return failure
        return Failure(failure.status, f"{failure.reason} {telling(last_words(self.log)) or 'it did not say why'}")

    def _ended(self, phase: Phase) -> None:
        """Raise what is known of a process that has gone."""
        try:
            code = self.process.wait(timeout=CLOSE_GRACE_S)
        except subprocess.TimeoutExpired:
            code = None
        self._kill()
        words = last_words(self.log)
        told = f"; it last wrote: {words}" if words else ""
        if code == -9 and oom_kills() > self._oom_before:
            self.failure = Failure(Status.OUT_OF_MEMORY, f"the system ended it for memory during `{phase}`{told}")
        else:
            self.failure = Failure(Status.CRASHED, f"{_ending(code)} during `{phase}`{told}")
        raise self.failure

    def _kill(self) -> None:
        if self._gone:  # its process id may be another's by now
            return
        tree.kill(self.process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=CLOSE_GRACE_S)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError, ValueError):
                    pipe.close()
        self._gone = self.process.returncode is not None


def _group() -> dict[str, Any]:
    """Return what puts a worker into a group of its own, within the parent's session."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}


def _ending(code: int | None) -> str:
    if code is None:
        return "it closed its pipe without ending"
    if code >= 0:
        return f"it ended with exit code {code}"
    try:
        return f"it was ended by {signal.Signals(-code).name} (signal {-code})"
    except ValueError:
        return f"it was ended by signal {-code}"
