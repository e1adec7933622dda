"""Programs that measure by themselves: each once, in a random order, while every other worker is suspended."""

from collections.abc import Sequence
from functools import partial
from math import ceil

from bench.runner.scenarios.how import How
from bench.runner.tool_trial import ToolTrial
from bench.suite.cells import Protocol
from bench.suite.protocol import LEAST_WINDOWS


def drive(trials: Sequence[ToolTrial], how: How) -> None:
    """Let each of these ToolTrials measure for about as long as the others are driven, in whole seconds."""
    seconds = SECONDS[how.scenario.kind](how.protocol)
    for trial in how.rng.sample(list(trials), len(trials)):
        how.step(trial, "tool")
        trial.attempt("tool", partial(trial.measure, seconds, how.scenario.concurrency, how.scenario.sessions))


def _bursts_s(protocol: Protocol) -> int:
    return ceil(protocol.bursts * protocol.burst_ms / 1e3)


def _windows_s(protocol: Protocol) -> int:
    return ceil(max(LEAST_WINDOWS, protocol.windows) * protocol.window_ms / 1e3)


SECONDS = {"latency": _bursts_s, "throughput": _windows_s}
