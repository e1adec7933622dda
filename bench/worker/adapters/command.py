"""A program that measures by itself: it is started once in a trial, and what it reports is read. Here or elsewhere."""

import shlex
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract.job import Loaded, Placement, Workload
from bench.contract.status import Failure, Status
from bench.contract.tool import Tool, fill
from bench.worker.adapters.command_call import Call, words_of
from bench.worker.adapters.command_read import figures
from bench.worker.adapters.command_run import ending, last_words, missing, program_of, run


def import_runtime() -> str:
    return ""  # programs tell their version each in its own way; a package's is in the environment's freeze


def probe(tool: dict[str, Any], options: dict[str, str]) -> dict[str, Any]:
    """Return `reason`: in words why the program cannot be used from here, empty where it can."""
    asked = Tool(**tool)
    comes_with = fill(asked.comes_with, options)
    first = fill((asked.reach or asked.command)[0], options)
    if missing(first):
        return {"reason": f"{first} is not on PATH: it comes with {comes_with}"}
    if not asked.check:
        return {"reason": ""}
    with tempfile.TemporaryDirectory(prefix="ortbench-tool-") as folder:
        command = handed(asked, [fill(text, options) for text in asked.check], options)
        code, said = run(command, Path(folder))
    told = f"`{shlex.join(command)}` ended with exit code {code}: {last_words(said) or 'it said nothing'}"
    return {"reason": "" if code == 0 else f"{told}; what is needed comes with {comes_with}"}


def load(workload: Workload) -> "CommandSession":
    if workload.tool is None:
        raise Failure(Status.ERROR, "no program is named to measure with")
    return CommandSession(workload, Tool(**workload.tool))


def placement(workload: Workload, inputs: dict[str, np.ndarray]) -> Placement | None:
    return None


class CommandSession:
    """It cannot be bound or run: `measure` is all that a program offers."""

    def __init__(self, workload: Workload, tool: Tool) -> None:
        self.workload = workload
        self.tool = tool
        self.words = words_of(tool, workload)
        self.program = program_of(fill(tool.command[0], workload.options))

    def loaded(self) -> Loaded:
        return Loaded(
            runtime_version="", device=self.workload.device, options={"command": self.words, **self.workload.options}
        )

    def measure(self, seconds: int, concurrency: int, sessions: int) -> dict[str, float]:
        """Start the program and return the figures it reports (contract/tool.py). Raises Failure."""
        with tempfile.TemporaryDirectory(prefix="ortbench-tool-") as scratch:
            call = Call(self.tool, self.workload, Path(scratch), seconds, concurrency, sessions)
            code, said = self._elsewhere(call) if self.tool.reach else run(call.command, call.folder)
            self._judge(code, said)
            return figures(self.tool, said, call.report, f"; {self._context(said)}")

    def _elsewhere(self, call: Call) -> tuple[int, str]:
        """Run it where `reach` leads to, in a folder that is gone afterwards, with copies of the files it is given."""
        self._need(call, handed(self.tool, ["mkdir", "-p", call.there], self.workload.options))
        try:
            for here, there in call.sent.items():
                values = {**self.workload.options, "from": here, "to": there}
                self._need(call, [fill(text, values) for text in self.tool.send])
            return run(handed(self.tool, call.command, self.workload.options), call.folder)
        finally:
            run(handed(self.tool, ["rm", "-rf", call.there], self.workload.options), call.folder)

    def _need(self, call: Call, command: list[str]) -> None:
        code, said = run(command, call.folder)
        if code != 0:
            name = program_of(command[0])
            told = f"{name} ended with exit code {code} before {self.program} was started; it last wrote: "
            raise Failure(Status.ERROR, told + last_words(said))

    def _judge(self, code: int, said: str) -> None:
        if code == 0:
            return
        status = Status.CRASHED if code < 0 else Status.ERROR
        raise Failure(status, f"{self.program} {ending(code)}; {self._context(said)}")

    def _context(self, said: str) -> str:
        return f"it last wrote: {last_words(said) or 'nothing'}; it was called as: {self.words}"


def handed(tool: Tool, command: list[str], options: dict[str, str]) -> list[str]:
    """Return a command as it is run from here: behind `reach` it is one text, quoted for the shell at the other end."""
    return [*(fill(text, options) for text in tool.reach), shlex.join(command)] if tool.reach else command
