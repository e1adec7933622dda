"""When a percentile under load is known well enough to be said: the early-stopping rule of MLPerf LoadGen."""

from collections.abc import Sequence
from functools import cache
from math import ceil, log

import numpy as np
from scipy.special import bdtr

CONFIDENCE = 0.99  # LoadGen's, with no tolerance


@cache
def most_late(queries: int, percentile: float) -> int:
    """Return how many of `queries` may be over a limit where `percentile` of all queries are to be within it; -1: none.

    The largest t with P(Binomial(queries, 1 - percentile) <= t) < 1%: were the share of late queries just too high,
    so few of them would be seen in one case out of a hundred. MLPerf LoadGen, "Early Stopping".
    """
    late = -1
    while late + 1 < queries and bdtr(late + 1, queries, 1 - percentile) < 1 - CONFIDENCE:
        late += 1
    return late


def least_queries(percentile: float) -> int:
    """Return the fewest queries that say anything of a percentile: that many, none late, are seen by chance in 1%."""
    return ceil(log(1 - CONFIDENCE) / log(percentile) - 1e-9)


def percentile_estimate(latency_ns: Sequence[int], percentile: float) -> int | None:
    """Return a latency (ns) that `percentile` of all queries keep to with 99% confidence; None where too few were seen.

    The (t + 1)th largest of the latencies, t being what `most_late` allows for that many: the lowest limit that these
    queries hold. (LoadGen states one for its SingleStream scenario only, and takes the t-th largest there.)
    """
    allowed = most_late(len(latency_ns), percentile)
    return None if allowed < 0 else int(np.sort(np.asarray(latency_ns))[len(latency_ns) - 1 - allowed])
