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
        trial.attempt("cycle", partial(_cycles, trial, cycles))


def _cycles(trial: Trial, cycles: int) -> None:
    """Take so many cycles, by twos: the first's time is not kept, the second's is, and memory is read after that.

    How much freed memory an allocator keeps varies by megabytes from cycle to cycle, so it gives that back before its
    resident set is read. The cycle after that is slower, as it asks for its pages again: it is no cycle as they are.
    """
    for _ in range(cycles):
        number = len(trial.row.get("cycle_ns", ()))
        second = number % 2 == 1
        found = trial.ask("cycle", give_back=second)
        trial.timed.append(found)
        trial.add("cycle_ns", [found["cycle_ns"] if second else None])
        trial.add("cycle_rss_bytes", [trial.resident() if second else None])
