"""From the raw samples of a trial to the few figures that stand for it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Kept:
    """What the estimates of one trial rest on. Times are nanoseconds an inference."""

    samples: Floats  # in the order they were taken
    bursts: Ints  # the bursts there are, ascending
    burst_medians: Floats  # one for each of `bursts`

    @property
    def median(self) -> float:
        return float(np.median(self.samples)) if self.samples.size else float("nan")


NOTHING = Kept(np.empty(0), np.empty(0, np.int64), np.empty(0))


def keep(samples_ns: object, sample_burst: object, inferences_per_sample: float) -> Kept:
    """Leave out the first third of each burst (at least one sample, but never the only one) and divide by k.

    The start of a burst refills caches and wakes threads: measurement.md, "A round". The two lists are as long as
    each other; where either is missing, nothing is kept.
    """
    if samples_ns is None or sample_burst is None or not np.isfinite(inferences_per_sample):
        return NOTHING
    time = np.asarray(samples_ns, np.float64) / inferences_per_sample
    burst = np.asarray(sample_burst, np.int64)
    if time.size == 0 or time.size != burst.size:
        return NOTHING
    order = np.argsort(burst, kind="stable")
    ids, start, size = np.unique(burst[order], return_index=True, return_counts=True)
    place = np.arange(time.size) - np.repeat(start, size)
    left_out = (size + 1) // 3  # a third, rounded: 0 of 1, 1 of 2, 1 of 3, 3 of 8
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

    Trials that did not end well keep nothing: what they had timed before is no measurement.
    """
    columns = ["samples_ns", "sample_burst", "inferences_per_sample", "status"]
    kept = [
        keep(samples, bursts, k) if status == "ok" else NOTHING
        for samples, bursts, k, status in zip(*(trials[name] for name in columns), strict=True)
    ]
    medians = np.array([one.median for one in kept], np.float64)
    return trials.assign(kept=pd.Series(kept, index=trials.index, dtype=object), trial_median_ns=medians)
