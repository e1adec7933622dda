"""Sessions opened and closed over and over: how long a cycle takes, and what memory it leaves behind."""

import gc
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from bench.worker.memory import resident_bytes
from bench.worker.timing import stretch


def cycle(once: Callable[[], object], cycles: int) -> dict[str, Any]:
    """Do `once` (open, run, close) so many times; returns each one's length (ns) and the resident set after it."""
    lengths: list[int] = []
    resident: list[int | None] = []

    def work() -> None:
        for _ in range(cycles):
            start = perf_counter_ns()
            once()
            lengths.append(perf_counter_ns() - start)
            gc.collect()  # what only Python still holds is no leak of the runtime's
            resident.append(resident_bytes())

    _, took = stretch(work)
    return {**took, "cycle_ns": lengths, "rss_bytes": resident}
