"""Absolute figures of one cell: latency, its percentiles, throughput, start-up, growth of memory."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.analysis.intervals import CONFIDENCE, Interval, binomial_quantile, median_interval
from bench.analysis.samples import Kept, effective_size

# Percentile -> the effective samples it takes, so that with 99% confidence two of them lie beyond it.
NEEDED = {"p90": (0.90, 64), "p95": (0.95, 130), "p99": (0.99, 662), "p999": (0.999, 6636)}
FEWEST_TRIALS = 10
MOST_PAIRED = 1000  # cycles of which every pair is taken


def latency(cell: pd.DataFrame) -> Interval:
    """Return the median of the trials' medians (rows of `trial_table`), ns, with its exact interval over trials.

    docs/measurement.md, "From rounds to numbers".
    """
    return median_interval(cell["trial_median_ns"])


def percentiles(kept: Sequence[Kept], timed_singly: bool) -> dict[str, float]:
    """Return `p90_ns` ... `p999_ns`, each with `_low_ns` and `_high_ns`; NaN where too little stands behind one.

    Quantiles of the kept samples of all trials. The bounds are the exact binomial ones (Conover 1999, section 3.2) for
    the effective number of samples, the sum over trials of `effective_size`. Where several inferences were timed at
    once (`timed_singly` false) a percentile of one inference cannot be known.
    """
    found = {f"{name}{part}": float("nan") for name in NEEDED for part in ("_ns", "_low_ns", "_high_ns")}
    kept = [one for one in kept if one.samples.size]
    if not timed_singly or len(kept) < FEWEST_TRIALS:
        return found
    effective = int(sum(effective_size(one.samples) for one in kept))
    pooled = np.concatenate([one.samples for one in kept])
    for name, (p, needed) in NEEDED.items():
        if effective < needed:
            continue
        low = binomial_quantile((1 - CONFIDENCE) / 2, effective, p) / effective
        high = (binomial_quantile((1 + CONFIDENCE) / 2, effective, p) + 1) / effective
        values = np.quantile(pooled, [p, low, min(high, 1.0)])
        found |= dict(zip((f"{name}_ns", f"{name}_low_ns", f"{name}_high_ns"), map(float, values), strict=True))
    return found


def throughput(cell: pd.DataFrame) -> Interval:
    """Return items a second: for each trial all items completed over all the time of its windows; median over trials.

    An item is one row of a batch. Trials without windows have no say: throughput is never one over latency.
    docs/measurement.md, "A round", step 4.
    """
    columns = ["status", "window_ns", "window_completed", "batch"]
    rates = []
    for status, spent, completed, batch in zip(*(cell[name] for name in columns), strict=True):
        if status == "ok" and spent is not None and completed is not None and np.sum(spent) > 0:
            rates.append(float(np.sum(completed)) * batch / (float(np.sum(spent)) / 1e9))
    return median_interval(rates)


def start_up(cell: pd.DataFrame) -> Interval:
    """Return the time from a fresh process's start to its first output, ns: median over trials, with its interval.

    docs/measurement.md, "A round", step 1. A trial in which one of the phases is unknown has no say.
    """
    phases = cell[["spawn_ns", "import_ns", "create_ns", "first_ns"]]
    return median_interval(phases.sum(axis=1, skipna=False))


def growth(cell: pd.DataFrame) -> Interval:
    """Return the bytes that a cycle of opening and closing a session leaves behind: median over trials, with interval.

    A trial's growth is the median slope between all pairs of its cycles (Theil 1950, Sen 1968), so that a single large
    allocation does not count as a leak. The first third of the cycles is left out: allocators fill their pools then.
    Of more than 1,000 cycles only the pairs half of them apart are taken (Theil's "incomplete" method).
    """
    found = (_slope(resident) for resident in cell["cycle_rss_bytes"] if resident is not None)
    return median_interval([slope for slope in found if np.isfinite(slope)])


def _slope(resident: Sequence[float]) -> float:
    """Return the median slope of a trial's cycles, bytes a cycle; NaN of fewer than two that are known."""
    kept = np.asarray(resident, np.float64)[len(resident) // 3 :]
    cycle = np.flatnonzero(np.isfinite(kept))
    if cycle.size < 2:
        return float("nan")
    if cycle.size <= MOST_PAIRED:
        first, second = (cycle[side] for side in np.triu_indices(cycle.size, 1))
    else:
        first, second = cycle[: -(cycle.size // 2)], cycle[cycle.size // 2 :]
        first, second = first[: second.size], second[: first.size]
    return float(np.median((kept[second] - kept[first]) / (second - first)))
