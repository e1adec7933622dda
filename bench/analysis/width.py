"""What rounds still to take depend on: how wide a block's intervals are, and whether a duel reads as slower."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from bench.analysis.ratios import log_ratio
from bench.analysis.summary import summarize
from bench.analysis.verdicts import SLOWER


def widest_half_width(trials: pd.DataFrame, meta: Mapping[str, Any], block_id: str) -> float | None:
    """Return the widest relative half-width (0.005 is half a per cent) of a block's ratios to the baseline.

    Only valid cells count, the baseline itself not; 0 where there is none to compare. None where one of them has too
    few rounds for an interval yet: go on measuring. It is half of the log interval: for narrow ones, the relative.
    docs/measurement.md, "From rounds to numbers": `precise`.
    """
    block = summarize(trials[trials["block_id"] == block_id], meta)
    if block.empty:
        return None
    found = [log_ratio(effects) for effects in block.loc[block["valid"] & ~block["is_baseline"], "effects"] if effects]
    if any(r.level is None for r in found):
        return None
    return max((r.half_width for r in found), default=0.0)


def reads_slower(trials: pd.DataFrame, meta: Mapping[str, Any]) -> bool:
    """Tell whether any cell of a duel's block reads as slower than side a: what a second batch has to confirm."""
    found = summarize(trials, meta)
    return bool(((found["side"] == "b") & (found["verdict"] == SLOWER)).any())
