"""The part of a run that is no plain latency: a table and charts for each scenario of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bench.report import headline, kinds, numbers
from bench.report.charts.chart import Chart, cut
from bench.report.charts.cycles import memory_over_cycles
from bench.report.charts.load import rates_offered
from bench.report.charts.speedup import speedup
from bench.report.charts.stacks import Bar, Stack, stacked
from bench.report.entries import Column, Entry, Write, caveats_of, ratio
from bench.report.kinds import COMPILE_CACHE, KINDS, PAGE_CACHE
from bench.report.results import Line, anchors, reason_of, state
from bench.report.scope import Row, Scope, anchor, compared

LATENCY = "latency"
REASON = 150  # characters: the table of all cells, which each line links to, has the whole
FEWEST_DOTS = 2  # a single ratio needs no chart beside its table
STEPS = ("spawn_ns", "import_ns", "create_ns", "first_ns")


@dataclass(frozen=True)
class ScenarioView:
    """One scenario. A line without a figure has its reason in place of the entries after the configuration."""

    id: str
    title: str
    settings: str
    sentence: str  # the verdict over its cells; empty where nothing is compared
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    charts: tuple[Chart, ...]


def names(scope: Scope) -> tuple[str, ...]:
    """The scenarios that are not plain latency, in the order of the run's meta."""
    found = dict.fromkeys(row["scenario"] for row in scope.rows if row["scenario_kind"] != LATENCY)
    order = list(scope.meta.get("scenarios") or ())
    return tuple(sorted(found, key=lambda name: (order.index(name) if name in order else len(order), name)))


def views(scope: Scope) -> tuple[ScenarioView, ...]:
    return tuple(
        replace(tabled(scope, name), charts=_charts(scope, name, scope.of(scenario=name))) for name in names(scope)
    )


def tabled(scope: Scope, name: str) -> ScenarioView:
    """One scenario without its charts, which are what takes the time."""
    rows = scope.of(scenario=name)
    return ScenarioView(
        id=f"{scope.prefix}scenario-{anchor(name)}",
        title=title(scope, name),
        settings=in_words(scope, name),
        sentence=verdict(scope, name),
        columns=_columns(scope, rows),
        lines=_lines(scope, rows),
        charts=(),
    )


def title(scope: Scope, name: str) -> str:
    """`busy · server`; a scenario that is called as its kind is only that."""
    kind = KINDS[scope.of(scenario=name)[0]["scenario_kind"]].label
    label = str((settings(scope, name) or {}).get("label") or name)
    return kind if label.replace("_", " ") == kind else f"{label} · {kind}"


