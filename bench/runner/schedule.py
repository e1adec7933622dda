"""How a trial is driven: how many bursts of how many samples, and in which order."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from bench.suite.cells import Protocol

T = TypeVar("T")

LEAST_SAMPLES = 8  # of a burst,
LEAST_LONG_SAMPLES = 3  # or of a burst of a model whose one inference takes more than half of it
LEAST_BURSTS = 6


@dataclass(frozen=True)
class Schedule:
    """One worker's part: `bursts` bursts of `count` samples of `repeat` inferences; `few` where the budget cut it."""

    bursts: int
    count: int
    repeat: int
    few: bool


def schedule(sample_ns: float, repeat: int, protocol: Protocol) -> Schedule:
    """Return the schedule for samples of `sample_ns` each within the protocol's driven seconds a trial.

    Over budget, first bursts are dropped, to 6 at least, then samples of a burst, to 1 at least (measurement.md).
    """
    burst_ns, budget_ns = protocol.burst_ms * 1e6, protocol.trial_s * 1e9
    least = LEAST_SAMPLES if sample_ns <= burst_ns / 2 else LEAST_LONG_SAMPLES
    count = max(least, math.ceil(burst_ns / sample_ns))
    affordable = int(budget_ns / (count * sample_ns))
    if affordable >= protocol.bursts:
        return Schedule(protocol.bursts, count, repeat, few=False)
    if affordable >= LEAST_BURSTS:
        return Schedule(affordable - affordable % 2, count, repeat, few=True)
    return Schedule(LEAST_BURSTS, max(1, int(budget_ns / (LEAST_BURSTS * sample_ns))), repeat, few=True)


def mirrored(lanes: list[T], turns: int, rng: random.Random) -> Iterator[tuple[int, T]]:
    """Yield (turn, lane): each even turn in a random order, each odd one in that order's mirror (ABBA for two)."""
    order = list(lanes)
    for turn in range(turns):
        if turn % 2 == 0:
            rng.shuffle(order)
        else:
            order.reverse()
        for lane in list(order):
            yield turn, lane
