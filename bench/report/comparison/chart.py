"""The comparison's chart: a dot and an interval a pair, the largest changes first, faster to the right."""

from collections.abc import Sequence
from math import exp, isfinite
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes

from bench.report import numbers
from bench.report.charts.chart import Chart, Key, Panel, heading, log_axis
from bench.report.charts.symbols import marker_symbol
from bench.report.comparison.changes import bounds
from bench.report.comparison.told import Line, Told
from bench.report.palette import colour
from bench.report.svg import SMALL, canvas, inline

ROWS_A_PANEL, PANELS = 14, 6
_LABEL, _LANE, _GAP = 16, 12, 6  # CSS pixels
# state -> marker, hue, filled (what a second batch confirmed); everything else is drawn as the last
_MARKS = {
    "regression": ("v", "vermilion", "full"),
    "slower": ("v", "vermilion", "none"),
    "faster": ("^", "green", "none"),
    "other": ("o", "ink", "none"),
}
_LABELS = {"other": "no clear direction"}


def chart(view: Told) -> Chart | None:
    """The chart, or None where no pair has a ratio. Of very many pairs only the largest changes are drawn."""
    lines = [line for line in view.lines if line.change and line.pair.verdict != "not comparable"]
    drawn = lines[: ROWS_A_PANEL * PANELS]
    if not drawn:
        return None
    reach = [value for line in drawn for value in _reach(line)]
    limits = (min(*reach, 0.95), max(*reach, 1.05))
    each = -(-len(drawn) // -(-len(drawn) // ROWS_A_PANEL))  # panels of about the same height
    parts = [drawn[start : start + each] for start in range(0, len(drawn), each)]
    used = dict.fromkeys(_kind(line) for line in drawn)
    return Chart(
        id="changes",
        title="B against A",
        caption=_caption(lines, drawn),
        panels=tuple(_panel(part, limits, f"changes-{number}") for number, part in enumerate(parts)),
        keys=tuple(Key(f"change-{kind}", _LABELS.get(kind, kind)) for kind in _MARKS if kind in used),
        columns=("Cell", "Metric", "Verdict", "Change", "Bounds", "On"),
        rows=tuple(
            (line.name, line.pair.metric, line.state.name, line.change, line.bounds or numbers.UNKNOWN, line.evidence)
            for line in drawn
        ),
    )


def symbols() -> Markup:
    """`<symbol>` elements for the chart's legend."""
    return Markup("").join(marker_symbol(f"change-{kind}", *mark) for kind, mark in _MARKS.items())


def _kind(line: Line) -> str:
    return line.state.name if line.state.name in _MARKS else "other"


def _reach(line: Line) -> list[float]:
    """How fast B is against A: low, middle and high; over 1 is faster."""
    r = -line.pair.ratio
    return [exp(value) for value in (r.low, r.estimate, r.high) if isfinite(value)]


def _caption(lines: Sequence[Line], drawn: Sequence[Line]) -> str:
    ranges = sum(line.pair.ratio.level is None for line in drawn)
    told = "Dots to the right of the line: B is faster than A; the axis is logarithmic. "
    if ranges == len(drawn):
        return told + "Lines are the range over the rounds, not intervals."
    told += "Lines are intervals of the median over rounds."
    if ranges:
        told += f" {numbers.counted(ranges, 'dashed line is a mere range', 'dashed lines are mere ranges')}."
    left = len(lines) - len(drawn)
    if left:
        told += f" Not drawn: {numbers.counted(left, 'cell')} with smaller changes; the table below has every one."
    return told


def _panel(lines: Sequence[Line], limits: tuple[float, float], name: str) -> Panel:
    body = (_LABEL + _LANE + _GAP) * len(lines)
    with canvas(body + 44, left=6, right=6, top=20, bottom=24) as (figure, axes):
        axes.set_ylim(body, 0)
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
        log_axis(axes, axes.xaxis, limits, lambda value: f"{value:g}×")
        for text, side, x in (("◂ B slower", "left", 0), ("B faster ▸", "right", 1)):
            axes.text(x, 1.0 + 5 / body, text, transform=axes.transAxes, ha=side, fontsize=SMALL, color=colour("muted"))
        for row, line in enumerate(lines):
            top = (_LABEL + _LANE + _GAP) * row
            heading(axes, top + _LABEL / 2, line.name)
            lane = (top + _LABEL - 1, top + _LABEL + _LANE + 1)  # not across the name
            axes.plot([1, 1], lane, color=colour("muted"), linewidth=1.2)
            _dot(axes, line, top + _LABEL + _LANE / 2)
            axes.axhline(top + _LABEL + _LANE + _GAP / 2, color=colour("grid"), linewidth=0.8)
        title = f"{lines[0].name} to {lines[-1].name}: B against A"
        return Panel("", inline(figure, name, title))


def _dot(axes: Axes, line: Line, y: float) -> None:
    shape, hue, filled = _MARKS[_kind(line)]
    reach = _reach(line)
    style: dict[str, Any] = {"color": colour(hue), "marker": shape, "markeredgewidth": 1.3}
    style["markerfacecolor"] = colour(hue) if filled == "full" else "none"
    dashes = "-" if line.pair.ratio.level is not None else (0, (2, 1.5))
    if bounds(line.pair.ratio, ""):
        axes.plot([reach[0], reach[-1]], [y, y], color=colour(hue), linestyle=dashes, linewidth=1.4)
    axes.plot([exp(-line.pair.ratio.estimate)], [y], linestyle="none", **style)
