"""The compare page as data: the view of a comparison, its chart, its table of every cell."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from bench.analysis.comparison.pairs import LOCKSTEP, Comparison
from bench.analysis.verdicts import FASTER, SLOWER
from bench.report.charts.chart import Chart
from bench.report.comparison import chart
from bench.report.comparison.told import Line as PairLine
from bench.report.comparison.told import Told, told
from bench.report.details import Fact
from bench.report.entries import Column, Entry
from bench.report.numbers import UNKNOWN
from bench.report.results import Line, Table

PREFIX = "compare-"  # of every id, so that a run's own page can follow
GLOSSARY: tuple[Fact, ...] = (
    ("cell", "A model at a precision, on a target, at one batch size, number of threads and scenario."),
    (
        "change",
        "What B takes over what A takes, whatever the scenario measures: latency, time an inference under load, time "
        "between two queries at the highest rate that held, start-up, a cycle. Over 1 is slower.",
    ),
    ("round", "One fresh process for each side, measured together. Rounds, not samples, are what an interval counts."),
    (
        "slower, faster",
        "The whole interval lies on one side of no change, and the estimate reaches the threshold.",
    ),
    ("within noise", "The whole interval lies inside the threshold: a change that matters is ruled out."),
    ("inconclusive", "The interval allows a change that matters and none. More rounds narrow it."),
    (
        "not comparable",
        "Machine, power state, threads, inputs, effective precision, boundary, caches or scenario settings differ.",
    ),
    ("regression", "Slower in a duel, and slower again in a second batch of rounds that has nothing of the first."),
    (
        "duel",
        "Both sides measured together in the same rounds, burst by burst in turns, so that what disturbs the machine "
        "disturbs both. `ortbench duel` measures one.",
    ),
    (
        "stored runs",
        "Runs measured at different times. The bounds of a change then add up those of both runs; where both hold the "
        "same baseline cell, what the machine did to that is taken out.",
    ),
)


@dataclass(frozen=True)
class CompareView:
    """What the template shows of a comparison. `table` has the form of a run's table of results."""

    prefix: str
    told: Told
    chart: Chart | None
    table: Table
    facts: tuple[Fact, ...]
    downloads: tuple[tuple[str, str], ...]
    symbols: Markup


def compare_view(found: Comparison, downloads: Mapping[str, str]) -> CompareView:
    """The comparison for the page. Draws its chart. `downloads` maps labels to files beside the page."""
    view = told(found)
    machines = list(dict.fromkeys((found.a.machine, found.b.machine)))
    facts = [*view.sides, ("Threshold", f"{100 * found.threshold:.3g}%")]
    facts.append(("Measured", "together, in lockstep" if found.basis == LOCKSTEP else "at different times"))
    facts += [("Machine", machine) for machine in machines]
    return CompareView(
        prefix=PREFIX,
        told=view,
        chart=chart.chart(view),
        table=_table(view),
        facts=tuple(facts),
        downloads=tuple(downloads.items()),
        symbols=chart.symbols(),
    )


def _table(view: Told) -> Table:
    axes = tuple(Column(axis.capitalize(), axis in ("batch", "threads"), True) for axis in view.axes)
    leading = (Column("Model", filtered=True), *axes, Column("Precision", filtered=True))
    leading = (*leading, Column("Target", filtered=True), Column("Verdict", filtered=True))
    measured = (Column("Change", numeric=True), Column("A", numeric=True), Column("B", numeric=True), Column("Notes"))
    lines = tuple(_line(line, number) for number, line in enumerate(view.lines))
    evidence = sorted({line.evidence for line in view.lines if line.bounds})
    note = f"Under a change stand its bounds ({'; '.join(evidence)})." if evidence else ""
    return Table((*leading, *measured), lines, len(leading), note)


def _line(line: PairLine, number: int) -> Line:
    pair = line.pair
    named = [Entry(pair.model), *map(Entry, line.axes), Entry(pair.precision_label), Entry(pair.target_label)]
    anchor = f"{PREFIX}{number}-{re.sub('[^A-Za-z0-9._-]+', '-', pair.cell)}"
    notes = "; ".join(filter(None, [line.why, line.caveats]))
    if not line.change:
        return Line(anchor, line.state, (*named, Entry(line.state.name)), notes or UNKNOWN)
    tone = pair.verdict if pair.verdict in (SLOWER, FASTER) else ""
    change = Entry(line.change, line.bounds, pair.ratio.estimate, tone)
    costs = (Entry(line.a, "", pair.a.estimate), Entry(line.b, "", pair.b.estimate))
    return Line(anchor, line.state, (*named, Entry(line.state.name), change, *costs, Entry(notes)))
