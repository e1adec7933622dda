"""The part in a round of a program that measures by itself: its row holds what it reported, and nothing of ours."""

import json

from bench.contract.status import Failure
from bench.contract.tool import Tool
from bench.process.evidence import last_words
from bench.runner.lane import Row
from bench.runner.trial import Trial

# What a worker took that only starts a program tells nothing of the program.
OF_THE_WORKER = ("spawn_ns", "import_ns", "create_ns", "rss_import_bytes", "rss_create_bytes", "runtime_version")


class ToolTrial(Trial):
    """Nothing is bound, warmed or verified: `measure` starts the program once, after all workers of the round."""

    def measure(self, seconds: int, concurrency: int, sessions: int) -> None:
        """Let it measure, and keep the figure that stands for the trial; the others stand in `options`."""
        asked = {"seconds": seconds, "concurrency": concurrency, "sessions": sessions}
        try:
            found = self.ask("tool", seconds, **asked)
        except Failure as failure:
            raise Failure(failure.status, self._told(failure.reason)) from failure
        told = self._options()
        command = _filled(str(told.get("command", "")), asked)
        self.row["options"] = json.dumps({**told, "command": command, "reported": found}, sort_keys=True)
        self.row |= KEEP[self._tool().scenario](found, self.lane.cell.batch)
        if self._tool().scenario == "latency" and "median_ns" not in found:
            self.note("its latency is a mean: the program reports no median")

    def finish(self) -> Row:
        """End the worker; the row keeps what is the program's."""
        self.end()
        self.row = {name: value for name, value in self.row.items() if name not in OF_THE_WORKER}
        self.row["flags"] = sorted(self.flags)
        return self.row

    def _first(self) -> None:
        """A program is not run before it measures."""

    def _told(self, reason: str) -> str:
        """Return why it failed with what it wrote and how it was called, where the worker could not say that itself."""
        if "it was called as" in reason:
            return reason
        wrote = last_words(self._worker().log)
        said = f"; it last wrote: {wrote}" if wrote and wrote not in reason else ""
        return f"{reason}{said}; it was called as: {self._options().get('command', '')}"

    def _options(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.row.get("options") or "{}")
        return found

    def _tool(self) -> Tool:
        tool = self.lane.target.tool
        assert tool is not None
        return tool


def _filled(command: str, asked: dict[str, int]) -> str:
    """Return a command line in words with what was only known when it was called."""
    for name, value in asked.items():
        command = command.replace(f"{{{name}}}", str(value))
    return command


def _latency(found: dict[str, float], batch: int) -> Row:
    cost = found.get("median_ns", found.get("mean_ns", 0.0))
    return {"samples_ns": [round(cost)], "sample_burst": [0], "inferences_per_sample": 1}


def _throughput(found: dict[str, float], batch: int) -> Row:
    """Return one window: what it says it completed in the time it says, else about a second at the rate it reports."""
    if "inferences" in found and "duration_ns" in found:
        return {"window_ns": [round(found["duration_ns"])], "window_completed": [round(found["inferences"])]}
    rate = found.get("inferences_per_s", found.get("items_per_s", 0.0) / batch)
    completed = max(1, round(rate))
    return {"window_ns": [round(completed / rate * 1e9)], "window_completed": [completed]}


KEEP = {"latency": _latency, "throughput": _throughput}
