"""Compare a cell's outputs with the reference. One implementation for every target."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Outputs = dict[str, Any]


@dataclass(frozen=True)
class Truth:
    """How far the outputs are from the reference, over all input sets: the worst of each measure.

    max_abs_error: largest |d|. max_rel_error: largest |d| over the largest |reference| of its output. cosine: of each
    output, flattened. sqnr_db: 10 log10(sum ref^2 / sum d^2), 999 where equal. top1_agreement: share of rows whose
    largest element is the same, for classifications only. output_ok is None without a reference.
    """

    output_ok: bool | None = None
    max_abs_error: float | None = None
    max_rel_error: float | None = None
    cosine: float | None = None
    sqnr_db: float | None = None
    top1_agreement: float | None = None
    problem: str = ""


EQUAL_DB = 999.0


def compare(
    references: list[Outputs], outputs: list[Outputs], tolerance: dict[str, float], classification: bool
) -> Truth:
    """Judge `outputs` (one mapping of name to array for each input set) by every bound in `tolerance`.

    Bounds: relative and absolute together (|d| <= relative |ref| + absolute max|ref|), sqnr_db, cosine, top1.
    """
    worst: dict[str, float] = {}
    ok, problem = True, ""
    for reference, found in zip(references, outputs, strict=True):
        pairs = _pair(reference, found)
        if pairs is None:
            return Truth(output_ok=False, problem=_shapes(reference, found))
        for expected, actual in pairs:
            if not _same_holes(expected, actual):
                ok, problem = False, "an output is infinite or not a number where the reference is not, or the reverse"
            measures, inside = _measure(expected, actual, tolerance, classification)
            ok = ok and inside
            for name, value in measures.items():
                pick = max if name.endswith("error") else min
                worst[name] = pick(worst.get(name, value), value)
    return Truth(output_ok=ok, problem=problem, **worst)


def _pair(reference: Outputs, found: Outputs) -> list[tuple[Any, Any]] | None:
    """Pair outputs by name, else by position; None where counts or shapes differ."""
    if set(reference) == set(found):
        pairs = [(reference[name], found[name]) for name in reference]
    elif len(reference) == len(found):
        pairs = list(zip(reference.values(), found.values(), strict=True))
    else:
        return None
    return pairs if all(a.shape == b.shape for a, b in pairs) else None


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


def _measure(
    expected: Any, actual: Any, tolerance: dict[str, float], classification: bool
) -> tuple[dict[str, float], bool]:
    if _is_text(expected) or _is_text(actual) or expected.size == 0:
        return {}, bool(np.array_equal(expected, actual))
    ref, out = expected.astype(np.float64), actual.astype(np.float64)
    finite = np.isfinite(ref) & np.isfinite(out)
    ref, out = np.where(finite, ref, 0.0), np.where(finite, out, 0.0)
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
    if classification and ref.ndim >= 2:
        measures["top1_agreement"] = float(np.mean(np.argmax(ref, axis=-1) == np.argmax(out, axis=-1)))
    inside = True
    if "relative" in tolerance or "absolute" in tolerance:
        bound = tolerance.get("relative", 0.0) * np.abs(ref) + tolerance.get("absolute", 0.0) * scale
        inside = bool(np.all(delta <= bound))
    lowest = {"sqnr_db": "sqnr_db", "cosine": "cosine", "top1": "top1_agreement"}
    return measures, inside and all(
        measures[measure] >= tolerance[name]
        for name, measure in lowest.items()
        if name in tolerance and measure in measures
    )
