"""A comparison of two sides as its readers see it: one view feeds the terminal, Markdown, JSON and the page."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, isfinite

from bench.analysis.comparison.pairs import JUDGED, LOCKSTEP, ORDER, STORED, Comparison, Mean, Pair
from bench.analysis.comparison.stored import CANNOT_TELL
from bench.analysis.verdicts import FASTER, INCONCLUSIVE, NO_VERDICT, NOT_COMPARABLE, SLOWER, WITHIN_NOISE
from bench.contract.flags import MEANING, Flag
from bench.report import words
from bench.report.comparison.changes import basis, bounds, change, cost, factor
from bench.report.numbers import UNKNOWN, counted, listed
from bench.report.results import Caveat
from bench.report.scope import axis_text
from bench.report.words import State, printable

REGRESSION = State("regression", "▼", "slower, and slower again in an independent second batch of rounds")
STATES = {
    SLOWER: State("slower", "▽", "the whole interval is on that side, and the estimate reaches the threshold"),
    FASTER: State("faster", "△", "the whole interval is on that side, and the estimate reaches the threshold"),
    INCONCLUSIVE: State("inconclusive", "?", "the interval allows a change and no change"),
    WITHIN_NOISE: State("within noise", "≈", "the whole interval lies inside the threshold: nothing worth a word"),
    NOT_COMPARABLE: State("not comparable", "≠", "the sides differ in more than what is compared"),
    NO_VERDICT: State("no verdict", "–", "too little data, no valid result, or only on one side"),
}
AXES = ("batch", "dims", "threads", "scenario")


@dataclass(frozen=True)
class Line:
    """One pair, in the words of every table. `range` is what bounds rest on; `why` says what else must be known."""

    pair: Pair
    state: State
    name: str  # magika FP32 ORT CPU b1
    axes: tuple[str, ...]  # the values of `Told.axes`
    change: str  # 1.08× slower, or 1.02× as long
    bounds: str
    evidence: str  # 96.9% interval, 6 rounds
    a: str
    b: str
    why: str
    caveats: str


@dataclass(frozen=True)
class MeanLine:
    over: str
    change: str
    bounds: str
    count: str


@dataclass(frozen=True)
class Told:
    """Everything a reader of a comparison is told, in the order it is to be read in."""

    title: str
    sides: tuple[tuple[str, str], ...]  # A and B, each with what it is
    warning: str  # what this kind of comparison cannot show; empty for a duel
    command: str  # the duel that decides; empty for a duel
    notes: tuple[str, ...]
    caveats: tuple[Caveat, ...]
    headline: str
    more: tuple[str, ...]
    tally: tuple[tuple[State, int], ...]
    changed: tuple[str, ...]
    axes: tuple[str, ...]  # of AXES, those with several values
    means: tuple[MeanLine, ...]
    lines: tuple[Line, ...]


def told(found: Comparison) -> Told:
    """Return the view of a comparison. Pure; every text is printable."""
    axes = tuple(axis for axis in AXES if len({getattr(pair, axis) for pair in found.pairs}) > 1)
    shared = _shared(found)
    mixed = len({pair.rests_on for pair in found.pairs if pair.rests_on}) > 1
    lines = tuple(_line(pair, axes, shared, mixed) for pair in found.pairs)
    return Told(
        title=printable(found.title),
        sides=tuple((side.name, printable(_side(found, place))) for place, side in enumerate((found.a, found.b))),
        warning=CANNOT_TELL if found.basis == STORED else "",
        command=printable(found.command),
        notes=tuple(map(printable, found.notes)),
        caveats=tuple(_caveats(found)),
        headline=_headline(found, lines),
        more=tuple(_more(found, lines)),
        tally=_tally(found),
        changed=tuple(printable(_change(*each, len(found.pairs))) for each in found.changed),
        axes=axes,
        means=tuple(_mean(mean) for mean in found.means if mean.pairs > 1),
        lines=lines,
    )


def state(pair: Pair) -> State:
    return REGRESSION if pair.regression else STATES[pair.verdict]


def _line(pair: Pair, axes: Sequence[str], shared: set[tuple[str, str]], mixed: bool) -> Line:
    r = pair.ratio
    known = isfinite(r.estimate)
    return Line(
        pair=pair,
        state=state(pair),
        name=printable(_name(pair, axes)),
        axes=tuple(printable(_axis(pair, axis)) for axis in axes),
        change=change(r, pair.verdict),
        bounds=bounds(r, pair.verdict),
        evidence=basis(r) if known else "",
        a=cost(pair, pair.a),
        b=cost(pair, pair.b),
        why=printable(_why(pair, mixed)),
        caveats=", ".join(
            words.flag_word(flag) + ("" if side == "both" else f" ({side})")
            for flag, side in pair.caveats
            if (flag, side) not in shared
        ),
    )


def _name(pair: Pair, axes: Sequence[str]) -> str:
    named = [pair.model, pair.precision_label, pair.target_label]
    return " ".join([*named, *(_axis(pair, axis) for axis in axes)]).strip()


def _axis(pair: Pair, axis: str) -> str:
    value = getattr(pair, axis)
    return UNKNOWN if value is None else axis_text(axis, value)


def _why(pair: Pair, mixed: bool) -> str:
    """What else must be known of a pair: its reason, what its verdict rests on, what the second batch found."""
    plain = pair.verdict == INCONCLUSIVE and pair.confirmed is None and not pair.forced  # its state says as much
    parts = [pair.reason] if pair.reason and not plain else []
    if pair.confirmed:
        second = f"{change(pair.second, SLOWER)}, {bounds(pair.second, SLOWER)}, {basis(pair.second)}"
        parts.append(f"confirmed by a second batch: {second}")
    if isfinite(pair.relative.estimate):
        other = f"{change(pair.absolute, '')} ({bounds(pair.absolute, '')})"
        parts.append(f"by {pair.rests_on}; by its absolute times {other}")
    elif pair.rests_on and mixed:
        parts.append(f"by {pair.rests_on}")
    return "; ".join(parts)


def _side(found: Comparison, place: int) -> str:
    side = (found.a, found.b)[place]
    when = side.started_at[:16].replace("T", " ")
    return (
        side.words
        if found.basis == LOCKSTEP
        else " · ".join(filter(None, [side.words, side.suite, when, side.machine]))
    )


def _tally(found: Comparison) -> tuple[tuple[State, int], ...]:
    regressions, counts = len(found.regressions), found.counts
    first = ((REGRESSION, regressions),) if found.basis == LOCKSTEP else ()
    counts[SLOWER] -= regressions
    return (*first, *((STATES[verdict], counts[verdict]) for verdict in ORDER))


def _change(difference: object, cells: int, total: int) -> str:
    return f"{difference}" if cells == total else f"{difference} ({counted(cells, 'cell')})"


def _headline(found: Comparison, lines: Sequence[Line]) -> str:
    """The verdict in one sentence, with the largest effect and what it rests on."""
    cells = counted(len(lines), "cell")
    if found.regressions:
        many = counted(len(found.regressions), "regression")
        return f"{many} confirmed by a second batch{_largest(lines, found.regressions)}."
    for verdict in (SLOWER, FASTER):
        those = [pair for pair in found.pairs if pair.verdict == verdict]
        if those:
            are = {STORED: ("reads", "read"), LOCKSTEP: ("is", "are")}[found.basis][len(those) > 1]
            return f"{len(those):,} of {cells} {are} {verdict} on side B{_largest(lines, those)}."
    judged = [pair for pair in found.pairs if pair.verdict in JUDGED]
    if not judged:
        counts = [
            f"{count:,} {one.name.replace('no verdict', 'without a verdict')}" for one, count in _tally(found) if count
        ]
        return (
            f"None of {cells} could be judged: {listed(counts)}." if len(lines) > 1 else f"No verdict: {lines[0].why}."
        )
    counts = [
        f"{count:,} {one.name}" for one, count in _tally(found) if count and one.name in (WITHIN_NOISE, INCONCLUSIVE)
    ]
    return f"No cell is called slower or faster: {listed(counts)} of {cells}."


def _largest(lines: Sequence[Line], those: Sequence[Pair]) -> str:
    line = next(line for line in lines if line.pair is those[0])
    which = ", the largest" if len(those) > 1 else ""
    return f"{which}: {line.name} {line.change} ({line.bounds}, {line.evidence})"


def _more(found: Comparison, lines: Sequence[Line]) -> Iterator[str]:
    """What else must be read with the headline, each in a sentence."""
    slower = [pair for pair in found.pairs if pair.verdict == SLOWER]
    faster = [pair for pair in found.pairs if pair.verdict == FASTER]
    unconfirmed = [pair for pair in slower if not pair.regression]
    if found.regressions and unconfirmed:
        yield f"{counted(len(unconfirmed), 'cell')} more slower in one batch only."
    if slower and faster:
        yield f"{counted(len(faster), 'cell')} faster{_largest(lines, faster)}."
    unfit, none = (found.counts[verdict] for verdict in (NOT_COMPARABLE, NO_VERDICT))
    if unfit + none and any(pair.verdict in JUDGED for pair in found.pairs):
        of_these = f", {unfit:,} of them not comparable" if unfit and none else ", not comparable" if unfit else ""
        yield f"{counted(unfit + none, 'cell')} without a verdict{of_these}; the table says why for each."
    if found.shift.cells:
        yield _shift(found)


def _shift(found: Comparison) -> str:
    size = abs(found.shift.r)
    if exp(size) - 1 < found.threshold:
        return f"All {found.shift.cells:,} comparable cells together moved by less than {100 * found.threshold:.3g}%."
    way = "slower" if found.shift.r > 0 else "faster"
    return (
        f"All {found.shift.cells:,} comparable cells together moved by {factor(size)} ({way} on side B): "
        "the machine, or something they all share."
    )


def _mean(mean: Mean) -> MeanLine:
    over = f"{mean.metric}, {mean.target}" if mean.target else f"{mean.metric}, all targets"
    count = f"{counted(mean.models, 'model')}, {counted(mean.pairs, 'cell')}"
    return MeanLine(printable(over), change(mean.ratio, mean.verdict), bounds(mean.ratio, mean.verdict), count)


def _shared(found: Comparison) -> set[tuple[str, str]]:
    """Flags that every measured pair has on both sides: said once."""
    measured = [set(pair.caveats) for pair in found.pairs if isfinite(pair.a.estimate) and isfinite(pair.b.estimate)]
    return set.intersection(*measured) if len(measured) > 1 else set()


def _caveats(found: Comparison) -> Iterator[Caveat]:
    """What a reader must know before any number, each with the count of cells it touches."""
    forced = sum(pair.forced for pair in found.pairs)
    if forced:
        meaning = "they differ in what should be the same, and were compared because --force was given"
        yield Caveat(counted(forced, "cell"), "forced", meaning)
    ranges = sum(isfinite(pair.ratio.estimate) and pair.ratio.level is None for pair in found.pairs)
    if ranges:
        yield Caveat(counted(ranges, "cell"), "without an interval", "too few rounds give a range, and so no verdict")
    counts = Counter(flag for pair in found.pairs for flag, _ in pair.caveats)
    for flag in Flag:
        if counts[flag]:
            yield Caveat(counted(counts[flag], "cell"), words.flag_word(flag), MEANING[flag])
