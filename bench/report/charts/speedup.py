"""The first screen's chart: a dot and an interval a cell, a row a case, a panel a precision."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from bench.report import numbers, words
from bench.report.charts.chart import Chart, Key, Panel, heading, log_axis, marker, target_keys
from bench.report.kinds import kind_of
from bench.report.palette import colour
from bench.report.scope import Row, Scope, anchor, compared, comparison
from bench.report.svg import SMALL, canvas, inline

ROWS_A_PANEL = 14
_LANE, _LABEL, _GAP = 12, 16, 6  # CSS pixels


def speedup(scope: Scope, scenario: str = "") -> Chart | None:
    """The chart of what the run's answer is about, or of one scenario; None where no cell of it can be compared.

    Cells that are not valid are counted, not drawn.
    """
    asked = scope.of(scenario=scenario) if scenario else list(scope.answering)
    rows = [row for row in asked if compared(row)]
    if not rows:
        return None
    reach = [value for row in rows for value in _reach(row)]
    limits = (min(*reach, 0.95), max(*reach, 1.05))
    kind, name = kind_of(rows[0]), f"{scope.prefix}speedup{f'-{anchor(scenario)}' if scenario else ''}"
    panels: list[Panel] = []
    for precision, label in scope.precisions.items():
        cases = _by_case(scope, [row for row in rows if row["precision"] == precision])
        for start in range(0, len(cases), ROWS_A_PANEL):
            some = cases[start : start + ROWS_A_PANEL]
            panels.append(_panel(scope, some, limits, label, f"{name}-{len(panels)}"))
    hollow = [row for row in rows if row["verdict"] not in ("faster", "slower")]
    keys = list(target_keys(scope, {row["target"] for row in rows}))
    if hollow:
        keys.append(Key(f"{keys[0].symbol}-hollow", "hollow: no clear direction"))
    return Chart(
        id=name,
        title=f"{kind.ratio} against {scope.baseline}",
        caption=_caption(asked, rows),
        panels=tuple(panels),
        keys=tuple(keys),
        columns=("Case", "Precision", "Target", "Verdict", "Ratio", "Bounds", "Rounds"),
        rows=tuple(_line(scope, row) for row in rows),
    )


def _reach(row: Row) -> list[float]:
    return [row["speedup_low"] or row["speedup"], row["speedup"], row["speedup_high"] or row["speedup"]]


def _by_case(scope: Scope, rows: list[Row]) -> list[tuple[str, list[Row]]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(scope.cases[row["block_id"]], []).append(row)
    return list(found.items())


def _caption(asked: list[Row], rows: list[Row]) -> str:
    ranges = sum(row["speedup_level"] is None for row in rows)
    kind = kind_of(rows[0])
    told = f"Dots to the right of the line are {kind.beats} the baseline; the axis is logarithmic. "
    if ranges == len(rows):
        told += "Lines are the range over the rounds, not intervals."
    else:
        told += "Lines are exact intervals of the median over rounds."
        if ranges:
            told += f" {numbers.counted(ranges, 'dashed line is a mere range', 'dashed lines are mere ranges')}."
    left = [row for row in asked if not compared(row) and not row["is_baseline"]]
    if left:
        states = [words.state_of(row["status"], row["valid"], row["flags"]).name for row in left]
        parts = [f"{states.count(state.name)} {state.name}" for state in words.STATES[2:] if state.name in states]
        other = len(left) - sum(states.count(state.name) for state in words.STATES[2:])
        parts += [f"{other} without a ratio"] if other else []
        told += (
            f" Not drawn: {numbers.counted(len(left), 'cell')} ({', '.join(parts)}); they are in the table of results."
        )
    return told


def _line(scope: Scope, row: Row) -> tuple[str, ...]:
    found = comparison(row)
    return (
        scope.cases[row["block_id"]],
        scope.precisions[row["precision"]],
        scope.targets[row["target"]],
        words.outcome(found),
        numbers.factor(row["speedup"]),
        numbers.factor_range(*(row[name] for name in ("speedup", "speedup_low", "speedup_high")))
        if found.low
        else numbers.UNKNOWN,
        f"{found.rounds} ({words.basis(found)})",
    )


def _panel(
    scope: Scope, cases: Sequence[tuple[str, list[Row]]], limits: tuple[float, float], label: str, name: str
) -> Panel:
    kind = kind_of(cases[0][1][0])
    body = sum(_LABEL + _LANE * len(rows) + _GAP for _, rows in cases)
    with canvas(body + 44, left=6, right=6, top=20, bottom=24) as (figure, axes):
        axes.set_ylim(body, 0)
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
        log_axis(axes, axes.xaxis, limits, lambda value: f"{value:g}×")
        axes.axvline(1, color=colour("muted"), linewidth=1.2)
        for text, side, x in ((f"◂ {kind.less}", "left", 0), (f"{kind.more} ▸", "right", 1)):
            axes.text(x, 1.0 + 5 / body, text, transform=axes.transAxes, ha=side, fontsize=SMALL, color=colour("muted"))
        top = 0.0
        for case, rows in cases:
            heading(axes, top + _LABEL / 2, case)
            for lane, row in enumerate(rows):
                _dot(scope, axes, row, top + _LABEL + _LANE * (lane + 0.5))
            top += _LABEL + _LANE * len(rows) + _GAP
            axes.axhline(top - _GAP / 2, color=colour("grid"), linewidth=0.8)
        return Panel(label, inline(figure, name, f"{kind.ratio} at {label} against {scope.baseline}"))


def _dot(scope: Scope, axes: Axes, row: Row, y: float) -> None:
    low, middle, high = _reach(row)
    style = marker(scope, row, "full" if row["verdict"] in ("faster", "slower") else "none")
    dashes = "-" if row["speedup_level"] is not None else (0, (2, 1.5))
    axes.plot([low, high], [y, y], color=style["color"], linestyle=dashes, linewidth=1.4)
    axes.plot([middle], [y], linestyle="none", **style)
