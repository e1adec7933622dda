"""Accuracy against speed: which configurations no other one beats in both."""

from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.axes import Axes

from bench.report import numbers
from bench.report.charts.chart import Chart, Panel, cut, log_axis, marker, target_keys, unit
from bench.report.kinds import KINDS, kind_of
from bench.report.palette import colour
from bench.report.scope import Row, Scope, compared
from bench.report.svg import SMALL, WIDTH, canvas, inline

CLOSER_DB = 1.0  # less is no difference one would pay for
CEILING_DB = 140.0  # FP32 rounding stays below; an output that is equal bit for bit is drawn here
LABELS = 150  # CSS pixels at the right, for the names of what is on the line
APART = 15  # between two of them
READING = (
    "Up and to the right is better: fast, and close to the model as stored. The line joins the filled marks, which no "
    "other valid configuration beats in both; beside the name is the size of its file, of the FP32 file's. A hollow "
    "mark is beaten; a cross is an output outside its tolerance or another invalid cell, which cannot be on the line. "
    "Bars are intervals."
)


def pareto(scope: Scope) -> tuple[Chart, ...]:
    """A chart a model, of its first case. None for a model of which fewer than two output errors are known."""
    charts = []
    for number, model in enumerate(scope.models):
        rows = [row for row in scope.answering if row["model"] == model]
        rows = [row for row in rows if row["sqnr_db"] is not None and row["speedup"] is not None]
        rows = [row for row in rows if row["block_id"] == rows[0]["block_id"]]
        if len(rows) > 1:
            charts.append(_chart(scope, rows, f"{scope.prefix}pareto-{number}"))
    return tuple(charts)


def front(rows: Sequence[Row]) -> list[Row]:
    """Valid rows that no faster valid row matches in SQNR to within CLOSER_DB, the slowest first."""
    valid = [row for row in rows if compared(row) or (row["is_baseline"] and row["valid"])]
    found: list[Row] = []
    for row in sorted(valid, key=lambda row: (row["speedup"], row["sqnr_db"]), reverse=True):
        if not found or row["sqnr_db"] >= found[-1]["sqnr_db"] + CLOSER_DB:
            found.append(row)
    return found[::-1]


def _chart(scope: Scope, rows: Sequence[Row], name: str) -> Chart:
    case, best = scope.cases[rows[0]["block_id"]], front(rows)
    whole = next((row["model_bytes"] for row in rows if row["is_baseline"]), None)
    return Chart(
        id=name,
        title=case,
        caption=f"{KINDS[scope.kind].ratio} against {scope.baseline}.",
        panels=(Panel("", _panel(scope, rows, best, whole, name)),),
        keys=target_keys(scope, {row["target"] for row in rows}),
        columns=("Configuration", KINDS[scope.kind].ratio, "Bounds", "SQNR", "File", "Valid", "On the line"),
        rows=tuple(_line(scope, row, row in best, whole) for row in rows),
    )


def _line(scope: Scope, row: Row, best: bool, whole: float | None) -> tuple[str, ...]:
    low, high = row["speedup_low"], row["speedup_high"]
    bounds = "" if low is None or row["is_baseline"] else numbers.factor_range(row["speedup"], low, high)
    words = ("yes" if row["valid"] else "no", "yes" if best else "no")
    share = _share(row, whole) or numbers.UNKNOWN
    close = numbers.closeness(row["sqnr_db"], 1)
    return (scope.name(row), numbers.factor(row["speedup"]), bounds, close, share, *words)


def _share(row: Row, whole: float | None) -> str:
    """The size of a row's file, of the FP32 file's; empty where either is not known."""
    return f"{row['model_bytes'] / whole:.0%}" if row["model_bytes"] and whole else ""


def _height(row: Row) -> float:
    return float(min(row["sqnr_db"], CEILING_DB))


def _panel(scope: Scope, rows: Sequence[Row], best: Sequence[Row], whole: float | None, name: str) -> Markup:
    with canvas(300, left=40, top=24, right=LABELS) as (figure, axes):
        log_axis(axes, axes.xaxis, [row["speedup"] for row in rows], lambda value: f"{value:g}×", most=4)
        heights = [_height(row) for row in rows]
        room = max(4.0, 0.08 * (max(heights) - min(heights)))
        axes.set_ylim(min(heights) - room, max(heights) + room)
        axes.yaxis.grid(True)
        axes.axvline(1, color=colour("muted"), linewidth=1.2)
        axes.plot([row["speedup"] for row in best], [_height(row) for row in best], color=colour("muted"), linewidth=1)
        for row in rows:
            at, up = [row["speedup"]], [_height(row)]
            if not row["valid"]:
                axes.plot(at, up, "x", color=colour("muted"), markersize=6, markeredgewidth=1.5)
                continue
            style = marker(scope, row, "full" if row in best else "none")
            if row["speedup_low"] is not None:
                axes.hlines(up, row["speedup_low"], row["speedup_high"], color=style["color"], linewidth=1)
            axes.plot(at, up, linestyle="none", **style)
        _names(scope, axes, best, whole)
        axes.set_xlabel(kind_of(rows[0]).ratio)
        unit(axes, "Signal to error, dB")
        return inline(figure, name, f"Accuracy against speed: {scope.cases[rows[0]['block_id']]}")


def _names(scope: Scope, axes: Axes, best: Sequence[Row], whole: float | None) -> None:
    """Write what is on the line beside the axes, from the top, each joined to its mark by a thin line."""
    inside = WIDTH - 40 - LABELS
    tall = 300 - 24 - 36
    low, high = axes.get_ylim()
    places: list[float] = []
    for row in best:  # the slowest first, which are the closest: from the top down
        wanted = tall * (_height(row) - low) / (high - low)
        places.append(min(wanted, places[-1] - APART) if places else wanted)
    lift = max(0.0, -min(places, default=0.0))
    for row, place in zip(best, places, strict=True):
        share = _share(row, whole)
        label = " ".join(filter(None, (cut(scope.precisions.get(row["precision"], row["precision"]), 17), share)))
        axes.annotate(
            label,
            (row["speedup"], _height(row)),
            ((inside + 10) / inside, (place + lift) / tall),
            xycoords="data",
            textcoords="axes fraction",
            fontsize=SMALL,
            va="center",
            arrowprops={"arrowstyle": "-", "color": colour("grid"), "linewidth": 0.8, "shrinkB": 4},
        )
