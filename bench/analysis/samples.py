"""From the raw samples of a trial to the few figures that stand for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.contract.flags import Flag
from bench.contract.job import lead_in_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Kept:
    """What the estimates of one trial rest on. Times are nanoseconds an inference."""

    samples: Floats  # in the order they were taken
    bursts: Ints  # the bursts there are, ascending
    burst_medians: Floats  # one for each of `bursts`
    whole: bool = False  # its one figure is that of the whole trial: no burst has a neighbour

    @property
    def median(self) -> float:
        return float(np.median(self.samples)) if self.samples.size else float("nan")


KEPT_FROM = ["status", "scenario_kind", "samples_ns", "sample_burst", "inferences_per_sample", "window_ns"]
KEPT_FROM += ["window_completed", "rate_per_s", "cycle_ns", "spawn_ns", "import_ns", "create_ns", "first_ns", "flags"]
NOTHING = Kept(np.empty(0), np.empty(0, np.int64), np.empty(0))


def kept_of(trial: Mapping[str, Any]) -> Kept:
    """Return what a trial's estimates rest on: its cost, in nanoseconds, by what its scenario measures.

    latency: an inference. idle: one after a pause, none left out. throughput: a window over what it completed. server:
    the time between two queries at the highest rate that held. cold_start: from the process's start to its first
    output. churn: to open a session, run it once and close it. `trial` holds the columns of a trial that ended well.
    What a tool measured by its own method stands for its trial as a whole.
    """
    flags = trial["flags"]
    found = _kept_of(trial)
    return replace(found, whole=True) if flags is not None and Flag.OTHER_METHOD in list(flags) else found


def _kept_of(trial: Mapping[str, Any]) -> Kept:
    match trial["scenario_kind"]:
        case "idle":
            return each_of(trial["samples_ns"])
        case "throughput":
            completed = trial["window_completed"]
            if trial["window_ns"] is None or completed is None or len(completed) != len(trial["window_ns"]):
                return NOTHING
            with np.errstate(divide="ignore", invalid="ignore"):
                return each_of(np.asarray(trial["window_ns"], np.float64) / np.asarray(completed, np.float64))
        case "server":
            rate = trial["rate_per_s"]
            return each_of([1e9 / rate]) if rate is not None and rate > 0 else NOTHING
        case "cold_start":
            phases = [trial[name] for name in ("spawn_ns", "import_ns", "create_ns", "first_ns")]
            return each_of([float(sum(phases))]) if all(pd.notna(each) for each in phases) else NOTHING
        case "churn":
            cycles = trial["cycle_ns"]
            return NOTHING if cycles is None else keep(cycles, np.zeros(len(cycles), np.int64), 1)
        case _:
            return keep(trial["samples_ns"], trial["sample_burst"], trial["inferences_per_sample"])


def each_of(values: Any) -> Kept:
    """Keep every value, each as a burst of its own; what is not finite is left out."""
    if values is None:
        return NOTHING
    found = np.asarray(values, np.float64)
    index = np.flatnonzero(np.isfinite(found))
    return Kept(found[index], index, found[index])


def keep(samples_ns: object, sample_burst: object, inferences_per_sample: float) -> Kept:
    """Leave out the first third of each burst (at least one sample, but never the only one) and divide by k.

    The start of a burst refills caches and wakes threads: docs/measurement.md, "A round". The two lists are as long as
    each other; where either is missing, or k is not above zero, nothing is kept. A sample that is null, or whose burst
    is, is as if never taken.
    """
    if samples_ns is None or sample_burst is None or not 0 < inferences_per_sample < np.inf:
        return NOTHING
    time = np.asarray(samples_ns, np.float64) / inferences_per_sample
    bursts = np.asarray(sample_burst, np.float64)
    if time.size != bursts.size:
        return NOTHING
    known = np.isfinite(time) & np.isfinite(bursts)
    time, burst = time[known], bursts[known].astype(np.int64)
    if time.size == 0:
        return NOTHING
    order = np.argsort(burst, kind="stable")
    ids, start, size = np.unique(burst[order], return_index=True, return_counts=True)
    place = np.arange(time.size) - np.repeat(start, size)
    left_out = lead_in_of(size)
    kept = np.zeros(time.size, bool)
    kept[order] = place >= np.repeat(left_out, size)
    return Kept(time[kept], ids, _medians(time[kept], burst[kept]))


def _medians(time: Floats, burst: Ints) -> Floats:
    """Return the median of each burst, ascending by burst."""
    ordered = time[np.lexsort((time, burst))]
    size = np.unique(burst, return_counts=True)[1]
    start = np.cumsum(size) - size
    middle: Floats = (ordered[start + (size - 1) // 2] + ordered[start + size // 2]) / 2
    return middle


def effective_size(samples: Floats) -> float:
    """Return how many independent samples a series of correlated ones is worth.

    n / tau with tau from the initial positive sequence of the autocorrelation (Geyer 1992, "Practical Markov Chain
    Monte Carlo", section 3.3): sums of neighbouring pairs of lags are added while they are positive. Never more than
    n; a series that never varies is worth one.
    """
    n = samples.size
    if n < 4:
        return float(n)
    centred = samples - samples.mean()
    size = 1 << (2 * n - 1).bit_length()
    power = np.abs(np.fft.rfft(centred, size)) ** 2
    covariance = np.fft.irfft(power, size)[:n]
    if covariance[0] <= 0 or np.ptp(samples) == 0:
        return 1.0
    correlation = covariance / covariance[0]
    pairs = correlation[: n - n % 2].reshape(-1, 2).sum(axis=1)
    end = int(np.argmax(pairs <= 0)) if (pairs <= 0).any() else pairs.size
    tau = 2 * float(pairs[:end].sum()) - 1
    return float(n / max(tau, 1.0))


def trial_table(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials with two more columns: `kept` (Kept) and `trial_median_ns`, NaN where nothing was timed.

    Trials that did not end well keep nothing: what they had timed before is no measurement. Nor do those whose median
    is not above zero: their clock stood still or went back. The median of a trial: docs/measurement.md, "From rounds to
    numbers".
    """
    rows = (dict(zip(KEPT_FROM, row, strict=True)) for row in zip(*(trials[name] for name in KEPT_FROM), strict=True))
    kept = [kept_of(row) if row["status"] == "ok" else NOTHING for row in rows]
    kept = [one if one.median > 0 else NOTHING for one in kept]
    medians = np.array([one.median for one in kept], np.float64)
    return trials.assign(kept=pd.Series(kept, index=trials.index, dtype=object), trial_median_ns=medians)
