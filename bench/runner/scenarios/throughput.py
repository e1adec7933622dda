"""Completed inferences over the wall clock, with a declared number of requests in flight over declared sessions."""

from typing import Any

from bench.runner.scenarios.how import How
from bench.runner.schedule import mirrored
from bench.runner.trial import Trial
from bench.suite.cells import Protocol
from bench.suite.protocol import LEAST_WINDOWS

WINDOW_INFERENCES = 3  # a window holds at least this many


def drive(trials: list[Trial], how: How) -> None:
    how.warm(trials)
    how.turns(trials, "window")
    turns = max(LEAST_WINDOWS, how.protocol.windows)
    for _, trial in mirrored(trials, turns, how.rng):
        window(trial, how.protocol, how.scenario.concurrency, how.scenario.sessions, trial.timed)


def window(
    trial: Trial, protocol: Protocol, concurrency: int, sessions: int = 1, timed: list[dict[str, Any]] | None = None
) -> None:
    """Count what one worker completes in a window, and keep it; `timed` also takes what the window took."""

    def work() -> None:
        seconds = max(protocol.window_ms / 1e3, WINDOW_INFERENCES * trial.latency_ns / 1e9)
        opening = (sessions - 1) * trial.row["create_ns"] / 1e9  # of the sessions that are missing, at the first window
        found = trial.ask(
            "window", takes_s=seconds + opening, seconds=seconds, concurrency=concurrency, sessions=sessions
        )
        if timed is not None:
            timed.append(found)
        trial.add("window_ns", [found["wall_ns"]])
        trial.add("window_completed", [found["completed"]])

    trial.attempt("window", work)
