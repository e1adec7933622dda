"""Latency after a pause of declared length: what sleeping caches, threads and clocks cost the next inference.

A pause begins where a few inferences have just ended, so it is as long as declared however many workers take turns; all
others are suspended meanwhile. A pause of 0 is back to back: latency as it is without pauses, taken the same way.
"""

from functools import partial

from bench.runner.scenarios.how import How
from bench.runner.schedule import mirrored
from bench.runner.trial import Trial

LEAD_IN = 3  # inferences before a pause, at least,
LEAD_IN_NS = 5e6  # and about as long as this: caches are full and clocks are up where it begins
MOST_LEAD_IN = 1000


def drive(trials: list[Trial], how: How) -> None:
    how.warm(trials)
    how.turns(trials, "pause")
    for turn, trial in mirrored(trials, how.scenario.pauses, how.rng):
        trial.attempt("pause", partial(_pause, trial, turn, how.scenario.pause_ms))


def _pause(trial: Trial, turn: int, pause_ms: float) -> None:
    lead_in = max(LEAD_IN, min(MOST_LEAD_IN, round(LEAD_IN_NS / max(trial.latency_ns, 1.0))))
    found = trial.ask("pause", takes_s=pause_ms / 1e3, seconds=pause_ms / 1e3, lead_in=lead_in)
    trial.timed.append(found)
    trial.add("samples_ns", found["samples_ns"])
    trial.add("sample_burst", [turn])
    trial.row["inferences_per_sample"] = 1
