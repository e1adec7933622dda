"""The table of every cell, failed and skipped ones included, and the counts and caveats that stand above it."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.analysis.outcome import DISQUALIFYING
from bench.contract.flags import MEANING, Flag
from bench.report import numbers, words
from bench.report.numbers import UNKNOWN
from bench.report.scope import Row, Scope, axis_text, comparison
from bench.report.words import State


@dataclass(frozen=True)
class Entry:
    """One cell of the table: what is read, a smaller line under it, and what it is sorted by if not the text."""

    text: str
    small: str = ""
    sort: float | None = None
    tone: str = ""  # faster or slower, which the text says too


@dataclass(frozen=True)
class Column:
    name: str
    numeric: bool = False
    filtered: bool = False


@dataclass(frozen=True)
class Line:
    """One row. Where nothing was measured `reason` takes the place of the entries after `Result`."""

    anchor: str
    state: State
    entries: tuple[Entry, ...]
    reason: str = ""


@dataclass(frozen=True)
class Table:
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    leading: int  # columns up to and including Result
    note: str


@dataclass(frozen=True)
class Caveat:
    count: str
    name: str
    meaning: str


def state(row: Row) -> State:
    return words.state_of(row["status"], bool(row["valid"]), row["flags"])


def tally(scope: Scope) -> tuple[tuple[State, int], ...]:
    """How many cells are in each state; every state but `not valid` is there even at zero."""
    found = [state(row) for row in scope.rows]
    return tuple((one, found.count(one)) for one in words.STATES if one in found or one is not words.INVALID)


def caveats(scope: Scope) -> tuple[Caveat, ...]:
    """What a reader must know before any number: of the whole run first, then each flag with its count of cells."""
    found = []
    if scope.meta.get("interrupted"):
        found.append(Caveat("This run", "was interrupted", "it holds only what had been measured by then"))
    measured = [row for row in scope.rows if row["status"] == "ok"]
    ranges = [row for row in measured if row["speedup"] and row["speedup_level"] is None and not row["is_baseline"]]
    if ranges:
        rounds = max(int(row["speedup_rounds"] or 0) for row in ranges)
        meaning = f"at most {counted_rounds(rounds)} give a range, no interval, and so no verdict"
        found.append(Caveat(_of(len(ranges), len(measured)), "without a verdict", meaning))
    for flag in Flag:
        count = sum(flag in row["flags"] for row in scope.rows)
        if count:
            found.append(Caveat(_of(count, len(measured)), words.flag_word(flag), MEANING[flag]))
    lost = sum(bool(row["failed_trials"]) for row in measured)
    if lost:
        found.append(Caveat(_of(lost, len(measured)), "with failed rounds", "they rest on the rounds that did end"))
    return tuple(found)


def counted_rounds(rounds: int) -> str:
    return numbers.counted(rounds, "round")


def _of(count: int, total: int) -> str:
    return f"All {numbers.counted(count, 'measured cell')}" if count == total > 1 else numbers.counted(count, "cell")


def anchors(scope: Scope) -> Mapping[str, str]:
    """A permanent, readable and unique id for every cell: `cell-magika-fp32-cpu-b1-t2-latency`."""
    found: dict[str, str] = {}
    for row in scope.rows:
        base = f"{scope.prefix}cell-{re.sub('[^A-Za-z0-9._-]+', '-', row['cell_id'])}"
        taken = set(found.values())
        found[row["cell_id"]] = next(name for name in _numbered(base) if name not in taken)
    return found


def _numbered(base: str) -> "list[str]":
    return [base, *(f"{base}-{number}" for number in range(2, 1000))]


Write = Callable[[Scope, Row], Entry]


def _speedup(scope: Scope, row: Row) -> Entry:
    found = comparison(row)
    if found.ratio is None:
        return Entry(UNKNOWN, found.reason)
    if not row["valid"]:
        return Entry("no verdict", f"ran {words.outcome(found)}")
    shown = words.outcome(found)
    if found.verdict in ("within noise", "inconclusive"):
        shown += f", {numbers.factor(found.ratio)}"
    return Entry(
        shown, words.bounds(found), found.ratio, found.verdict if found.verdict in ("faster", "slower") else ""
    )


def _latency(_: Scope, row: Row) -> Entry:
    value = row["latency_ns"]
    if value is None:
        return Entry(UNKNOWN)
    low, high = row["latency_low_ns"], row["latency_high_ns"]
    return Entry(numbers.duration(value), "" if low is None else numbers.duration_range(value, low, high), value)


def _tail(_: Scope, row: Row) -> Entry:
    return Entry(numbers.duration(row["p95_ns"]), "", row["p95_ns"])


def _throughput(_: Scope, row: Row) -> Entry:
    return Entry(numbers.rate(row["throughput_items_s"]), "", row["throughput_items_s"])


def _output(_: Scope, row: Row) -> Entry:
    if row["output_ok"] is None:
        return Entry("not known")
    sqnr, largest = row["sqnr_db"], row["max_abs_error"]
    close = (
        "equal"
        if sqnr == float("inf") or (sqnr is None and largest == 0)
        else "right"
        if sqnr is None
        else f"{sqnr:.0f} dB"
    )
    more = [f"max {numbers.error(largest)}"] if largest is not None else []
    if row["top1_agreement"] is not None:
        more.append(f"top-1 {numbers.percent(row['top1_agreement'])}")
    return Entry(close if row["output_ok"] else f"wrong, {close}", ", ".join(more), sqnr)


def _effective(scope: Scope, row: Row) -> Entry:
    name = row["precision_effective"]
    return Entry("not known" if name is None else scope.precisions.get(name, str(name).upper()))


def _placement(_: Scope, row: Row) -> Entry:
    total, mine = row["nodes_total"], row["nodes_on_provider"]
    if not total or mine is None:
        return Entry("native" if row["provider"] is None else "not known")
    elsewhere = [f"{count} {short(name)}" for name, count in nodes(row).items() if name != row["provider"] and count]
    told = f"{int(mine)} of {int(total)} nodes" if mine < total else f"all {int(total)} nodes"
    time = row["time_on_provider"]
    extra = [*elsewhere, *([f"{numbers.percent(time)} of time"] if time is not None and mine < total else [])]
    return Entry(told, ", ".join(extra), mine / total)


def _memory(_: Scope, row: Row) -> Entry:
    device = row["device_bytes"]
    return Entry(
        numbers.size(row["peak_rss_bytes"]),
        "" if device is None else f"{numbers.size(device)} on device",
        row["peak_rss_bytes"],
    )


def _flags(scope: Scope, row: Row) -> Entry:
    told = [words.flag_word(flag) for flag in row["flags"] if flag not in shared_flags(scope)]
    if row["failed_trials"]:
        told.append(f"{int(row['failed_trials'])} of {int(row['failed_trials'] + (row['rounds'] or 0))} rounds failed")
    return Entry(", ".join(told))


def shared_flags(scope: Scope) -> set[str]:
    """Flags that every measured cell carries: said once, not in every row."""
    measured = [set(row["flags"]) for row in scope.rows if row["status"] == "ok"]
    return set.intersection(*measured) if len(measured) > 1 else set()


def _why(found: State, row: Row) -> str:
    """In a few words, why a measured cell is unstable or not valid."""
    causes = {words.INVALID: DISQUALIFYING, words.UNSTABLE: tuple(sorted(words.UNSTABLE_FLAGS))}.get(found, ())
    return ", ".join(words.flag_word(flag) for flag in causes if flag in row["flags"]) or row["invalid_reason"] or ""


_MEASURED: tuple[tuple[Column, Write], ...] = (
    (Column("Speedup", numeric=True), _speedup),
    (Column("Latency", numeric=True), _latency),
    (Column("p95", numeric=True), _tail),
    (Column("Items/s", numeric=True), _throughput),
    (Column("Output SQNR", numeric=True), _output),
    (Column("Computed in"), _effective),
    (Column("Placement", numeric=True), _placement),
    (Column("Peak memory", numeric=True), _memory),
    (Column("Caveats"), _flags),
)


def nodes(row: Row) -> dict[str, int]:
    """Execution provider -> nodes, of a cell that tells; empty for others."""
    found = row["placement"]
    return dict(json.loads(found)) if isinstance(found, str) and found else dict(found or {})


def short(provider: str) -> str:
    return provider.removesuffix("ExecutionProvider")


def table(scope: Scope) -> Table:
    """Every cell of the run. What is the same in all of them is one line above the table, not a column."""
    names = anchors(scope)
    axes = [axis for axis in scope.varying if axis != "concurrency"]
    tails = any(row["p95_ns"] for row in scope.rows)
    measured = [(column, write) for column, write in _MEASURED if tails or column.name != "p95"]
    first = (Column("Model", filtered=True), *(Column(axis.capitalize(), axis != "scenario", True) for axis in axes))
    leading = (
        *first,
        Column("Precision", filtered=True),
        Column("Target", filtered=True),
        Column("Result", filtered=True),
    )
    lines = []
    for row in scope.rows:
        one = state(row)
        settings = (Entry(_axis(axis, row[axis]), sort=_number(row[axis])) for axis in axes)
        entries = [
            Entry(row["model"]),
            *settings,
            Entry(scope.precisions[row["precision"]]),
            Entry(scope.targets[row["target"]]),
        ]
        reason = ""
        if row["status"] == "ok":
            entries += [Entry(one.name), *(write(scope, row) for _, write in measured)]
            entries[len(leading) - 1] = Entry(one.name, _why(one, row))
        else:
            entries.append(Entry(one.name))
            word = words.STATUS_WORDS[row["status"]]
            reason = f"{word}: {row['reason']}" if row["reason"] else word
        lines.append(Line(names[row["cell_id"]], one, tuple(entries), reason))
    return Table((*leading, *(column for column, _ in measured)), tuple(lines), len(leading), _note(scope, tails))


def _axis(axis: str, value: object) -> str:
    return UNKNOWN if value is None else axis_text(axis, value) if axis == "dims" else str(value)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _note(scope: Scope, tails: bool) -> str:
    """What all cells share, and what the small lines are."""
    told = []
    for axis, word in (
        ("batch", "Batch size"),
        ("threads", "Threads"),
        ("scenario", "Scenario"),
        ("concurrency", "Requests in flight"),
    ):
        found = {row[axis] for row in scope.rows if row[axis] is not None}
        if len(found) == 1:
            value = found.pop()
            told.append(f"{word}: {f'{value:g}' if isinstance(value, float) else value}.")
    bases = {words.basis(comparison(row)) for row in scope.rows if row["speedup"] and not row["is_baseline"]} - {""}
    if bases:
        told.append(f"Under a speedup stand its bounds ({numbers.listed(sorted(bases))}).")
    if shared_flags(scope):
        told.append(
            f"Every measured cell: {numbers.listed([words.flag_word(flag) for flag in sorted(shared_flags(scope))])}."
        )
    if not tails:
        told.append("No cell has enough independent samples for p95.")
    return " ".join(told)
