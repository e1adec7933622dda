"""Latency after a pause of declared length: what sleeping caches, threads and clocks cost the next inference."""

from functools import partial

from bench.runner.scenarios.how import How
from bench.runner.schedule import mirrored
from bench.runner.trial import Trial


def drive(trials: list[Trial], how: How) -> None:
    how.warm(trials)
    how.turns(trials, "pause")
    for turn, trial in mirrored(trials, how.scenario.pauses, how.rng):
        trial.attempt("pause", partial(_pause, trial, turn, how.scenario.pause_ms))


def _pause(trial: Trial, turn: int, pause_ms: float) -> None:
    found = trial.ask("pause", seconds=pause_ms / 1e3)
    trial.timed.append(found)
    trial.add("samples_ns", found["samples_ns"])
    trial.add("sample_burst", [turn])
    trial.row["inferences_per_sample"] = 1
