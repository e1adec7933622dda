"""One number a target over all models: geometric means, only over what every target compared can answer for."""

from collections import Counter
from math import exp
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.intervals import Interval, median_interval
from bench.analysis.verdicts import BASELINE, NO_VERDICT, verdict

LATENCY = "latency"
SHARE = 0.5  # of the blocks valid for any target: a mean over fewer is none


def speedups_by_target(summary: pd.DataFrame) -> pd.DataFrame:
    """Return one row a precision and target: its geometric mean speedup against the baseline's FP32.

    Columns: precision, target, target_label, is_baseline, all_models, valid_models (of those, where the target is
    valid), models and blocks (what the mean is over), speedup, speedup_low, speedup_high, speedup_level,
    speedup_rounds, verdict, verdict_reason.
    Only blocks of one kind of scenario take part: latency, or the first one where none has that.
    At each precision the mean is over the blocks in which every target compared is valid and so is the baseline. A
    target is not compared, and has no mean, where it would take more than half of the blocks away from the others;
    those come first that share their blocks with most, then by name. A model counts once, however many blocks it has.

    Round i of the mean is the mean over models of their i-th round's log ratio; blocks are measured independently, so
    these are independent values, and the interval of their median is the exact one (`median_interval`).
    docs/measurement.md, "From rounds to numbers".
    """
    rows: list[dict[str, Any]] = []
    summary = of_one_kind(summary)
    sound = set(summary.loc[summary["is_baseline"] & summary["valid"], "block_id"])
    for precision, cells in summary.groupby("precision", sort=False):
        usable = cells[cells["valid"] & cells["block_id"].isin(sound) & (cells["speedup_rounds"] > 0)]
        blocks = {str(target): set(own["block_id"]) for target, own in usable.groupby("target", sort=False)}
        compared, common = _compared(blocks)
        for target, own in cells.groupby("target", sort=False):
            over = usable[
                (usable["target"] == target) & usable["block_id"].isin(common if target in compared else set())
            ]
            valid = usable.loc[usable["target"] == target, "model"].nunique()
            first = own.iloc[0]
            row = {"precision": precision, "target": target, "target_label": first["target_label"]}
            row |= {
                "is_baseline": bool(first["is_baseline"]),
                "valid_models": valid,
                "all_models": own["model"].nunique(),
            }
            rows.append(row | _mean(over, bool(first["is_baseline"])))
    return pd.DataFrame(rows)


def _compared(blocks: dict[str, set[str]]) -> tuple[set[str], set[str]]:
    """Return the targets that a mean is taken of, and the blocks that all of them have; `blocks` has those of each."""
    common, company = set().union(*blocks.values()), Counter(block for own in blocks.values() for block in own)
    least, compared = SHARE * len(common), set()
    for target in sorted(blocks, key=lambda target: (-sum(company[block] for block in blocks[target]), target)):
        if len(common & blocks[target]) >= least:
            compared.add(target)
            common &= blocks[target]
    return compared, common


def of_one_kind(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the cells whose scenario is of the kind that a run's answer is about: latency, else its first one.

    A rate under load and a start from cold are other quantities than a latency, and no mean goes over several.
    """
    kinds = list(dict.fromkeys(summary["scenario_kind"]))
    return (
        summary if len(kinds) < 2 else summary[summary["scenario_kind"] == (LATENCY if LATENCY in kinds else kinds[0])]
    )


def _mean(cells: pd.DataFrame, is_baseline: bool) -> dict[str, Any]:
    r = combined(cells)
    word, why = NO_VERDICT, "not valid wherever the others were"
    if len(cells):
        word, why = verdict(r, float(cells["threshold"].iloc[0]))
    if is_baseline:
        word, why = BASELINE, ""
    found: dict[str, Any] = {"models": cells["model"].nunique(), "blocks": len(cells)}
    found |= {"speedup": exp(-r.estimate), "speedup_low": exp(-r.high), "speedup_high": exp(-r.low)}
    return found | {"speedup_level": r.level, "speedup_rounds": r.n, "verdict": word, "verdict_reason": why}


def combined(cells: pd.DataFrame) -> Interval:
    """Return the interval of the mean log ratio: round by round, over a model's blocks and then over models."""
    if cells.empty:
        return median_interval([])
    by_model = [
        [[r for _, r in sorted(effects.items(), key=_by_round)] for effects in own["effects"]]
        for _, own in cells.groupby("model", sort=False)
    ]
    rounds = min(len(values) for blocks in by_model for values in blocks)
    means = [np.mean([values[:rounds] for values in blocks], axis=0) for blocks in by_model]
    return median_interval(np.mean(means, axis=0))


def _by_round(item: tuple[tuple[int, int], float]) -> tuple[int, int]:
    (group, number), _ = item
    return number, group