def settings(scope: Scope, name: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = (scope.meta.get("scenarios") or {}).get(name)
    return found


def in_words(scope: Scope, name: str) -> str:
    """The settings as sentences; empty where the run does not tell them."""
    told = kinds.settings(scope.of(scenario=name)[0]["scenario_kind"], settings(scope, name))
    return f"{told[0].upper()}{told[1:]}." if told else ""


def verdict(scope: Scope, name: str) -> str:
    """The scenario's own headline; empty where no cell can be compared, or a duel's comparison has the verdicts."""
    frame = scope.frame[scope.frame["scenario"] == name]
    return headline.headline(scope, headline.means(frame)).sentence if _compared(scope.of(scenario=name)) else ""


def _compared(rows: list[Row]) -> list[Row]:
    return [row for row in rows if compared(row) and not row["side"]]


def case(scope: Scope, row: Row) -> str:
    """A cell's block without the scenario, which its table names."""
    return scope.cases[row["block_id"]].removesuffix(f" · {row['scenario']}")


def _columns(scope: Scope, rows: list[Row]) -> tuple[Column, ...]:
    return (
        Column("Case"),
        Column("Configuration"),
        Column(KINDS[rows[0]["scenario_kind"]].figure, numeric=True),
        *(column for column, _ in _more(scope, rows)),
        Column("Against the baseline", numeric=True),
        Column("Caveats"),
    )


def _lines(scope: Scope, rows: list[Row]) -> tuple[Line, ...]:
    links, more, found = anchors(scope), _more(scope, rows), []
    for row in rows:
        one = state(row)
        entries = [Entry(case(scope, row)), Entry(scope.name(row))]
        why = "" if row["status"] == "ok" else cut(reason_of(row), REASON)
        if not why:
            entries.append(Entry(kinds.written(row), kinds.bounds(row), kinds.figure(row)))
            entries += [write(scope, row) for _, write in more]
            told = Entry("baseline") if row["is_baseline"] else ratio(row)
            entries += [told, Entry(", ".join(filter(None, [*caveats_of(scope, row), _invalid(row)])))]
        found.append(Line(links[row["cell_id"]], one, tuple(entries), why))
    return tuple(found)


def _more(scope: Scope, rows: list[Row]) -> list[tuple[Column, Write]]:
    """The figures of its own that a kind has beside the one that is compared, where they tell something new."""
    kind, ok = rows[0]["scenario_kind"], [row for row in rows if row["status"] == "ok"]
    found: list[tuple[Column, Write]] = []
    if kind == "churn":
        found.append((Column("Growth a cycle", numeric=True), _growth))
    if kind == "server" and any(row["batch"] != 1 for row in rows):
        found.append((Column("Items/s", numeric=True), _items))
    if kind == "idle" and any(_without_pause(scope, row).sort for row in ok):
        found.append((Column("Without a pause", numeric=True), _without_pause))
    asked = in_words(scope, rows[0]["scenario"])
    if kind == "cold_start" and any(not asked.endswith(f"{caches(row)}.") for row in ok):
        found.append((Column("Caches"), _caches))
    return found


def _invalid(row: Row) -> str:
    return "" if row["valid"] else str(row["invalid_reason"])


def _growth(_: Scope, row: Row) -> Entry:
    return Entry(*kinds.growth(row), row["growth_bytes"])


def _without_pause(scope: Scope, row: Row) -> Entry:
    """The latency of the same configuration without pauses; of another block, so that no verdict is drawn from it."""
    same = ("model", "precision", "target", "batch", "dims", "threads", "side")
    found = [one for one in scope.of(scenario_kind=LATENCY) if all(one[name] == row[name] for name in same)]
    value = found[0]["latency_ns"] if found else None
    return Entry(numbers.duration(value), "", value)


def _items(_: Scope, row: Row) -> Entry:
    return Entry(numbers.rate(row["rate_per_s"] and row["rate_per_s"] * row["batch"]))


def caches(row: Row) -> str:
    """The state that its caches really were in."""
    pages, cache = row["page_cache"], row["cache"]
    told = [PAGE_CACHE.get(pages, pages) if pages else "", COMPILE_CACHE.get(cache, cache) if cache else ""]
    return ", ".join(part for part in told if part)


def _caches(_: Scope, row: Row) -> Entry:
    return Entry(caches(row))


def _charts(scope: Scope, name: str, rows: list[Row]) -> tuple[Chart, ...]:
    own = {"server": _load, "cold_start": _starts, "churn": _cycles}.get(rows[0]["scenario_kind"])
    measured = [row for row in rows if row["status"] == "ok"]
    found = [speedup(scope, name)] if len(_compared(rows)) >= FEWEST_DOTS else []
    found += [own(scope, name, measured)] if own and measured else []
    return tuple(chart for chart in found if chart)


def _load(scope: Scope, name: str, rows: list[Row]) -> Chart | None:
    return rates_offered(scope, name, rows, settings(scope, name) or {}, case)


def _cycles(scope: Scope, name: str, rows: list[Row]) -> Chart | None:
    return memory_over_cycles(scope, name, rows, case)


def _starts(scope: Scope, name: str, rows: list[Row]) -> Chart | None:
    stack = Stack(
        f"starts-{anchor(name)}", "From nothing to the first result",
        f"Medians over fresh processes. {in_words(scope, name)}",
        ("process start", "runtime import", "session create", "first inference"), numbers.duration,
    )  # fmt: skip
    bars = []
    for row in rows:
        parts = tuple(row[step] for step in STEPS)
        if any(parts):
            label = scope.name(row)
            bars.append(Bar(case(scope, row), label, parts, kinds.written(row)))
    return stacked(scope, stack, bars)
