"""Load offered in an open loop: queries come when they come, however long the ones before them take."""

import threading
import time
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import numpy as np

from bench.worker.timing import stretch

Run = Callable[[], object]
AWAKE_NS = 200_000  # before a query is due its server stops sleeping: a sleep ends this late at times
LEAD_NS = 5_000_000  # from the start to the first moment a query may come


def offer(runs: list[Run], rate_per_s: float, queries: int, seed: int, limit_ns: int, most_late: int) -> dict[str, Any]:
    """Offer `queries` at Poisson arrival times of `rate_per_s`, served first come first served by `len(runs)` servers.

    Returns `latency_ns`, from each query's scheduled time to its answer, in order of arrival: what waited because
    others were served waited in full (no coordinated omission). It stops early once more than `most_late` of them
    took longer than `limit_ns`: whatever follows, this rate does not hold.
    """
    gaps = np.random.default_rng(seed).exponential(1e9 / rate_per_s, queries)
    due = (perf_counter_ns() + LEAD_NS + np.cumsum(gaps)).astype(np.int64).tolist()
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
                until(due[index])
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
    return {**took, "latency_ns": latency[: state["next"]], "late": state["late"]}


def until(moment_ns: int) -> None:
    """Return at a moment of `perf_counter_ns`: asleep for most of the time, awake at the end."""
    left = moment_ns - perf_counter_ns()
    if left > AWAKE_NS:
        time.sleep((left - AWAKE_NS) / 1e9)
    while perf_counter_ns() < moment_ns:
        pass
