"""Are two sets of outputs the same, element by element, and the row that comes of it.

Arrays are read in pieces, so that size costs no memory.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract.status import Failure
from bench.runner.correctness import numbers_of, pairs
from bench.runner.verify.findings import ENDED, Check, Parting, Verdict, why
from bench.runner.verify.runner import InputSet, OutputFiles

Files = Mapping[str, Path]
PIECE = 1 << 22  # elements compared at a time
HUGE = 1e6


@dataclass(frozen=True)
class Bound:
    """An element may be off by rtol |reference| + atol, as in numpy.allclose, or by more where the scale says so.

    of_largest: in place of atol where it comes to more, in units of the tensor's largest |reference|, as tolerances of
    the catalog are. of_typical: the same in units of its root mean square: FP32 rounds relative to the numbers of a
    sum, so that small elements beside large ones are off by a share of those in a right program too. Masks (-3.4e38)
    and other elements from HUGE on are part of no scale: one would allow all.
    Whole numbers, truth values and text have to be the same.
    """

    rtol: float
    atol: float
    of_largest: float = 0.0
    of_typical: float = 0.0

    def inside(self) -> "Bound":
        """Return the bound of values in between."""
        return replace(self, of_largest=0.0, of_typical=max(self.atol, self.of_largest))


@dataclass(frozen=True)
class Closeness:
    """The worst of all that was compared. `excess` is |d| over its bound: the two differ where it is over 1.

    `problem` is set where they cannot be compared at all, or differ in what is infinite or not a number.
    """

    max_abs: float = 0.0
    share: float = 0.0
    excess: float = 0.0
    output: str = ""
    input_set: int = 0
    problem: str = ""

    @property
    def close(self) -> bool:
        return self.excess <= 1 and not self.problem


def compare(references: Sequence[Files], found: Sequence[Files], bound: Bound) -> Closeness:
    """Compare name -> .npy for each input set. Outputs are paired by name, else by position."""
    worst = Closeness()
    for number, (reference, outputs) in enumerate(zip(references, found, strict=True)):
        each = compare_each(reference, outputs, lambda _: bound)
        if isinstance(each, str):
            return Closeness(excess=float("inf"), input_set=number, problem=each)
        for name, one in each.items():
            worst = _worse(worst, one, name, number)
    return worst


def compare_each(reference: Files, outputs: Files, bound_of: Callable[[str], Bound]) -> dict[str, Closeness] | str:
    """Return how close each output is, by its own name; where their number differs, that in words."""
    paired = pairs(reference, outputs)
    if paired is None:
        return f"{len(outputs)} outputs ({', '.join(outputs)}), and the origin has {len(reference)}"
    return {
        name: replace(
            compare_arrays(np.load(expected, mmap_mode="r"), np.load(actual, mmap_mode="r"), bound_of(name)),
            output=name,
        )
        for name, expected, actual in paired
    }


def compare_arrays(expected: Any, actual: Any, bound: Bound) -> Closeness:
    """Compare two arrays, which may be memory maps."""
    if expected.shape != actual.shape:
        told = f"its shape is {list(actual.shape)}, and the origin's is {list(expected.shape)}"
        return Closeness(excess=float("inf"), problem=told)
    if expected.dtype.kind not in "fiub" or actual.dtype.kind not in "fiub":
        same = bool(np.array_equal(expected, actual))
        return Closeness(problem="" if same else "its text is another", excess=0.0 if same else float("inf"))
    ours, theirs = actual.reshape(-1), expected.reshape(-1)
    pieces = list(_pieces(expected.size))
    if expected.dtype.kind in "iub" and actual.dtype.kind in "iub":
        return _whole(theirs, ours, pieces)
    largest, typical = _scales(theirs, pieces)
    least = max(bound.atol, bound.of_largest * largest, bound.of_typical * typical)
    max_abs = excess = 0.0
    for piece in pieces:
        a, b, same_holes = numbers_of(theirs[piece], ours[piece])
        if not same_holes:
            told = "it is infinite or not a number where the origin is not, or the reverse"
            return Closeness(excess=float("inf"), problem=told)
        delta = np.abs(b - a)
        max_abs = max(max_abs, float(np.max(delta)))
        excess = max(excess, _over(delta, bound.rtol * np.abs(a) + least))
    return Closeness(max_abs, max_abs / largest if largest else max_abs, excess)


def _whole(expected: Any, actual: Any, pieces: Sequence[slice]) -> Closeness:
    """Compare whole numbers as such: as float64 those beyond 2**53 run together."""
    off, largest = 0.0, 0
    for piece in pieces:
        a, b = expected[piece], actual[piece]
        largest = max(largest, *(abs(int(each)) for each in (a.min(), a.max())))
        if np.any(a != b):
            off = max(off, 1.0, float(np.max(np.abs(a.astype(np.float64) - b.astype(np.float64)))))
    return Closeness(off, off / largest if largest else off, float("inf") if off else 0.0)


def _over(delta: Any, allowed: Any) -> float:
    """Return the largest share of its bound that any element takes; a bound of 0 allows nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.max(np.where(delta == 0, 0.0, delta / allowed)))


