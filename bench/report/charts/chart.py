"""What a chart is to the page, and the parts that charts share: legend keys, log axes, labels."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.markers import MarkerStyle
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.report.numbers import tick
from bench.report.palette import colour
from bench.report.scope import Row, Scope
from bench.report.svg import LABEL, SMALL

EDGE = 0.03  # of an axis's width


@dataclass(frozen=True)
class Key:
    """One entry of a legend: `symbol` is the id of a symbol of the page, see `symbols.py`."""

    symbol: str
    label: str


@dataclass(frozen=True)
class Panel:
    title: str
    svg: Markup


@dataclass(frozen=True)
class Chart:
    """One figure of the page. `rows` is everything the panels show, under `columns`."""

    id: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    keys: tuple[Key, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def marker(scope: Scope, row: Row, fill: str) -> dict[str, Any]:
    """Keyword arguments for `Axes.plot` that draw a row's target, filled as told."""
    mark = scope.marks[row["target"]]
    return {
        "marker": MarkerStyle(mark.marker, fillstyle="none" if fill == "none" else fill),  # type: ignore[arg-type]
        "color": colour(mark.hue),
        "markerfacecoloralt": colour("paper"),
        "markeredgewidth": 1.3,
    }


def target_keys(scope: Scope, targets: Iterable[str]) -> tuple[Key, ...]:
    return tuple(Key(f"{scope.prefix}k-{number}", scope.targets[name]) for number, name in _numbered(scope, targets))


def configuration_keys(scope: Scope, rows: Iterable[Row]) -> tuple[Key, ...]:
    """A key for each target at each precision that the rows have, in the suite's order."""
    targets, precisions = list(scope.targets), list(scope.precisions)
    used = {(targets.index(row["target"]), precisions.index(row["precision"])): scope.name(row) for row in rows}
    return tuple(Key(f"{scope.prefix}k-{target}-p{place}", label) for (target, place), label in sorted(used.items()))


def _numbered(scope: Scope, targets: Iterable[str]) -> list[tuple[int, str]]:
    wanted = set(targets)
    return [(number, name) for number, name in enumerate(scope.targets) if name in wanted]


def cut(text: str, length: int) -> str:
    """A label that fits its place; the data table holds the whole of it."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """At most `most` round numbers on a log axis: even steps where it is narrow, else the finest series that fits."""
    if high / low < 1.6:
        least = (high - low) / (most - 1)
        size = 10.0 ** _magnitude(least)
        size *= next(step for step in (1, 2, 5, 10) if step * size >= least)
        return [round(number * size, 10) for number in range(math.ceil(low / size), math.floor(high / size) + 1)]
    for steps in ((1, 1.2, 1.5, 2, 3, 4, 5, 7), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3)):
        found = [step * 10.0**power for power in range(_magnitude(low), _magnitude(high) + 1) for step in steps]
        found = [tick for tick in found if low <= tick <= high]
        if len(found) <= most:
            return found
    powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    return [10.0**power for power in powers][:: math.ceil(len(powers) / most)]


def _magnitude(value: float) -> int:
    return math.floor(math.log10(value))


def log_axis(axes: Axes, axis: Axis, values: Sequence[float], write: Callable[[float], str], most: int = 6) -> None:
    """Put an axis on a log scale that holds the values with a little room, with readable round ticks."""
    low, high = min(values), max(values)
    room = max((high / low) ** 0.06, 1.03)
    low, high = low / room, high * room
    horizontal = axis is axes.xaxis
    (axes.set_xscale if horizontal else axes.set_yscale)("log")
    (axes.set_xlim if horizontal else axes.set_ylim)(low, high)
    ticks = log_ticks(low, high, most)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick(write(value))))
    axis.grid(True)
    if horizontal:  # a label at the edge is written inwards: half of it would be cut off
        for place, label in zip(ticks, axis.get_majorticklabels(), strict=True):
            share = math.log(place / low) / math.log(high / low)
            label.set_horizontalalignment("left" if share < EDGE else "right" if share > 1 - EDGE else "center")


def across(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Text at a share of the axes' width and a height in data."""
    axes.text(x, y, text, transform=axes.get_yaxis_transform(), va="center", **style)


def heading(axes: Axes, y: float, text: str) -> None:
    """A group's name over its rows, from the left edge of the axes, and over the lines that it crosses."""
    paper = {"facecolor": colour("paper"), "edgecolor": "none", "pad": 1}
    across(axes, 0, y, cut(text, 52), fontsize=LABEL, bbox=paper)


def unit(axes: Axes, text: str) -> None:
    """The measure of the vertical axis, written across where it is read rather than up the side."""
    axes.annotate(
        text,
        (0, 1),
        (6, -14),
        xycoords="figure fraction",
        textcoords="offset points",
        fontsize=SMALL,
        color=colour("muted"),
    )
