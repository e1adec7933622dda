"""Programs that measure by themselves: each once, in a random order, while every other worker is suspended."""

from collections.abc import Sequence
from functools import partial

from bench.runner.scenarios.how import How
from bench.runner.tool_trial import ToolTrial
from bench.suite.protocol import tool_s


def drive(trials: Sequence[ToolTrial], how: How) -> None:
    """Let each of these ToolTrials measure for about as long as the others are driven, in whole seconds."""
    seconds = tool_s(how.protocol, how.scenario.kind)
    for trial in how.rng.sample(list(trials), len(trials)):
        how.step(trial, "tool")
        trial.attempt("tool", partial(trial.measure, seconds, how.scenario.concurrency, how.scenario.sessions))
