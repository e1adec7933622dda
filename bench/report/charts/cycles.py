"""Resident memory while sessions come and go: what a cycle leaves behind shows as a line that keeps rising."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from bench.analysis.samples import Floats
from bench.report import kinds, numbers
from bench.report.charts.chart import Chart, Panel, configuration_keys, marker, unit
from bench.report.palette import colour, fill
from bench.report.scope import Row, Scope, anchor
from bench.report.svg import SMALL, canvas, inline

PANELS = 12
_HEIGHT = 250
_MARKS = 6  # of one line


@dataclass(frozen=True)
class Course:
    """Bytes resident after those cycles (counted from 1) that tell, of `total`."""

    cycles: Floats
    resident: Floats
    total: int


def course(scope: Scope, row: Row) -> Course:
    """A cell's memory over its cycles: medians over the trials that ended well, as far as all of them go."""
    own = scope.trials[(scope.trials["cell_id"] == row["cell_id"]) & (scope.trials["status"] == "ok")]
    found = [np.asarray(each, np.float64) for each in own["cycle_rss_bytes"] if each is not None and len(each)]
    total = min(map(len, found), default=0)
    middle: Floats = np.empty(0)
    if found:
        middle = np.asarray(np.median([each[:total] for each in found], axis=0), np.float64)
    told = np.flatnonzero(np.isfinite(middle))
    return Course(np.asarray(told + 1, np.float64), middle[told], total)


def memory_over_cycles(scope: Scope, name: str, rows: Sequence[Row], case: Callable[[Scope, Row], str]) -> Chart | None:
    """A panel a case, a line a configuration. None where no trial tells its memory over two cycles or more."""
    found = [(row, own) for row in rows if len((own := course(scope, row)).cycles) > 1]
    if not found:
        return None
    cases = list(dict.fromkeys(case(scope, row) for row, _ in found))
    panels = []
    for number, label in enumerate(cases[:PANELS]):
        some = [(row, own) for row, own in found if case(scope, row) == label]
        panels.append(_panel(scope, some, label, f"{scope.prefix}cycles-{anchor(name)}-{number}"))
    most = f" The first {PANELS} of {len(cases)} cases are drawn." if len(cases) > PANELS else ""
    return Chart(
        id=f"{scope.prefix}cycles-{anchor(name)}",
        title="Resident memory over cycles",
        caption="How far the resident memory of the process moved since it was first read, medians over rounds. Growth "
        f"is told from the cycles right of the vertical line: before it, allocators fill their pools.{most}",
        panels=tuple(panels),
        keys=configuration_keys(scope, [row for row, _ in found]),
        columns=("Case", "Configuration", "Cycles", "At first", "After a third", "At last", "A cycle"),
        rows=tuple(_line(scope, row, own, case) for row, own in found),
    )


def _line(scope: Scope, row: Row, own: Course, case: Callable[[Scope, Row], str]) -> tuple[str, ...]:
    counted = own.resident[own.cycles > own.total // 3]  # what growth is told from
    places = (own.resident[0], (counted if len(counted) else own.resident)[0], own.resident[-1])
    sizes = (numbers.size(float(place)) for place in places)
    return (case(scope, row), scope.name(row), str(own.total), *sizes, kinds.growth(row)[0])


def _panel(scope: Scope, found: list[tuple[Row, Course]], label: str, name: str) -> Panel:
    with canvas(_HEIGHT, top=24, left=62) as (figure, axes):
        longest = max(own.total for _, own in found)
        for row, own in found:
            style = marker(scope, row, fill(row["precision"]))
            every = max(1, -(-len(own.cycles) // _MARKS))
            axes.plot(own.cycles, own.resident - own.resident[0], markevery=every, linewidth=1.3, **style)
        low, high = axes.get_ylim()
        scale = numbers.size_unit(max(abs(low), abs(high), 1.0))
        places = [place * scale for place in MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low / scale, high / scale)]
        axes.yaxis.set_major_locator(FixedLocator([place for place in places if low <= place <= high]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: numbers.tick(numbers.size_change(value))))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
        axes.set_xlim(1 - 0.02 * longest, longest * 1.02)
        axes.grid(True)
        axes.axvline(longest // 3 + 1, color=colour("muted"), linewidth=1.2, linestyle=(0, (4, 2)))
        axes.text(
            longest // 3 + 1, 1.0, " counted from here", transform=axes.get_xaxis_transform(), va="bottom",
            fontsize=SMALL, color=colour("muted"),
        )  # fmt: skip
        axes.set_xlabel("Cycle")
        unit(axes, "Since first read")
        return Panel(label, inline(figure, name, f"{label}: resident memory over cycles"))
