"""Clocks that jump: times no honest clock can have given, found before anything is said of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from bench.contract.status import Status

DAY_NS = 86_400e9  # what a run may take at most where its own span is not known
TIMED = {  # what a scenario's cost is taken from
    "latency": ("samples_ns",),
    "device_resident": ("samples_ns",),
    "idle": ("samples_ns",),
    "throughput": ("window_ns",),
    "churn": ("cycle_ns",),
    "cold_start": ("spawn_ns", "import_ns", "create_ns", "first_ns"),
}


def run_problem(meta: Mapping[str, Any]) -> str:
    """Return in words what is wrong with the times of a whole run; empty where nothing is."""
    span = _span_ns(meta)
    if span is None or span >= 0:
        return ""
    return f"the run ended before it started, at {meta['ended_at']} after {meta['started_at']}: its clock was set back"


def cell_problem(cell: pd.DataFrame, meta: Mapping[str, Any]) -> str:
    """Return in words what is wrong with the times of one cell (its trials); empty where nothing is.

    Times that are not above zero, that add up to more than the whole run took, or rounds that start before the ones
    they follow: the clock jumped, and no estimate from it may have a verdict.
    """
    ok = cell[cell["status"] == Status.OK]
    span = _span_ns(meta)
    most = span if span is not None and span > 0 else DAY_NS
    spent = [_times(ok[name]) for kind in ok["scenario_kind"].dropna().unique() for name in TIMED.get(kind, ())]
    times = np.concatenate(spent) if spent else np.empty(0)
    back = int((times <= 0).sum())
    if back:
        return f"its clock stood still or went back: {back} of {times.size} times are not above zero"
    if times.sum() > most:
        told = f"{times.sum() / 1e9:,.0f} s" if np.isfinite(times.sum()) else "more than a number can hold"
        return f"its clock jumped: its times add up to {told}, and the run took at most {most / 1e9:,.0f} s"
    started = cell.sort_values(["group", "round"], kind="stable").dropna(subset=["round", "started_at"])
    for _, own in started.groupby("group"):
        first = own.groupby("round")["started_at"].max()
        if not first.is_monotonic_increasing:
            return "a round started before the one it followed: the clock was set back between them"
    return ""


def _times(column: pd.Series) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Every time of a column of numbers, or of lists of numbers; what is not known is left out."""
    parts = [np.atleast_1d(np.asarray(value, np.float64)) for value in column if value is not None]
    found = np.concatenate(parts) if parts else np.empty(0)
    return found[~np.isnan(found)]


def _span_ns(meta: Mapping[str, Any]) -> float | None:
    """What a run took from its start to its end, ns; None where its meta does not tell."""
    try:
        moments = [datetime.fromisoformat(str(meta[name])) for name in ("started_at", "ended_at")]
        return (moments[1] - moments[0]).total_seconds() * 1e9
    except (KeyError, ValueError, TypeError):  # one has a zone and the other none, say
        return None
