"""A session opened, run once and closed: what it costs. What it leaves behind is for the parent to see."""

import gc
import sys
from collections.abc import Callable
from typing import Any

from bench.worker.timing import stretch


def cycle(once: Callable[[], object], give_back: bool) -> dict[str, Any]:
    """Do `once` (open, run, close); returns how long it took (ns), and what the stretch took.

    Afterwards, untimed, Python's garbage is collected; with `give_back` what the allocator keeps for later goes back to
    the system too. What is resident then, nobody has freed; but the next cycle has to ask for its pages again.
    """
    _, took = stretch(once)
    gc.collect()
    if give_back:
        _trim()
    return {**took, "cycle_ns": took["wall_ns"]}


def _trim() -> None:
    """Have glibc return free memory to the system: how much it keeps varies by megabytes from cycle to cycle."""
    if sys.platform == "linux":
        import ctypes

        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none, and keeps less
        if trim is not None:
            trim(0)
