"""Sessions opened, run once and closed, over and over in one process: what a cycle costs, and what it leaves behind."""

from functools import partial

from bench.runner.scenarios.how import How
from bench.runner.schedule import mirrored
from bench.runner.trial import Trial

TURNS = 4  # the cycles of a trial are spread over


def drive(trials: list[Trial], how: How) -> None:
    how.turns(trials, "cycle")
    for turn, trial in mirrored(trials, TURNS, how.rng):
        cycles = how.scenario.cycles * (turn + 1) // TURNS - how.scenario.cycles * turn // TURNS
        trial.attempt("cycle", partial(_cycle, trial, cycles))


def _cycle(trial: Trial, cycles: int) -> None:
    found = trial.ask("cycle", cycles=cycles)
    trial.timed.append(found)
    trial.add("cycle_ns", found["cycle_ns"])
    trial.add("cycle_rss_bytes", found["rss_bytes"])