def _scales(values: Any, pieces: Sequence[slice]) -> tuple[float, float]:
    """Return the largest magnitude below HUGE and the root mean square of what is below it."""
    largest, squares, count = 0.0, 0.0, 0
    for piece in pieces:
        found = np.abs(values[piece].astype(np.float64))
        found = found[found < HUGE]  # neither does NaN count
        largest = max(largest, float(np.max(found, initial=0.0)))
        squares += float(np.sum(found**2))
        count += found.size
    return largest, (squares / count) ** 0.5 if count else 0.0


def _pieces(size: int) -> Iterator[slice]:
    return (slice(start, start + PIECE) for start in range(0, size, PIECE))


def _worse(worst: Closeness, one: Closeness, name: str, number: int) -> Closeness:
    max_abs, share = max(worst.max_abs, one.max_abs), max(worst.share, one.share)
    if one.excess > worst.excess or (one.problem and not worst.problem) or not worst.output:
        return Closeness(max_abs, share, one.excess, name, number, one.problem)
    return Closeness(max_abs, share, worst.excess, worst.output, worst.input_set, worst.problem)


def judge(
    kind: str, name: str, expected: Sequence[OutputFiles], found: Sequence[OutputFiles] | Failure, bound: Bound
) -> Check:
    """Return the check of one comparison. A failure to run is no difference: it says nothing of the model."""
    if isinstance(found, Failure):
        return Check(kind, name, Verdict.CRASHED if found.status in ENDED else Verdict.CANNOT_RUN, why(found))
    close = compare(expected, found, bound)
    return Check(
        kind,
        name,
        Verdict.AGREES if close.close else Verdict.DIFFERS,
        reason=close.problem,
        max_abs=close.max_abs,
        share=close.share,
        excess=close.excess,
        output=close.output,
        input_set=close.input_set,
    )


def discard(found: Any) -> None:
    """Delete outputs that were judged; of a failure there are none."""
    if not isinstance(found, Failure):
        for folder in {path.parent for each in found for path in each.values()}:
            shutil.rmtree(folder, ignore_errors=True)


def told(check: Check, parting: Parting | str) -> Check:
    """Return the check with the node, or with the reason why none can be named."""
    if isinstance(parting, Parting):
        return replace(check, parting=parting)
    return replace(check, reason="; ".join(filter(None, (check.reason, parting))))


def set_of(check: Check, sets: Sequence[InputSet]) -> InputSet:
    """Return the inputs that show a difference best.

    The sequence of a model with state comes after them and begins with the first of them.
    """
    return sets[check.input_set] if check.input_set is not None and check.input_set < len(sets) else sets[0]
