"""The entries of the tables of cells: how each figure of a row is written, and what it is sorted by."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from bench.analysis.why import asked_of
from bench.contract.flags import Flag
from bench.report import kinds, numbers, why, words
from bench.report.numbers import UNKNOWN
from bench.report.scope import Row, Scope, comparison


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


AGREEMENTS = {"top1_agreement": "top-1", "top5_agreement": "top-5", "iou": "IoU", "rank_agreement": "ranks"}
Write = Callable[[Scope, Row], Entry]


def ratio(row: Row) -> Entry:
    """What a cell says against the baseline, as its scenario's kind is told."""
    found = comparison(row)
    if found.ratio is None:
        return Entry(UNKNOWN, found.reason)
    if not row["valid"]:
        return Entry("no verdict", f"ran {words.outcome(found)}" if found.kind == "latency" else words.outcome(found))
    shown = words.outcome(found)
    if found.verdict in ("within noise", "inconclusive"):
        shown += f", {numbers.factor(found.ratio)}"
    return Entry(
        shown, words.bounds(found), found.ratio, found.verdict if found.verdict in ("faster", "slower") else ""
    )


def _speedup(_: Scope, row: Row) -> Entry:
    return ratio(row)


def _figure(_: Scope, row: Row) -> Entry:
    """What its scenario measures, and where that is no plain latency, its name."""
    kind = kinds.kind_of(row)
    small = [] if row["scenario_kind"] == "latency" else [kind.figure.lower()]
    return Entry(kinds.written(row), ", ".join([*filter(None, [kinds.bounds(row)]), *small]), kinds.figure(row))


def _tail(_: Scope, row: Row) -> Entry:
    return Entry(numbers.duration(row["p95_ns"]), "", row["p95_ns"])


def _throughput(_: Scope, row: Row) -> Entry:
    return Entry(numbers.rate(row["throughput_items_s"]), "", row["throughput_items_s"])


def _output(_: Scope, row: Row) -> Entry:
    if row["output_ok"] is None:
        return Entry("not known")
    sqnr, largest = row["sqnr_db"], row["max_abs_error"]
    close = ("equal" if largest == 0 else "right") if sqnr is None else numbers.closeness(sqnr)
    more = [f"max {numbers.error(largest)}"] if largest is not None else []
    more += [f"{word} {numbers.percent(row[name])}" for name, word in AGREEMENTS.items() if row.get(name) is not None]
    if row.get("batch_error") and Flag.BATCH_DEPENDENT in row["flags"]:
        more.append(f"alone {numbers.error(row['batch_error'])} off")
    wrong = "wrong" if close == "equal" else f"wrong, {close}"  # equal but for holes
    return Entry(close if row["output_ok"] else wrong, ", ".join(more), sqnr)


def effective(scope: Scope, row: Row) -> Entry:
    """What most of the heavy work was computed in, and what was asked for where that is another precision."""
    name = row["precision_effective"]
    if name is None:
        return Entry("not known")
    asked = f"{why.bits(asked_of(scope.meta, row))} asked for" if why.raised(scope, row) else ""
    more = [asked, why.few_bits(row).strip(" ()")]
    return Entry(why.bits(name), ", ".join(filter(None, more)))


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
    device, busy, clock = row["device_bytes"], row["device_utilisation"], row["device_clock_mhz"]
    told = [
        "" if device is None else f"{numbers.size(device)} on device",
        "" if busy is None else f"which was {numbers.percent(busy)} busy",
        "" if clock is None else f"at {clock:.0f} MHz",
    ]
    return Entry(numbers.size(row["peak_rss_bytes"]), ", ".join(filter(None, told)), row["peak_rss_bytes"])


def caveats_of(scope: Scope, row: Row) -> list[str]:
    """A cell's caveats in a few words each, without those that every cell has."""
    told = [words.flag_word(flag) for flag in row["flags"] if flag not in shared_flags(scope)]
    if row["failed_trials"]:
        told.append(f"{int(row['failed_trials'])} of {int(row['failed_trials'] + (row['rounds'] or 0))} rounds failed")
    return told


def _flags(scope: Scope, row: Row) -> Entry:
    return Entry(", ".join(caveats_of(scope, row)))


def shared_flags(scope: Scope) -> set[str]:
    """Flags that every measured cell carries: said once, not in every row."""
    measured = [set(row["flags"]) for row in scope.rows if row["status"] == "ok"]
    return set.intersection(*measured) if len(measured) > 1 else set()


def nodes(row: Row) -> dict[str, int]:
    """Execution provider -> nodes, of a cell that tells; empty for others."""
    found = row["placement"]
    return dict(json.loads(found)) if isinstance(found, str) and found else dict(found or {})


def short(provider: str) -> str:
    return provider.removesuffix("ExecutionProvider")


MEASURED: tuple[tuple[Column, Write], ...] = (
    (Column("Speedup", numeric=True), _speedup),
    (Column("Output SQNR", numeric=True), _output),
    (Column("Measured", numeric=True), _figure),
    (Column("p95", numeric=True), _tail),
    (Column("Items/s", numeric=True), _throughput),
    (Column("Computed in"), effective),
    (Column("Placement", numeric=True), _placement),
    (Column("Peak memory", numeric=True), _memory),
    (Column("Caveats"), _flags),
)
