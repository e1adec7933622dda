"""Ratios of two cells, from the rounds in which they were measured side by side."""

from math import log

import numpy as np
import pandas as pd

from bench.analysis.intervals import NONE, Interval, difference, median_interval
from bench.analysis.samples import Kept, trial_table
from bench.contract.flags import Flag

RoundKey = tuple[int, int]  # group, round
Effects = dict[RoundKey, float]  # log(latency of B / latency of A), by round, in order of group and round


def round_effect(a: Kept, b: Kept) -> float:
    """Return r of one round: the median over bursts of log(median of B's burst / median of A's burst).

    Positive: B is slower. Burst i of one is the neighbour of burst i of the other; a burst without a neighbour, or
    whose time is not finite and above zero, has no say. NaN where none is left. Where either was not taken in bursts
    (`whole`), the two trials' medians are compared. docs/measurement.md, "From rounds to numbers".
    """
    if a.whole or b.whole:
        return log(b.median / a.median) if a.median > 0 and b.median > 0 else float("nan")
    _, in_a, in_b = np.intersect1d(a.bursts, b.bursts, assume_unique=True, return_indices=True)
    medians_a, medians_b = a.burst_medians[in_a], b.burst_medians[in_b]
    usable = (medians_a > 0) & (medians_b > 0) & np.isfinite(medians_a) & np.isfinite(medians_b)
    if not usable.any():
        return float("nan")
    return float(np.median(np.log(medians_b[usable] / medians_a[usable])))


def rounds_of(cell: pd.DataFrame) -> dict[RoundKey, Kept]:
    """Return a cell's usable trials (rows of `trial_table`) by the round they belong to: ok, and not unpaired.

    docs/measurement.md, "Flags".
    """
    columns = ["group", "round", "status", "flags", "kept"]
    found = {}
    for group, number, status, flags, kept in zip(*(cell[name] for name in columns), strict=True):
        unpaired = flags is not None and Flag.UNPAIRED in list(flags)
        if status == "ok" and not unpaired and pd.notna(group) and pd.notna(number):
            found[int(group), int(number)] = kept
    return found


def pair(a: dict[RoundKey, Kept], b: dict[RoundKey, Kept]) -> Effects:
    """Return the effect (`round_effect`) of every round that both took part in and that has one."""
    effects = {key: round_effect(a[key], b[key]) for key in sorted(a.keys() & b.keys())}
    return {key: r for key, r in effects.items() if np.isfinite(r)}


def effects(trials: pd.DataFrame, a: str, b: str) -> Effects:
    """Return the effect (`round_effect`) of cell `b` against cell `a` (cell ids) in every round they share."""
    table = trial_table(trials[trials["cell_id"].isin([a, b])])
    return pair(rounds_of(table[table["cell_id"] == a]), rounds_of(table[table["cell_id"] == b]))


def log_ratio(found: Effects) -> Interval:
    """Return the median effect over rounds with its exact interval, as logarithms; exp() of each gives the ratio.

    Its level is the exact one for that number of rounds; fewer than six give a range without a level
    (`median_interval`). docs/measurement.md, "From rounds to numbers".
    """
    return median_interval(found.values())


def through_baseline(a: Effects, b: Effects) -> tuple[Interval, bool]:
    """Return B against A from the effects of both against the baseline, and whether that is indirect.

    Rounds that both shared are compared round by round; cells of different groups share none and are compared through
    the baseline, where the two intervals add up (`difference`). docs/measurement.md, "Flags": `indirect`.
    """
    shared = {key: b[key] - a[key] for key in a.keys() & b.keys()}
    if shared:
        return log_ratio(shared), False
    if not a or not b:
        return NONE, True
    return difference(log_ratio(b), log_ratio(a)), True
