"""The verdict of a run, from the geometric means that `analysis` takes over models."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench.analysis import speedups_by_target
from bench.analysis.means import of_one_kind
from bench.analysis.verdicts import Judged
from bench.report import words
from bench.report.kinds import KINDS
from bench.report.numbers import counted, listed
from bench.report.scope import Row, Scope, plain


@dataclass(frozen=True)
class Mean:
    """One target at one precision against the baseline, over `models` models; `found` is None where it has no mean."""

    target: str
    precision: str
    found: Judged | None
    models: int
    valid: int  # models it is valid in, of `possible`
    possible: int


@dataclass(frozen=True)
class Headline:
    """`sentence` is the verdict; `more` says what else a reader must know to read it right."""

    sentence: str
    more: tuple[str, ...]


def means(summary: pd.DataFrame) -> tuple[Mean, ...]:
    """Every target at every precision, the baseline included."""
    found, kinds = [], of_one_kind(summary)["scenario_kind"]
    kind = str(kinds.iloc[0]) if len(kinds) else "latency"
    for record in speedups_by_target(summary).to_dict("records"):
        row = {str(name): plain(value) for name, value in record.items()}
        known = row["models"] and row["speedup"] is not None
        told = Judged(
            verdict=row["verdict"],
            ratio=row["speedup"],
            low=row["speedup_low"],
            high=row["speedup_high"],
            level=row["speedup_level"],
            rounds=int(row["speedup_rounds"] or 0),
            reason=row["verdict_reason"] or "",
            kind=kind,
        )
        counts = (int(row["models"] or 0), int(row["valid_models"] or 0), int(row["all_models"] or 0))
        found.append(Mean(row["target"], row["precision"], told if known else None, *counts))
    return tuple(found)


def headline(scope: Scope, found: Sequence[Mean]) -> Headline:
    """The fastest configuration in one sentence; then the fastest at FP32 alone, ties, and what has no mean.

    A mean over less than half of the models of the widest one cannot be the headline.
    """
    others = [mean for mean in found if mean.found and mean.found.verdict != "baseline"]
    if not others:
        own = list(scope.answering)
        why = "nothing compared" if any(row["is_baseline"] and row["valid"] for row in own) else "no baseline"
        why = "no mean" if any(mean.valid and not mean.found for mean in found) else why
        return Headline(words.NO_HEADLINE[why].format(baseline=scope.baseline), tuple(_elsewhere(scope)))
    widest = max(mean.models for mean in others)
    ranked = sorted((mean for mean in others if 2 * mean.models >= widest), key=_ratio, reverse=True)
    best, more = ranked[0], []
    same = next((mean for mean in ranked if mean.precision == "fp32"), None)
    if same and same is not best:
        more.append(f"At FP32 alone, {_sentence(scope, same)}.")
    tied = [mean for mean in ranked[1:] if _overlap(mean, best)]
    if tied:
        names = listed([_name(scope, mean) for mean in tied[:3]] + ["others"] * (len(tied) > 3))
        more.append(f"Its bounds overlap with those of {names}, so these figures do not tell them apart.")
    left = [mean for mean in found if not mean.found and mean.valid]
    if few := [mean for mean in left if 2 * mean.valid < len(scope.models)]:
        names = listed([f"{_name(scope, mean)} ({mean.valid} of {mean.possible} models)" for mean in few])
        more.append(f"Valid in too few models for a mean: {names}.")
    if apart := [mean for mean in left if mean not in few]:
        names = listed([_name(scope, mean) for mean in apart])
        more.append(f"Measured in other cases than the rest, so in no mean: {names}.")
    return Headline(f"{_sentence(scope, best)}.", (*more, *_elsewhere(scope)))


def _elsewhere(scope: Scope) -> list[str]:
    """What else the run measured, which is in no sentence above."""
    called = {row["scenario"]: _called(row) for row in scope.rows}
    mine = {row["scenario"] for row in scope.answering}
    other = [name for scenario, name in called.items() if scenario not in mine]
    these = listed([name for scenario, name in called.items() if scenario in mine])
    return [f"That is of {these}; this run also has {listed(other)}, told apart below."] if other else []


def _called(row: Row) -> str:
    label = KINDS[row["scenario_kind"]].label
    return label if row["scenario"].replace("_", " ") == label else f"{row['scenario']} ({label})"


def _ratio(mean: Mean) -> float:
    return (mean.found.ratio if mean.found else None) or 0.0


def _overlap(mean: Mean, best: Mean) -> bool:
    assert mean.found is not None and best.found is not None
    return (mean.found.high or 0.0) >= (best.found.low or 0.0)


def _name(scope: Scope, mean: Mean) -> str:
    return scope.name({"target": mean.target, "precision": mean.precision})


def _sentence(scope: Scope, mean: Mean) -> str:
    assert mean.found is not None
    total = len(scope.models)
    if mean.models > 1:
        of = "" if mean.models == total else f" of {total}"
        over = f"geometric mean of {mean.models}{of} models"
    else:
        over = f"on {scope.models[0]}" if total == 1 else f"on one of {counted(total, 'model')}"
    return words.headline(mean.found, _name(scope, mean), scope.baseline, over)
