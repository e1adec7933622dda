"""Compare a cell's outputs with the reference. One implementation for every target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
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
    outputs are: see `agreement`. output_ok is None without a reference; where it is False `problem` says which bounds
    do not hold.
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


LOWEST = {  # bound -> the measure that must not be below it, and in words
    "sqnr_db": ("sqnr_db", "signal to error in dB"),
    "cosine": ("cosine", "cosine"),
    "top1": ("top1_agreement", "top-1 agreement"),
    "top5": ("top5_agreement", "top-5 agreement"),
    "iou": ("iou", "overlap of masks"),
    "rank": ("rank_agreement", "rank agreement"),
}
HOLES = "an output is infinite or not a number where the reference is not, or the reverse"


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
    broken: dict[str, None] = {}  # in words, each once
    furthest = Off()
    sets: list[list[tuple[str, Any, Any]]] = []  # by set, then by output
    for reference, found in zip(references, outputs, strict=True):
        paired = pairs(reference, found)
        if paired is None or any(expected.shape != actual.shape for _, expected, actual in paired):
            return Truth(output_ok=False, problem=_shapes(reference, found))
        for name, expected, actual in paired:
            if _is_text(expected) or _is_text(actual) or expected.size == 0:
                broken |= {} if np.array_equal(expected, actual) else {f"`{name}` is not the same": None}
                continue
            ref, out, same_holes = numbers_of(expected, actual)
            broken |= {} if same_holes else {HOLES: None}
            _keep_worst(worst, _measures(ref, out))
            furthest = max(furthest, _off(name, ref, out, judge.tolerance), key=lambda off: off.times)
        sets.append(paired)
    masks = masks or [None] * len(sets)
    for each in zip(*sets, strict=True):  # an output at a time
        _, expecteds, actuals = (list(column) for column in zip(*each, strict=True))
        _keep_worst(worst, by_kind(judge.kind, expecteds, actuals, masks, judge.threshold))
    if furthest.times > 1:
        broken[
            f"an element of `{furthest.name}` is off by {furthest.by:.2g}, and {furthest.allowed:.2g} is allowed"
        ] = None
    for bound, (measure, words) in LOWEST.items():
        if bound in judge.tolerance and worst.get(measure, inf) < judge.tolerance[bound]:
            broken[f"{words} {worst[measure]:.4g}, and {judge.tolerance[bound]:g} is the least allowed"] = None
    return Truth(output_ok=not broken, problem="; ".join(broken), **worst)


@dataclass(frozen=True)
class Off:
    """The element that is furthest outside its bound: `times` as far off as is allowed."""

    name: str = ""
    by: float = 0.0
    allowed: float = 0.0
    times: float = 0.0


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


def _measures(ref: Any, out: Any) -> dict[str, float]:
    scale, biggest = float(np.max(np.abs(ref))), float(np.max(np.abs(out - ref)))
    noise, signal = float(np.sum((out - ref) ** 2)), float(np.sum(ref**2))
    norm = float(np.sqrt(signal) * np.sqrt(np.sum(out**2)))
    decibels = 10 * float(np.log10(signal / noise)) if noise and signal else 0.0
    return {
        "max_abs_error": biggest,
        "max_rel_error": biggest / scale if scale else biggest,
        "cosine": float(np.sum(ref * out)) / norm if norm else float(noise == 0.0),
        "sqnr_db": min(EQUAL_DB, decibels) if noise else EQUAL_DB,
    }


def _off(name: str, ref: Any, out: Any, tolerance: dict[str, float]) -> Off:
    """Return the element that is furthest off, by the bounds on elements; where there are none, nothing is off."""
    if not {"relative", "absolute"} & tolerance.keys():
        return Off()
    delta = np.abs(out - ref).ravel()
    largest = float(np.max(np.abs(ref)))
    allowed = tolerance.get("relative", 0.0) * np.abs(ref).ravel() + tolerance.get("absolute", 0.0) * largest
    times = np.divide(delta, allowed, out=np.where(delta > 0, inf, 0.0), where=allowed > 0)
    worst = int(np.argmax(times))
    return Off(name, float(delta[worst]), float(allowed[worst]), float(times[worst]))
