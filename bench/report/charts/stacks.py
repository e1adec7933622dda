"""Stacked bars from a shared zero: the steps of a start, the growth of memory, the share each provider took."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from bench.report.charts.chart import Chart, Key, Panel, across, cut, heading
from bench.report.charts.symbols import HATCHES, PARTS
from bench.report.numbers import tick
from bench.report.palette import colour
from bench.report.scope import Scope
from bench.report.svg import canvas, inline

PANELS, FEWEST_BARS = 3, 6  # panels stand side by side on a wide page
LINE, LEAST = 54, 16  # characters above a bar: its label, then what is told of it
_TEXT, _BAR, _GAP, _HEAD = 14, 9, 4, 20  # CSS pixels


@dataclass(frozen=True)
class Bar:
    """One bar: `parts` from left to right in the axis' unit, `tick` a mark of its own, both None where unknown."""

    group: str
    label: str
    parts: tuple[float | None, ...]
    told: str
    tick: float | None = None


@dataclass(frozen=True)
class Stack:
    """What the bars of a chart are of. `write` gives a value with its unit; `top` fixes the end of the axis."""

    name: str
    title: str
    caption: str
    parts: tuple[str, ...]
    write: Callable[[float | None], str]
    tick: str = ""
    top: float | None = None
    unit: Callable[[float], float] = lambda end: 1.0  # what round numbers on the axis are multiples of


def stacked(scope: Scope, stack: Stack, bars: Sequence[Bar]) -> Chart | None:
    """A chart of bars in panels that keep a group together where it fits. None without bars."""
    if not bars:
        return None
    end = stack.top or 1.02 * max(max(sum(part or 0 for part in bar.parts), bar.tick or 0) for bar in bars)
    most = max(FEWEST_BARS, ceil(len(bars) / PANELS))
    panels: list[list[Bar]] = [[]]
    for group in dict.fromkeys(bar.group for bar in bars):
        members = [bar for bar in bars if bar.group == group]
        if panels[-1] and len(panels[-1]) + len(members) > most:
            panels.append([])
        panels[-1] += members
    keys = [Key(f"{scope.prefix}part-{number}", part) for number, part in enumerate(stack.parts)]
    total = (stack.tick,) if stack.tick else ()
    return Chart(
        id=f"{scope.prefix}{stack.name}-chart",
        title=stack.title,
        caption=stack.caption,
        panels=tuple(_panel(scope, stack, members, end, number) for number, members in enumerate(panels)),
        keys=tuple(keys),
        columns=("Model", "Target", *stack.parts, *total),
        rows=tuple(
            (
                bar.group,
                bar.label,
                *(stack.write(part) for part in bar.parts),
                *([stack.write(bar.tick)] if stack.tick else []),
            )
            for bar in bars
        ),
    )


def _panel(scope: Scope, stack: Stack, bars: list[Bar], end: float, number: int) -> Panel:
    groups = list(dict.fromkeys(bar.group for bar in bars))
    body = _HEAD * len(groups) + (_TEXT + _BAR + _GAP) * len(bars)
    with canvas(body + 30, left=6, right=20, top=2, bottom=28) as (figure, axes):
        axes.set_ylim(body, 0)
        axes.set_xlim(0, end)
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
        unit = stack.unit(end)
        places = MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(0, end / unit)
        axes.xaxis.set_major_locator(FixedLocator([place * unit for place in places if place * unit <= end]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(stack.write(value)) if value else "0"))
        axes.xaxis.grid(True)
        top, middles = 0.0, []
        for group in groups:
            heading(axes, top + _HEAD / 2, group)
            top += _HEAD
            for bar in (bar for bar in bars if bar.group == group):
                across(
                    axes, 0, top + _TEXT / 2, cut(bar.label, max(LEAST, LINE - len(bar.told))), color=colour("muted")
                )
                across(axes, 1, top + _TEXT / 2, bar.told, ha="right")
                middles.append(top + _TEXT + _BAR / 2)
                top += _TEXT + _BAR + _GAP
        _bars(axes, [bar for group in groups for bar in bars if bar.group == group], middles)
        title = f"{stack.title}: {', '.join(groups)}"
        return Panel("", inline(figure, f"{scope.prefix}{stack.name}-{number}", title))


def _bars(axes: Axes, bars: Sequence[Bar], middles: Sequence[float]) -> None:
    lefts = [0.0] * len(bars)
    for number in range(len(bars[0].parts)):
        rights = [left + (bar.parts[number] or 0.0) for left, bar in zip(lefts, bars, strict=True)]
        boxes = [
            [
                (left, middle - _BAR / 2),
                (right, middle - _BAR / 2),
                (right, middle + _BAR / 2),
                (left, middle + _BAR / 2),
            ]
            for left, right, middle in zip(lefts, rights, middles, strict=True)
            if right > left
        ]
        lefts, shade = rights, number % PARTS
        if boxes:  # one path for all bars: a patch each takes most of the time of a large report
            axes.add_patch(
                PathPatch(
                    Path.make_compound_path(*(Path([*box, box[0]], closed=True) for box in boxes)),
                    facecolor=colour(f"part-{shade + 1}"),
                    hatch=HATCHES[shade],
                    edgecolor=colour("paper"),
                    linewidth=0.8,
                )
            )
    ticks = [(bar.tick, middle) for bar, middle in zip(bars, middles, strict=True) if bar.tick]
    if ticks:
        places, rows = zip(*ticks, strict=True)
        axes.vlines(places, [row - 5.5 for row in rows], [row + 5.5 for row in rows], color=colour("ink"), linewidth=2)
