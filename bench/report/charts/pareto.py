"""Accuracy against speed: which configurations no other one beats in both."""

from collections.abc import Sequence

from bench.report import numbers
from bench.report.charts.chart import Chart, Key, Panel, log_axis, marker, unit
from bench.report.kinds import KINDS, kind_of
from bench.report.palette import colour, fill
from bench.report.scope import Row, Scope, compared
from bench.report.svg import canvas, inline

CLOSER_DB = 1.0  # less is no difference one would pay for
CEILING_DB = 140.0  # FP32 rounding stays below; an output that is equal bit for bit is drawn here


def pareto(scope: Scope) -> Chart | None:
    """A panel a model, at its first case. None where no output error is known."""
    panels, table = [], []
    for number, model in enumerate(scope.models):
        rows = [row for row in scope.answering if row["model"] == model]
        rows = [row for row in rows if row["sqnr_db"] is not None and row["speedup"] is not None]
        rows = [row for row in rows if row["block_id"] == rows[0]["block_id"]]
        if len(rows) < 2:
            continue
        best = front(rows)
        panels.append(_panel(scope, rows, best, f"{scope.prefix}pareto-{number}"))
        table += [_line(scope, row, row in best) for row in rows]
    if not panels:
        return None
    targets, precisions = list(scope.targets), list(scope.precisions)
    keys = [Key(f"{scope.prefix}k-{number}", scope.targets[name]) for number, name in enumerate(targets)]
    keys += [Key(f"{scope.prefix}k-0-p{place}", scope.precisions[name]) for place, name in enumerate(precisions)]
    return Chart(
        id=f"{scope.prefix}pareto",
        title="Signal to error against speedup",
        caption="Up and to the right is better. The line joins what no other valid configuration beats in both. "
        "The shape is the target, its filled part the precision; a cross is an output outside its tolerance or another "
        "invalid cell, which cannot be on the line. The vertical axis is signal to error in decibel, against the model "
        "as stored.",
        panels=tuple(panels),
        keys=tuple(keys),
        columns=("Case", "Configuration", KINDS[scope.kind].ratio, "SQNR", "Valid", "On the line"),
        rows=tuple(table),
    )


def front(rows: Sequence[Row]) -> list[Row]:
    """Valid rows that no faster valid row matches in SQNR to within CLOSER_DB, the slowest first."""
    valid = [row for row in rows if compared(row) or (row["is_baseline"] and row["valid"])]
    found: list[Row] = []
    for row in sorted(valid, key=lambda row: (row["speedup"], row["sqnr_db"]), reverse=True):
        if not found or row["sqnr_db"] >= found[-1]["sqnr_db"] + CLOSER_DB:
            found.append(row)
    return found[::-1]


def _line(scope: Scope, row: Row, best: bool) -> tuple[str, ...]:
    closeness = "equal" if row["sqnr_db"] == float("inf") else f"{row['sqnr_db']:.1f} dB"
    words = ("yes" if row["valid"] else "no", "yes" if best else "no")
    return (scope.cases[row["block_id"]], scope.name(row), numbers.factor(row["speedup"]), closeness, *words)


def _height(row: Row) -> float:
    return float(min(row["sqnr_db"], CEILING_DB))


def _panel(scope: Scope, rows: Sequence[Row], best: Sequence[Row], name: str) -> Panel:
    case = scope.cases[rows[0]["block_id"]]
    with canvas(250, left=40, top=24) as (figure, axes):
        log_axis(axes, axes.xaxis, [row["speedup"] for row in rows], lambda value: f"{value:g}×")
        heights = [_height(row) for row in rows]
        room = max(4.0, 0.08 * (max(heights) - min(heights)))
        axes.set_ylim(min(heights) - room, max(heights) + room)
        axes.yaxis.grid(True)
        axes.axvline(1, color=colour("muted"), linewidth=1.2)
        axes.plot([row["speedup"] for row in best], [_height(row) for row in best], color=colour("muted"), linewidth=1)
        for row in rows:
            if row["valid"]:
                axes.plot(
                    [row["speedup"]], [_height(row)], linestyle="none", **marker(scope, row, fill(row["precision"]))
                )
            else:
                axes.plot(
                    [row["speedup"]], [_height(row)], "x", color=colour("muted"), markersize=6, markeredgewidth=1.5
                )
        axes.set_xlabel(kind_of(rows[0]).ratio)
        unit(axes, "Signal to error, dB")
        return Panel(case, inline(figure, name, f"Accuracy against speed: {case}"))
