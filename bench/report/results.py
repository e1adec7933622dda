"""The table of every cell, failed and skipped ones included, and the counts and caveats that stand above it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bench.analysis.outcome import DISQUALIFYING
from bench.contract.flags import MEANING, Flag
from bench.report import numbers, words
from bench.report.entries import MEASURED, Column, Entry, Write, shared_flags
from bench.report.kinds import KINDS
from bench.report.numbers import UNKNOWN
from bench.report.scope import Row, Scope, anchor, axis_text, comparison
from bench.report.words import State


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
        base = f"{scope.prefix}cell-{anchor(row['cell_id'])}"
        taken = set(found.values())
        found[row["cell_id"]] = next(name for name in _numbered(base) if name not in taken)
    return found


def _numbered(base: str) -> "list[str]":
    return [base, *(f"{base}-{number}" for number in range(2, 1000))]


def reason_of(row: Row) -> str:
    """In words, how a cell ended that gave no figure."""
    word = words.STATUS_WORDS[row["status"]]
    return f"{word}: {row['reason']}" if row["reason"] else word


def _why(found: State, row: Row) -> str:
    """In a few words, why a measured cell is unstable or not valid."""
    causes = {words.INVALID: DISQUALIFYING, words.UNSTABLE: tuple(sorted(words.UNSTABLE_FLAGS))}.get(found, ())
    return ", ".join(words.flag_word(flag) for flag in causes if flag in row["flags"]) or row["invalid_reason"] or ""


def table(scope: Scope) -> Table:
    """Every cell of the run. What is the same in all of them is one line above the table, not a column."""
    names = anchors(scope)
    axes = [axis for axis in scope.varying if axis != "concurrency"]
    tails = any(row["p95_ns"] for row in scope.rows)
    measured = _columns(scope, tails)
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
            reason = reason_of(row)
        lines.append(Line(names[row["cell_id"]], one, tuple(entries), reason))
    return Table((*leading, *(column for column, _ in measured)), tuple(lines), len(leading), _note(scope, tails))


def _columns(scope: Scope, tails: bool) -> list[tuple[Column, Write]]:
    """The columns that this run has something for; a single kind of scenario names its figure."""
    found = {row["scenario_kind"] for row in scope.rows}
    figure = KINDS[found.pop()].figure if len(found) == 1 else "Measured"
    without = set() if tails else {"p95"}
    if not any(row["throughput_items_s"] for row in scope.rows if row["scenario_kind"] != "throughput"):
        without.add("Items/s")
    kept = [(column, write) for column, write in MEASURED if column.name not in without]
    names = {"Measured": figure} | ({} if figure == KINDS["latency"].figure else {"Speedup": "Against baseline"})
    return [(replace(column, name=names.get(column.name, column.name)), write) for column, write in kept]


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
    if not tails and any(row["scenario_kind"] in ("latency", "device_resident", "idle") for row in scope.rows):
        told.append("No cell has enough independent samples for p95.")
    return " ".join(told)
