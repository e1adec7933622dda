"""What a stored comparison and a duel share: the parts of a pair, why it has no verdict, means over pairs."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, log, nan
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.comparison.differences import Facts, Row
from bench.analysis.comparison.pairs import JUDGED, LOCKSTEP, METRICS, Mean, Pair
from bench.analysis.intervals import Interval, median_interval
from bench.analysis.means import combined
from bench.analysis.verdicts import NO_VERDICT, verdict
from bench.contract.status import Status


def by_cell(summary: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the rows of a summary by cell id, in order; every kind of null text is None."""
    return {
        str(row["cell_id"]): {str(name): value for name, value in row.items()} for row in summary.to_dict("records")
    }


def logged(cost: Interval) -> Interval:
    """Return a cost's interval as logarithms: order statistics keep their place. Costs are above zero, or NaN."""
    estimate, low, high = (log(value) if value > 0 else nan for value in (cost.estimate, cost.low, cost.high))
    return Interval(estimate, low, high, cost.level, cost.n)


def caveats_of(a: Row | None, b: Row | None) -> tuple[tuple[str, str], ...]:
    """Return every flag of either side with the side that has it: A, B or both."""
    has = [set(row["flags"]) if row else set() for row in (a, b)]
    return tuple(
        (str(flag), "both" if flag in has[0] & has[1] else "A" if flag in has[0] else "B")
        for flag in sorted(has[0] | has[1])
    )


def why_not(a: str, b: str) -> str:
    """Return one sentence of what stands in the way on side A and on side B; empty where nothing does."""
    if a and a == b:
        return f"A and B: {a}"
    return "; ".join(f"{name}: {why}" for name, why in (("A", a), ("B", b)) if why)


def did_not_run(row: Row) -> str:
    """Return why a cell has no result at all; empty where it has one."""
    status = str(row["status"])
    return "" if status == Status.OK else str(row["invalid_reason"]).replace(status, status.replace("_", " "), 1)


def means_of(pairs: Sequence[Pair], basis: str, threshold: float) -> tuple[Mean, ...]:
    """Return a mean for each metric over all targets, and one for each of its targets where there are several.

    Over the pairs that could be compared; a model counts once. In a duel round i of a mean is the mean over models of
    their i-th round, as in `bench.analysis.means`, so that its interval is exact. Stored runs have no such rounds:
    their mean has no bounds and no verdict.
    """
    found = []
    judged = [pair for pair in pairs if pair.verdict in JUDGED]
    for kind, metric in METRICS.items():
        own = [pair for pair in judged if pair.scenario_kind == kind]
        labels = list(dict.fromkeys(pair.target_label for pair in own))
        groups: dict[str, list[Pair]] = {"": own} if own else {}
        if len(labels) > 1:
            groups |= {label: [pair for pair in own if pair.target_label == label] for label in labels}
        found += [_mean(metric, label, members, basis, threshold) for label, members in groups.items()]
    return tuple(found)


def _mean(metric: str, label: str, pairs: Sequence[Pair], basis: str, threshold: float) -> Mean:
    models = list(dict.fromkeys(pair.model for pair in pairs))
    if basis == LOCKSTEP:
        r = combined(
            pd.DataFrame({"model": [pair.model for pair in pairs], "effects": [pair.effects for pair in pairs]})
        )
        word, why = verdict(r, threshold)
    else:
        each = [np.mean([pair.ratio.estimate for pair in pairs if pair.model == model]) for model in models]
        r = Interval(float(np.mean(each)), nan, nan, None, len(pairs))
        word, why = NO_VERDICT, "stored runs share no rounds, so their mean has no interval"
    return Mean(metric, label, r, len(models), len(pairs), word, why)


def cost_of(medians: Iterable[float]) -> Interval:
    """Return a cell's cost, ns: the median of its trials' medians with the exact interval."""
    return median_interval(value for value in medians if isfinite(value))


def label_of(row: Mapping[str, Any]) -> str:
    return str(row["target_label"] or row["target"])


def precision_of(facts: Facts, name: str) -> str:
    return str(facts.part("precisions", name).get("label") or name.upper())
