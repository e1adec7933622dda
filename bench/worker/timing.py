"""The hot loops. Nothing in them but the call and the stamp into a preallocated array; the collector is off."""

import gc
import os
import sys
import threading
import time
from array import array
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from time import perf_counter_ns
from typing import Any

from bench.contract.job import lead_in_of

Run = Callable[[], object]

SAMPLE_COST_FACTOR = 100  # a sample is at least this many times the cost of a stamp,
SAMPLE_RESOLUTION_FACTOR = 1000  # and this many times the timer's resolution (measurement.md)
SHORTEST_NS = 1000  # what an inference is taken to last at least, where the timer cannot see it
WINDOW_NS = 50_000_000  # length of a warm-up window whose median is compared with the next


def clock() -> dict[str, float]:
    """Return the timer's resolution, as the system states it, and the cost of a stored stamp measured now, in ns."""
    stated = time.get_clock_info("perf_counter").resolution * 1e9
    return {"resolution_ns": stated, "cost_ns": float(median(timed(lambda: None, 2000, 1)))}


def timed(run: Run, count: int, repeat: int) -> list[int]:
    """Time `count` samples of `repeat` calls each; returns their lengths in ns, in order."""
    stamps = array("q", bytes(8 * (count + 1)))
    now = perf_counter_ns
    collecting = gc.isenabled()
    gc.disable()
    try:
        if repeat == 1:
            stamps[0] = now()
            for i in range(1, count + 1):
                run()
                stamps[i] = now()
        else:
            inner = range(repeat)
            stamps[0] = now()
            for i in range(1, count + 1):
                for _ in inner:
                    run()
                stamps[i] = now()
    finally:
        if collecting:
            gc.enable()
    return [after - before for before, after in pairwise(stamps)]


def warm(run: Run, least: int, least_s: float, most_s: float, agree: float) -> dict[str, Any]:
    """Run until two successive window medians agree within `agree`, after `least` inferences and `least_s` seconds.

    Returns every sample (ns), whether it became steady before `most_s`, and how many inferences one sample must hold
    for the timer at hand.
    """
    start, previous, steady = perf_counter_ns(), None, False
    samples = timed(run, 1, 1)
    while not steady and perf_counter_ns() - start < most_s * 1e9:
        left = most_s * 1e9 - (perf_counter_ns() - start)
        recent = max(SHORTEST_NS, median(samples[-5:]))
        count = max(1, min(int(WINDOW_NS / recent) or 1, int(left / recent)))
        window = timed(run, max(count, min(3, int(left / recent))), 1)
        samples += window
        enough = len(samples) >= least and perf_counter_ns() - start >= least_s * 1e9
        now = median(window)
        steady = enough and previous is not None and abs(now - previous) <= agree * previous
        previous = now
    timer = clock()
    return {"warmup_ns": samples, "steady": steady, "clock": timer, "repeat": _repeat(median(samples[-50:]), timer)}


def _repeat(latency_ns: float, timer: dict[str, float]) -> int:
    """Return how many inferences make one sample long enough for this timer."""
    needed = max(SAMPLE_COST_FACTOR * timer["cost_ns"], SAMPLE_RESOLUTION_FACTOR * timer["resolution_ns"])
    return max(1, -(-int(needed) // max(1, int(latency_ns))))


def burst(run: Run, count: int, repeat: int) -> dict[str, Any]:
    """Time one burst; returns its samples (ns), and what the part that estimates rest on took.

    Its first third wakes threads, which may wait for each other's processor until the system has spread them: what was
    waited there is no sign of other work.
    """
    lead_in = timed(run, lead_in_of(count), repeat)
    samples, took = stretch(lambda: timed(run, count - len(lead_in), repeat))
    return {"samples_ns": lead_in + samples, **took}


def pause(run: Run, seconds: float, lead_in: int) -> dict[str, Any]:
    """Run `lead_in` inferences, sleep for `seconds`, and time one inference as a burst of its own.

    So the pause begins where work has just ended, and is as long as asked for, whatever others did before this turn.
    """
    timed(run, lead_in, 1)
    if seconds > 0:
        time.sleep(seconds)
    return burst(run, 1, 1)


def stretch(work: Callable[[], Any]) -> tuple[Any, dict[str, int | None]]:
    """Do a stretch of work with the collector off.

    Returns what it returns, and what it took: wall and processor time, and run-queue delay (ns; None off Linux).
    """
    collecting = gc.isenabled()
    gc.disable()
    waited, cpu, start = _queue_delay_ns(), time.process_time_ns(), perf_counter_ns()
    try:
        found = work()
    finally:
        if collecting:
            gc.enable()
    wall, cpu = perf_counter_ns() - start, time.process_time_ns() - cpu
    after = _queue_delay_ns()
    delay = None if waited is None or after is None else after - waited
    return found, {"wall_ns": wall, "cpu_ns": cpu, "delay_ns": delay}


def _queue_delay_ns() -> int | None:
    """Return how long this process's threads have waited for a processor since they began, or None off Linux."""
    if sys.platform != "linux":
        return None
    total = 0
    for task in os.listdir("/proc/self/task"):  # noqa: PTH208
        try:
            with open(f"/proc/self/task/{task}/schedstat", encoding="ascii") as stat:  # noqa: PTH123
                total += int(stat.read().split()[1])
        except FileNotFoundError:  # the thread has ended
            continue
        except OSError:
            return None
    return total


def window(runs: list[Run], seconds: float) -> dict[str, Any]:
    """Keep `len(runs)` requests in flight for `seconds`; returns completed inferences, wall and processor time (ns).

    The wall clock ends with the last request that was started inside the window, and that request counts. There is no
    run-queue delay to tell contention from: requests in flight wait for each other.
    """
    completed = [0] * len(runs)
    ready = threading.Barrier(len(runs))
    deadline = [0]
    failures: list[BaseException] = []

    def drive(index: int) -> None:
        run, done = runs[index], 0
        ready.wait()
        end = deadline[0] = deadline[0] or perf_counter_ns() + int(seconds * 1e9)
        try:
            while perf_counter_ns() < end:
                run()
                done += 1
        except BaseException as error:
            failures.append(error)
        completed[index] = done

    threads = [threading.Thread(target=drive, args=(i,)) for i in range(1, len(runs))]
    for thread in threads:
        thread.start()

    def work() -> None:
        drive(0)
        for thread in threads:
            thread.join()

    _, took = stretch(work)
    if failures:
        raise failures[0]
    return {**took, "delay_ns": None, "completed": sum(completed)}
