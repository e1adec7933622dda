"""Load offered in an open loop: queries come when they come, however long the ones before them take."""

import threading
import time
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import numpy as np

from bench.worker.timing import stretch

Run = Callable[[], object]
AWAKE_NS = 200_000  # before a query is due a lone server stops sleeping: a sleep ends this late at times
LEAD_NS = 5_000_000  # from the start to the first moment a query may come


def offer(runs: list[Run], rate_per_s: float, queries: int, seed: int, limit_ns: int, most_late: int) -> dict[str, Any]:
    """Offer `queries` at Poisson arrival times of `rate_per_s`, served first come first served by `len(runs)` servers.

    Returns `latency_ns`, from each query's scheduled time to its answer, in order of arrival: what waited because
    others were served waited in full (no coordinated omission). It stops early once more than `most_late` of them
    took longer than `limit_ns` (`late`): whatever follows, this rate does not hold.
    """
    came = arrivals(rate_per_s, queries, seed)
    awake_ns = AWAKE_NS if len(runs) == 1 else 0  # awake it would hold up the others' return to Python
    opened = perf_counter_ns() + LEAD_NS
    due = [opened + moment for moment in came]
    latency: list[int] = [0] * queries
    lock = threading.Lock()
    state = {"next": 0, "late": 0}
    failures: list[BaseException] = []

    def serve(run: Run) -> None:
        try:
            while not failures:
                with lock:
                    index = state["next"]
                    if index >= queries or state["late"] > most_late:
                        return
                    state["next"] = index + 1
                until(due[index], awake_ns)
                run()
                taken = perf_counter_ns() - due[index]
                latency[index] = taken
                if taken > limit_ns:
                    with lock:
                        state["late"] += 1
        except BaseException as error:
            failures.append(error)

    def work() -> None:
        threads = [threading.Thread(target=serve, args=(run,)) for run in runs[1:]]
        for thread in threads:
            thread.start()
        serve(runs[0])
        for thread in threads:
            thread.join()

    _, took = stretch(work)
    if failures:
        raise failures[0]
    served = state["next"]
    return {**took, "latency_ns": latency[:served], "late": state["late"]}


def arrivals(rate_per_s: float, queries: int, seed: int) -> list[int]:
    """Return when each query comes, ns from the start, ascending: a Poisson process, the last at queries / rate.

    Its gaps are exponential, scaled to that sum: the process as it is given that so many queries came in that time. A
    rate is then offered as it stands, not 3% beside it as 1,500 free gaps would be.
    """
    gaps = np.random.default_rng(seed).exponential(1.0, queries)
    moments = np.cumsum(gaps) * (queries / rate_per_s * 1e9 / gaps.sum())
    return [int(moment) for moment in moments]


def until(moment_ns: int, awake_ns: int = AWAKE_NS) -> None:
    """Return at a moment of `perf_counter_ns`: asleep for most of the time, awake for the last `awake_ns`."""
    left = moment_ns - perf_counter_ns()
    if left > awake_ns:
        time.sleep((left - awake_ns) / 1e9)
    while perf_counter_ns() < moment_ns:
        pass
