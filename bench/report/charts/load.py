"""A server under load: what the declared percentile took at each rate that was offered, and which rates failed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from bench.report import numbers
from bench.report.charts.chart import Chart, Panel, configuration_keys, log_axis, marker, unit
from bench.report.palette import colour, fill
from bench.report.scope import Row, Scope, anchor
from bench.report.svg import SMALL, canvas, inline

PANELS = 12
ROWS = 600  # of the table: the data beside the page hold every probe
_HEIGHT = 250
_OVER = 1.35  # of the limit: where rates that did not hold are drawn, as their latency has no bound


@dataclass(frozen=True)
class Probe:
    """One rate that was offered to one process; `latency_ns` None where the limit was not held."""

    round: int
    rate: float
    queries: int
    late: int
    latency_ns: float | None


def probes(scope: Scope, row: Row) -> list[Probe]:
    """Every probe of a cell's trials that ended well, in the order of rounds."""
    own = scope.trials[(scope.trials["cell_id"] == row["cell_id"]) & (scope.trials["status"] == "ok")]
    columns = ("probe_rate_per_s", "probe_queries", "probe_late", "probe_latency_ns")
    found = []
    for number, *lists in zip(own["round"], *(own[name] for name in columns), strict=True):
        if all(values is not None for values in lists):
            for rate, queries, late, latency in zip(*lists, strict=True):
                known = None if pd.isna(latency) else float(latency)
                found.append(Probe(int(number), float(rate), int(queries), int(late), known))
    return found


def rates_offered(
    scope: Scope, name: str, rows: Sequence[Row], settings: Mapping[str, Any], case: Callable[[Scope, Row], str]
) -> Chart | None:
    """A panel a case. None where no trial tells what was offered."""
    found = [(row, taken) for row in rows if (taken := probes(scope, row))]
    if not found:
        return None
    limit_ns = float(settings.get("limit_ms") or 0.0) * 1e6
    percentile = f"p{100 * settings['percentile']:g}" if settings.get("percentile") else "the percentile"
    cases = dict.fromkeys(case(scope, row) for row, _ in found)
    panels = []
    for number, label in enumerate(list(cases)[:PANELS]):
        some = [(row, taken) for row, taken in found if case(scope, row) == label]
        panels.append(_panel(scope, some, limit_ns, percentile, label, f"{scope.prefix}load-{anchor(name)}-{number}"))
    table = [(row, probe) for row, taken in found for probe in taken]
    return Chart(
        id=f"{scope.prefix}load-{anchor(name)}",
        title="Rates offered",
        caption=_caption(percentile, limit_ns, len(cases), len(table)),
        panels=tuple(panels),
        keys=configuration_keys(scope, [row for row, _ in found]),
        columns=("Case", "Configuration", "Round", "Queries/s offered", "Queries", "Late", percentile),
        rows=tuple(_line(scope, row, probe, case) for row, probe in table[:ROWS]),
    )


def _caption(percentile: str, limit_ns: float, cases: int, lines: int) -> str:
    told = f"Each mark is one rate offered to one process: {percentile} of the latencies, waiting included, as it is "
    told += "known with 99% confidence. Crosses"
    told += f" above the line of {numbers.duration(limit_ns)}" if limit_ns else ""
    told += " are rates that did not hold; ticks at the foot, the rate that did, its median over rounds. Both axes are "
    told += "logarithmic."
    if cases > PANELS:
        told += f" The first {PANELS} of {cases} cases are drawn."
    if lines > ROWS:
        told += f" The table has the first {ROWS} of {lines:,}; the data beside this page hold the rest."
    return told


def _line(scope: Scope, row: Row, probe: Probe, case: Callable[[Scope, Row], str]) -> tuple[str, ...]:
    told = "did not hold" if probe.latency_ns is None else numbers.duration(probe.latency_ns)
    offered = (numbers.rate(probe.rate), f"{probe.queries:,}", f"{probe.late:,}", told)
    return (case(scope, row), scope.name(row), str(probe.round + 1), *offered)


def _panel(
    scope: Scope, found: list[tuple[Row, list[Probe]]], limit_ns: float, percentile: str, label: str, name: str
) -> Panel:
    every = [probe for _, taken in found for probe in taken]
    known = [probe.latency_ns for probe in every if probe.latency_ns]
    over = max([limit_ns * _OVER, *known]) or 1e6
    with canvas(_HEIGHT, top=24, left=52) as (figure, axes):
        log_axis(axes, axes.xaxis, [probe.rate for probe in every], numbers.rate, most=5)
        log_axis(axes, axes.yaxis, [*known, over], numbers.duration)
        for row, taken in found:
            _draw(scope, axes, row, taken, over)
        if limit_ns:
            axes.axhline(limit_ns, color=colour("vermilion"), linewidth=1.2, linestyle=(0, (4, 2)))
            axes.text(
                0.01, limit_ns, "limit", transform=axes.get_yaxis_transform(), va="bottom", fontsize=SMALL,
                color=colour("muted"),
            )  # fmt: skip
        axes.set_xlabel("Queries a second offered")
        unit(axes, f"{percentile} of the latencies")
        return Panel(label, inline(figure, name, f"{label}: latency against the rate offered"))


def _draw(scope: Scope, axes: Axes, row: Row, taken: list[Probe], over: float) -> None:
    style = marker(scope, row, fill(row["precision"]))
    held = [(probe.rate, probe.latency_ns) for probe in taken if probe.latency_ns]
    if held:
        axes.plot(*zip(*held, strict=True), linestyle="none", **style)
    failed = [probe.rate for probe in taken if not probe.latency_ns]
    axes.plot(failed, [over] * len(failed), "x", color=style["color"], markersize=6, markeredgewidth=1.5)
    if row["rate_per_s"]:
        axes.axvline(row["rate_per_s"], ymax=0.06, color=style["color"], linewidth=2)
