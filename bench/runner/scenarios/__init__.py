"""How the trials of a round are driven, once their workers have started: one file a kind of scenario.

A file has `drive(trials, how)`: what is measured, with one worker alone computing at any moment. It may have
`ready(trial, scratch)`: what is done before a trial's worker starts. `tool` is no scenario: it drives the trials of
programs that measure by themselves, in any of the scenarios these know.
"""

from collections.abc import Callable
from pathlib import Path

from bench.runner.scenarios import churn, cold_start, idle, latency, server, throughput, tool
from bench.runner.scenarios.how import How
from bench.runner.trial import Trial

DRIVES: dict[str, Callable[[list[Trial], How], None]] = {
    "latency": latency.drive,
    "device_resident": latency.drive,  # only what a run is differs
    "throughput": throughput.drive,
    "server": server.drive,
    "cold_start": cold_start.drive,
    "churn": churn.drive,
    "idle": idle.drive,
}
READY: dict[str, Callable[[Trial, Path], None]] = {"cold_start": cold_start.ready}
__all__ = ["DRIVES", "READY", "tool"]
