"""Caveats that only show once the trials of a cell lie side by side."""

import numpy as np
import pandas as pd
from scipy.special import stdtr

from bench.analysis.intervals import FEWEST
from bench.analysis.ratios import Effects
from bench.contract.flags import Flag

OFF = 0.10  # of a trial's median from its cell's
RISE = 0.5  # Spearman's correlation of the ratio with time
BY_CHANCE = 0.05


def bimodal(cell: pd.DataFrame) -> pd.Series:
    """Tell for each trial of a cell (rows of `trial_table`) whether its median is more than 10% off the cell's.

    docs/measurement.md, "Flags". A trial without a median is not off.
    """
    medians = cell["trial_median_ns"]
    off: pd.Series = (medians / medians.median() - 1).abs() > OFF
    return off


def drifts(effects: Effects) -> bool:
    """Tell whether the ratio moved steadily: Spearman's correlation with the order of rounds beyond 0.5 either way.

    docs/measurement.md, "Flags". Equal ratios share their mean rank (Conover 1999, section 5.4), as in
    `scipy.stats.spearmanr`.
    It must also be unlikely by chance (p at most 5%, Student's t with n - 2 degrees of freedom): without any drift,
    30% of all orders of six rounds are beyond 0.5 (20% of eight, 10% of twelve), and a caveat so often wrong would
    not be read.
    """
    r = np.array([effects[key] for key in sorted(effects, key=lambda key: key[1])])
    if r.size < FEWEST or np.ptp(r) == 0:
        return False
    _, place, times = np.unique(r, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(times) - (times - 1) / 2)[place]
    correlation = abs(float(np.corrcoef(np.arange(r.size), ranks)[0, 1]))
    t = correlation * np.sqrt((r.size - 2) / max(1 - correlation**2, 1e-12))
    return bool(correlation > RISE and 2 * stdtr(r.size - 2, -t) <= BY_CHANCE)


def cell_flags(cell: pd.DataFrame, effects: Effects) -> list[str]:
    """Return every flag of a cell, sorted: those its trials carry, and those found by comparing them.

    `cell` are rows of `trial_table`, `effects` the cell's against its baseline. docs/measurement.md, "Flags".
    """
    found = {str(flag) for flags in cell["flags"] if flags is not None for flag in flags}
    if bimodal(cell).any():
        found.add(Flag.BIMODAL)
    if drifts(effects):
        found.add(Flag.DRIFT)
    return sorted(found)
