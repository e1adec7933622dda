"""Compare a cell's outputs with the reference. One implementation for every target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.runner.agreement import by_kind
from bench.store.columns import EQUAL_DB

Outputs = dict[str, Any]


@dataclass(frozen=True)
class Truth:
    """How far the outputs are from the reference, over all input sets: the worst of each measure.

    max_abs_error: largest |d|. max_rel_error: largest |d| over the largest |reference| of its output. cosine: of each
    output, flattened. sqnr_db: 10 log10(sum ref^2 / sum d^2), 999 where equal. What else there is depends on what the
    outputs are: see `agreement`. output_ok is None without a reference.
    """

    output_ok: bool | None = None
    max_abs_error: float | None = None
    max_rel_error: float | None = None
    cosine: float | None = None
    sqnr_db: float | None = None
    top1_agreement: float | None = None
    top5_agreement: float | None = None
    iou: float | None = None
    rank_agreement: float | None = None
    problem: str = ""


LOWEST = {  # bound -> the measure that must not be below it
    "sqnr_db": "sqnr_db",
    "cosine": "cosine",
    "top1": "top1_agreement",
    "top5": "top5_agreement",
    "iou": "iou",
    "rank": "rank_agreement",
}


@dataclass(frozen=True)
class Judge:
    """By what outputs are judged: every bound in `tolerance`, and measures of their `kind` (see `agreement`).

    Bounds: relative and absolute together (|d| <= relative |ref| + absolute max|ref|), and those of `LOWEST`. A bound
    on what could not be measured (the overlap of empty masks) holds.
    """

    tolerance: dict[str, float]
    kind: str = ""
    threshold: float = 0.5


def compare(references: list[Outputs], outputs: list[Outputs], judge: Judge, masks: list[Any] | None = None) -> Truth:
    """Judge `outputs`: one mapping of name to array for each input set. `masks` are the attention masks of the sets."""
    worst: dict[str, float] = {}
    ok, problem = True, ""
    sets: list[list[tuple[str, Any, Any]]] = []  # by set, then by output
    for reference, found in zip(references, outputs, strict=True):
        paired = pairs(reference, found)
        if paired is None or any(expected.shape != actual.shape for _, expected, actual in paired):
            return Truth(output_ok=False, problem=_shapes(reference, found))
        for _, expected, actual in paired:
            if not _same_holes(expected, actual):
                ok, problem = False, "an output is infinite or not a number where the reference is not, or the reverse"
            measures, inside = _measure(expected, actual, judge.tolerance)
            ok = ok and inside
            _keep_worst(worst, measures)
        sets.append(paired)
    masks = masks or [None] * len(sets)
    for each in zip(*sets, strict=True):  # an output at a time
        _, expecteds, actuals = (list(column) for column in zip(*each, strict=True))
        _keep_worst(worst, by_kind(judge.kind, expecteds, actuals, masks, judge.threshold))
    inside = all(
        worst[measure] >= judge.tolerance[name]
        for name, measure in LOWEST.items()
        if name in judge.tolerance and measure in worst
    )
    return Truth(output_ok=ok and inside, problem=problem, **worst)


def _keep_worst(worst: dict[str, float], measures: dict[str, float]) -> None:
    for name, value in measures.items():
        pick = max if name.endswith("error") else min
        worst[name] = pick(worst.get(name, value), value)


def pairs(reference: Mapping[str, Any], found: Mapping[str, Any]) -> list[tuple[str, Any, Any]] | None:
    """Return (name found, what the reference has, what was found), paired by name, else by position.

    None where their numbers differ.
    """
    if set(reference) == set(found):
        return [(name, expected, found[name]) for name, expected in reference.items()]
    if len(reference) != len(found):
        return None
    return [
        (name, expected, actual) for expected, (name, actual) in zip(reference.values(), found.items(), strict=True)
    ]


def _shapes(reference: Outputs, found: Outputs) -> str:
    def told(outputs: Outputs) -> str:
        return ", ".join(f"{name} {list(value.shape)}" for name, value in outputs.items())

    return f"outputs are {told(found)}; the reference has {told(reference)}"


def _is_text(array: Any) -> bool:
    return array.dtype.kind in "US"


def _same_holes(expected: Any, actual: Any) -> bool:
    """Tell whether what is infinite or not a number in one is the same in the other."""
    if _is_text(expected) or _is_text(actual):
        return True
    holes = ~(np.isfinite(expected) & np.isfinite(actual))
    return bool(np.array_equal(expected[holes].astype(np.float64), actual[holes].astype(np.float64), equal_nan=True))


def joined(outputs: Outputs, joins: Mapping[str, Sequence[str]]) -> Outputs:
    """Return outputs put together the way a twin of the model has them: along axis 1, by the twin's names."""
    if not joins:
        return outputs
    return {own: np.concatenate([outputs[name] for name in names], axis=1) for own, names in joins.items()}


def numbers_of(expected: Any, actual: Any) -> tuple[Any, Any, bool]:
    """Return both as float64 with 0 where either is infinite or not a number, and whether such holes are the same."""
    ref, out = expected.astype(np.float64), actual.astype(np.float64)
    finite = np.isfinite(ref) & np.isfinite(out)
    return np.where(finite, ref, 0.0), np.where(finite, out, 0.0), _same_holes(expected, actual)


def _measure(expected: Any, actual: Any, tolerance: dict[str, float]) -> tuple[dict[str, float], bool]:
    if _is_text(expected) or _is_text(actual) or expected.size == 0:
        return {}, bool(np.array_equal(expected, actual))
    ref, out, _ = numbers_of(expected, actual)
    delta, scale = np.abs(out - ref), float(np.max(np.abs(ref)))
    noise, signal = float(np.sum(delta**2)), float(np.sum(ref**2))
    norm = float(np.sqrt(signal) * np.sqrt(np.sum(out**2)))
    measures = {
        "max_abs_error": float(np.max(delta)),
        "max_rel_error": float(np.max(delta)) / scale if scale else float(np.max(delta)),
        "cosine": float(np.sum(ref * out)) / norm if norm else float(noise == 0.0),
        "sqnr_db": min(EQUAL_DB, 10 * float(np.log10(signal / noise)))
        if noise and signal
        else (EQUAL_DB if not noise else 0.0),
    }
    if "relative" in tolerance or "absolute" in tolerance:
        bound = tolerance.get("relative", 0.0) * np.abs(ref) + tolerance.get("absolute", 0.0) * scale
        return measures, bool(np.all(delta <= bound))
    return measures, True
