"""A comparison as JSON: the words of every other form, and the numbers behind them."""

from math import exp, isfinite
from typing import Any

from bench.analysis.comparison.pairs import Comparison, Difference, Pair, Side
from bench.analysis.intervals import Interval
from bench.report.comparison.told import Told, told

Json = dict[str, Any]


def as_record(found: Comparison) -> Json:
    """Return a comparison as JSON values. Costs are ns; ratios are cost of B over cost of A: above 1 is slower."""
    view = told(found)
    return {
        "title": view.title,
        "basis": found.basis,
        "headline": view.headline,
        "more": list(view.more),
        "warning": view.warning,
        "notes": list(view.notes),
        "deciding_command": found.command,
        "threshold": found.threshold,
        "forced": found.forced,
        "a": _side(found.a),
        "b": _side(found.b),
        "counts": {"regression": len(found.regressions), **found.counts},
        "regressions": [pair.cell for pair in found.regressions],
        "shift_ratio": _number(exp(found.shift.r)) if found.shift.cells else None,
        "shift_cells": found.shift.cells,
        "changed": [_difference(each) | {"cells": cells} for each, cells in found.changed],
        "caveats": [vars(caveat) for caveat in view.caveats],
        "means": _means(found),
        "cells": _cells(view),
    }


def _side(side: Side) -> Json:
    return {**vars(side), "path": str(side.path)}


def _difference(each: Difference) -> Json:
    return dict(vars(each))


def _means(found: Comparison) -> list[Json]:
    return [
        {"metric": mean.metric, "target": mean.target or None, "models": mean.models, "cells": mean.pairs}
        | {"verdict": mean.verdict, "reason": mean.reason, **_ratio("", mean.ratio)}
        for mean in found.means
    ]


def _cells(view: Told) -> list[Json]:
    return [_cell(line.pair) | {"name": line.name, "change": line.change} for line in view.lines]


def _cell(pair: Pair) -> Json:
    names = ("model", "precision", "target", "target_label", "batch", "dims", "threads", "scenario", "scenario_kind")
    found: Json = {"cell_id": pair.cell, "metric": pair.metric, "basis": pair.basis}
    found |= {name: getattr(pair, name) for name in names}
    found |= {"verdict": pair.verdict, "regression": pair.regression, "confirmed": pair.confirmed}
    found |= {"reason": pair.reason, "forced": pair.forced, "rests_on": pair.rests_on or None}
    for side in ("a", "b"):
        cost: Interval = getattr(pair, side)
        bounds = {"": cost.estimate, "_low": cost.low, "_high": cost.high}
        found |= {f"{side}{part}_ns": _number(value) for part, value in bounds.items()}
        found |= {f"{side}_level": cost.level, f"{side}_rounds": cost.n}
    for name in ("", "absolute_", "relative_", "second_"):
        found |= _ratio(name, getattr(pair, name.removesuffix("_") or "ratio"))
    found["flags"] = dict(pair.caveats)
    found["differs"] = [_difference(each) for each in pair.differs]
    return found | {"changed": [_difference(each) for each in pair.changed]}


def _ratio(name: str, r: Interval) -> Json:
    bounds = {"": r.estimate, "_low": r.low, "_high": r.high}
    found = {f"{name}ratio{part}": _number(exp(value)) for part, value in bounds.items()}
    return {**found, f"{name}ratio_level": r.level, f"{name}rounds": r.n}


def _number(value: float) -> float | None:
    return value if isfinite(value) else None
