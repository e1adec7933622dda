"""One inference at a time, in bursts that take turns; then throughput windows, at the suite's own concurrency."""

from functools import partial

from bench.contract.flags import Flag
from bench.runner.scenarios.how import How
from bench.runner.scenarios.throughput import window
from bench.runner.schedule import Schedule, mirrored, schedule
from bench.runner.trial import Trial


def drive(trials: list[Trial], how: How) -> None:
    how.warm(trials)
    plans = {id(trial): _schedule(trial, how) for trial in trials}
    turns = max((plan.bursts for trial in trials if not trial.ended and (plan := plans[id(trial)])), default=0)
    how.turns(trials, "burst")
    for turn, trial in mirrored(trials, turns, how.rng):
        plan = plans[id(trial)]
        if plan is not None and turn < plan.bursts:
            trial.attempt("burst", partial(_burst, trial, turn, plan))
    if how.protocol.windows:
        how.turns(trials, "window")
    for _, trial in mirrored(trials, how.protocol.windows, how.rng):
        window(trial, how.protocol, how.protocol.concurrency)


def _schedule(trial: Trial, how: How) -> Schedule | None:
    if trial.ended:
        return None
    plan = schedule(trial.latency_ns * trial.repeat, trial.repeat, how.protocol)
    trial.flag(Flag.FEW_SAMPLES, plan.few)
    return plan


def _burst(trial: Trial, turn: int, plan: Schedule) -> None:
    found = trial.ask("burst", count=plan.count, repeat=plan.repeat)
    trial.timed.append(found)
    trial.add("samples_ns", found["samples_ns"])
    trial.add("sample_burst", [turn] * len(found["samples_ns"]))
