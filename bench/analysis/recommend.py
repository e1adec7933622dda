"""Which cell to deploy: the fastest that may win, and whatever cannot be told apart from it."""

from collections import Counter
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

import pandas as pd

from bench.analysis.ratios import through_baseline
from bench.analysis.verdicts import SLOWER, leaning
from bench.contract.flags import Flag
from bench.contract.status import Status

Cell = dict[str, Any]  # one row of the summary

_WORDS = {
    Flag.WRONG_OUTPUT: "wrong output",
    Flag.NO_REFERENCE: "no reference to check the output",
    Flag.PARTIAL_FALLBACK: "ran in part on another provider",
    Flag.PRECISION_DIFFERS: "computed in a lower precision",
    Flag.SIMULATOR: "simulated device",
    Flag.SOFTWARE_ADAPTER: "software adapter",
    Flag.OTHER_METHOD: "measured by another method",
}


@dataclass(frozen=True)
class Limits:
    """What a choice must keep to. None: no limit."""

    latency_ms: float | None = None
    error: float | None = None
    memory_mb: float | None = None


@dataclass(frozen=True)
class Choice:
    """The answer for one model, either at one batch (lowest latency) or over all of them (highest throughput)."""

    model: str
    goal: str  # latency or throughput
    dims: str | None
    batch: int | None  # None for throughput: any batch may win
    winner: Cell | None = None  # a row of the summary
    peers: list[Cell] = field(default_factory=list)  # cannot be told apart from the winner
    certain: bool = False  # intervals stand behind it, not only the ranges of a few rounds
    ruled_out: dict[str, int] = field(default_factory=dict)  # reason -> cells
    reason: str = ""  # why there is no winner


def recommend(
    summary: pd.DataFrame,
    max_latency_ms: float | None = None,
    max_error: float | None = None,
    max_memory_mb: float | None = None,
    batch: int | None = None,
) -> list[Choice]:
    """Return for each model (and its dims) the lowest latency at each batch, and the highest throughput of all.

    A cell may be chosen where it is valid, failed in no round, its median latency is at most `max_latency_ms`, the
    largest error of its output is at most `max_error` times the largest element of the reference (`max_rel_error`; 0.01
    is 1%), and its process took at most `max_memory_mb` (10^6 bytes, the system's high-water mark). A figure that is
    not known keeps to no limit.

    Latency is that of the scenario `latency`; throughput that of its windows and of the scenario `throughput`.
    Cells of one block are told apart by their paired ratio: its interval lies beyond 1 and the estimate reaches the
    threshold of a verdict. Others (another block, no baseline) by their absolute intervals, which must not overlap.
    """
    limits = Limits(max_latency_ms, max_error, max_memory_mb)
    summary = summary[summary["scenario_kind"].isin(["latency", "throughput"])]
    if batch is not None:
        summary = summary[summary["batch"] == batch]
    choices = []
    for (model, dims), cells in summary.groupby(["model", "dims"], sort=False, dropna=False):
        asked = Choice(str(model), "latency", str(dims) if isinstance(dims, str) else None, None)
        for _, same in cells[cells["scenario_kind"] == "latency"].groupby("batch", sort=False):
            choices.append(_choose(_records(same), limits, replace(asked, batch=int(same["batch"].iloc[0]))))
        choices.append(_choose(_records(cells), limits, replace(asked, goal="throughput")))
    return choices


def _choose(cells: list[Cell], limits: Limits, asked: Choice) -> Choice:
    reasons = {cell["cell_id"]: _ruled_out(cell, limits, asked.goal) for cell in cells}
    ruled_out = dict(Counter(reason for reason in reasons.values() if reason).most_common())
    able = [cell for cell in cells if not reasons[cell["cell_id"]]]
    if not able:
        counts = ", ".join(f"{count} {reason}" for reason, count in ruled_out.items())
        return replace(asked, ruled_out=ruled_out, reason=f"no cell may be chosen: {counts}")
    if asked.goal == "throughput":
        winner = max(able, key=lambda cell: float(cell["throughput_items_s"]))
        peers = [cell for cell in able if cell is not winner and _overlap(winner, cell, "throughput", "_items_s")]
    else:
        paired = len({cell["block_id"] for cell in able}) == 1 and all(cell["effects"] for cell in able)
        winner = max(able, key=lambda cell: float(cell["speedup"] if paired else -cell["latency_ns"]))
        peers = [cell for cell in able if cell is not winner and not _slower(cell, winner)]
    certain = all(isfinite(cell["cost_level"]) for cell in able) and not any(_loosely(cell, winner) for cell in able)
    return replace(asked, winner=winner, peers=peers, certain=certain, ruled_out=ruled_out)


def _ruled_out(cell: Cell, limits: Limits, goal: str) -> str:
    """Return in a few words why a cell may not be chosen; empty where it may."""
    if cell["status"] != Status.OK:
        return str(cell["status"])
    if not cell["valid"]:
        flags = [flag for flag in cell["flags"] if flag in _WORDS]
        return _WORDS[flags[0]] if flags else str(cell["invalid_reason"])
    if cell["failed_trials"]:
        return "failed in some rounds"
    bounds = [
        ("latency", cell["latency_ns"] / 1e6, limits.latency_ms, "ms"),
        ("error", cell["max_rel_error"], limits.error, ""),
        ("memory", cell["peak_rss_bytes"] / 1e6, limits.memory_mb, "MB"),
    ]
    for name, value, limit, unit in bounds:
        if limit is not None and not value <= limit:
            return f"{name} unknown" if value != value else f"{name} over {limit:g} {unit}".rstrip()
    if goal == "throughput" and not cell["throughput_items_s"] > 0:
        return "throughput not measured"
    return ""


def _slower(cell: Cell, winner: Cell) -> bool:
    """Tell whether a cell is known to be slower than the winner."""
    if cell["block_id"] == winner["block_id"] and cell["effects"] and winner["effects"]:
        r, _ = through_baseline(winner["effects"], cell["effects"])
        return leaning(r, winner["threshold"]) == SLOWER
    return not _overlap(winner, cell, "latency", "_ns")


def _loosely(cell: Cell, winner: Cell) -> bool:
    """Tell whether a cell is set beside the winner by a mere range: too few rounds have both."""
    if cell is winner or cell["block_id"] != winner["block_id"] or not (cell["effects"] and winner["effects"]):
        return False
    return through_baseline(winner["effects"], cell["effects"])[0].level is None


def _overlap(a: Cell, b: Cell, name: str, unit: str) -> bool:
    low, high = f"{name}_low{unit}", f"{name}_high{unit}"
    return bool(a[low] <= b[high] and b[low] <= a[high])


def _records(cells: pd.DataFrame) -> list[Cell]:
    records: list[Cell] = [
        dict(zip(cells.columns, row, strict=True)) for row in cells.itertuples(index=False, name=None)
    ]
    return records
