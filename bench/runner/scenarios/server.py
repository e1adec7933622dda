"""The highest rate of queries that holds a declared percentile, by bisection; the targets take turns."""

from dataclasses import dataclass
from functools import partial
from math import exp, log
from typing import Any

from bench.analysis.load import least_queries, most_late, percentile_estimate
from bench.contract.status import Failure, Status
from bench.runner.scenarios.how import How
from bench.runner.schedule import mirrored
from bench.runner.trial import CONTENDED_SHARE, Trial

FIRST = 0.5  # of what the target completes in a closed loop: the first rate that is tried
LOWEST = 1 / 8  # of the same: hardly a query waits here, and each lower rate would take twice as long to offer
ABOVE = 1.05  # of the same: no rate beyond it holds, however the closed loop was disturbed
MOST_PROBES = 24
AGAIN = 8  # of these may be spent on rates that failed while other work took the processor


@dataclass
class Search:
    """Where a target's highest rate lies: at least `low` (None: no rate held yet), below `high`."""

    closed: float  # queries a second in a closed loop
    low: float | None
    high: float
    probes: int = 0
    again: int = 0

    def next(self, within: float) -> float | None:
        """Return the rate to try next, or None where the two bounds are within that share of each other."""
        if self.low is None:
            rate = min(self.high / 2, self.closed * FIRST)
            return rate if rate >= self.closed * LOWEST else None
        return exp((log(self.low) + log(self.high)) / 2) if self.high > self.low * (1 + within) else None

    def note(self, rate: float, held: bool) -> None:
        self.probes += 1
        if held:
            self.low = rate
        else:
            self.high = rate


def drive(trials: list[Trial], how: How) -> None:
    for trial in trials:
        trial.attempt("offer", partial(_refuse, how))
    how.warm(trials)
    how.turns(trials, "window")
    searches: dict[int, Search] = {}
    for _, trial in mirrored(trials, 1, how.rng):
        trial.attempt("window", partial(_begin, trial, searches, how))
    how.turns(trials, "offer")
    for _, trial in mirrored(trials, MOST_PROBES, how.rng):
        search = searches.get(id(trial))
        rate = search.next(how.scenario.within) if search else None
        if search and rate:
            trial.attempt("offer", partial(_probe, trial, search, rate, how))
    for trial in trials:
        if id(trial) in searches:
            trial.attempt("offer", partial(_conclude, trial, searches[id(trial)], how))


def _refuse(how: How) -> None:
    queries, percentile = how.scenario.queries, how.scenario.percentile
    if most_late(queries, percentile) < 0:
        reason = f"{queries} queries are too few to say anything of p{100 * percentile:g} with 99% confidence"
        raise Failure(Status.UNSUPPORTED, f"{reason}: `queries` has to be at least {least_queries(percentile)}")


def _begin(trial: Trial, searches: dict[int, Search], how: How) -> None:
    """Find out where the search begins: a closed loop tells what the target can complete at most."""
    seconds = max(how.protocol.window_ms / 1e3, 10 * trial.latency_ns / 1e9)
    opening = (how.scenario.sessions - 1) * trial.row["create_ns"] / 1e9
    found = trial.ask(
        "window",
        takes_s=seconds + opening,
        seconds=seconds,
        concurrency=how.scenario.concurrency,
        sessions=how.scenario.sessions,
    )
    closed = found["completed"] / (found["wall_ns"] / 1e9)
    searches[id(trial)] = Search(closed, None, closed * ABOVE)


def _probe(trial: Trial, search: Search, rate: float, how: How) -> None:
    scenario = how.scenario
    limit_ns = round(scenario.limit_ms * 1e6)
    allowed = most_late(scenario.queries, scenario.percentile)
    found = trial.ask(
        "offer",
        takes_s=scenario.queries / rate,
        rate_per_s=rate,
        queries=scenario.queries,
        seed=how.rng.getrandbits(32),
        limit_ns=limit_ns,
        most_late=allowed,
        concurrency=scenario.concurrency,
        sessions=scenario.sessions,
    )
    if scenario.concurrency == 1:  # several requests in flight wait for each other: no contention
        trial.timed.append(found)
    held = found["late"] <= allowed
    if not held and _disturbed(found, scenario.concurrency) and search.again < AGAIN:
        search.again += 1  # it says nothing of the target: the same rate comes again
    else:
        search.note(rate, held)
    trial.add("probe_rate_per_s", [rate])
    trial.add("probe_queries", [len(found["latency_ns"])])
    trial.add("probe_late", [found["late"]])
    trial.add("probe_latency_ns", [percentile_estimate(found["latency_ns"], scenario.percentile) if held else None])


def _disturbed(found: dict[str, Any], concurrency: int) -> bool:
    """Tell whether a probe waited for a processor for long; with several requests in flight that tells nothing."""
    delay = found["delay_ns"]
    return concurrency == 1 and delay is not None and delay > CONTENDED_SHARE * found["wall_ns"]


def _conclude(trial: Trial, search: Search, how: How) -> None:
    if search.low is None:
        tried: list[Any] = trial.row.get("probe_rate_per_s", [])
        share, limit = how.scenario.percentile, how.scenario.limit_ms
        # What follows the semicolon differs from trial to trial: a cell that fails twice alike is not tried again.
        reason = f"no rate that was tried keeps p{100 * share:g} within {limit:g} ms"
        raise Failure(Status.UNSUPPORTED, f"{reason}; the lowest was {min(tried):.3g} queries a second")
    trial.row["rate_per_s"] = search.low
