"""The charts of one model: how latency scales with the batch, throughput against latency, the spread of samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from bench.analysis.samples import Floats, trial_table
from bench.report import numbers
from bench.report.charts.chart import Chart, Key, Panel, log_axis, marker, unit
from bench.report.palette import fill
from bench.report.scope import Row, Scope, axis_text, compared
from bench.report.svg import canvas, inline

QUANTILES = 200
_HEIGHT = 250


@dataclass(frozen=True)
class Series:
    """A configuration of one model through its batch sizes, at one setting of every other axis."""

    label: str
    rows: tuple[Row, ...]
    solid: bool


def series(scope: Scope, model: str) -> tuple[Series, ...]:
    """What a model's charts show: each target at FP32, and at its fastest other precision. Only valid cells.

    All precisions of all targets in one chart would hide what matters; the table of results holds them all.
    """
    valid = [row for row in scope.of(model=model, scenario_kind="latency") if row["valid"] and row["latency_ns"]]
    if not valid:
        return ()
    first = valid[0]
    same = [row for row in valid if all(row[axis] == first[axis] for axis in ("dims", "threads", "scenario"))]
    found = []
    for target in scope.targets:
        mine = {
            name: [row for row in same if row["target"] == target and row["precision"] == name]
            for name in scope.precisions
        }
        others = {name: rows for name, rows in mine.items() if rows and name != "fp32"}
        fastest = max(others, key=lambda name: _mean_speedup(others[name]), default=None)
        for name in ("fp32", fastest):
            if name and mine.get(name):
                found.append(Series(scope.name(mine[name][0]), tuple(mine[name]), solid=name == "fp32"))
    return tuple(found)


def _mean_speedup(rows: Sequence[Row]) -> float:
    known = [log(row["speedup"]) for row in rows if compared(row)]
    return exp(sum(known) / len(known)) if known else 0.0


def model_charts(scope: Scope, model: str, number: int) -> list[Chart]:
    """The charts a model's cells allow, in the order of the page."""
    lines = series(scope, model)
    name = f"{scope.prefix}m{number}"
    charts = [
        _batches(scope, model, name, lines),
        _throughput(scope, model, name, lines),
        _spread(scope, model, name, lines),
    ]
    return [chart for chart in charts if chart]


def _keys(scope: Scope, lines: Sequence[Series]) -> tuple[Key, ...]:
    targets, precisions = list(scope.targets), list(scope.precisions)
    return tuple(
        Key(
            f"{scope.prefix}k-{targets.index(line.rows[0]['target'])}-p{precisions.index(line.rows[0]['precision'])}",
            line.label,
        )
        for line in lines
    )


def _batch_axis(axes: Axes, batches: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_xlim(min(batches) / 1.25, max(batches) * 1.25)
    axes.xaxis.set_major_locator(FixedLocator(list(batches)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(batch) for batch in batches])
    axes.set_xlabel("Batch size")


def _draw(
    scope: Scope,
    axes: Axes,
    lines: Sequence[Series],
    x: Callable[[Row], float | None],
    y: Callable[[Row], float | None],
) -> None:
    for line in lines:
        points = [(x(row), y(row)) for row in line.rows]
        known = [(across, up) for across, up in points if across is not None and up is not None]
        if known:
            style = marker(scope, line.rows[0], fill(line.rows[0]["precision"]))
            axes.plot(*zip(*known, strict=True), linestyle="-" if line.solid else (0, (4, 2)), linewidth=1.3, **style)


def _batches(scope: Scope, model: str, name: str, lines: Sequence[Series]) -> Chart | None:
    batches = sorted({row["batch"] for line in lines for row in line.rows})
    if len(batches) < 2:
        return None
    with canvas(_HEIGHT, top=24, left=52) as (figure, axes):
        values = [row["latency_ns"] / row["batch"] for line in lines for row in line.rows]
        _batch_axis(axes, batches)
        log_axis(axes, axes.yaxis, values, numbers.duration)
        _draw(scope, axes, lines, lambda row: row["batch"], lambda row: row["latency_ns"] / row["batch"])
        unit(axes, "Latency per item")
        title = f"{model}: batch scaling"
        panel = Panel("", inline(figure, f"{name}-batch", title))
    return Chart(
        id=f"{name}-batch",
        title="Batch scaling",
        caption="Latency of a batch over its items: a falling line means that larger batches pay. "
        "Both axes are logarithmic.",
        panels=(panel,),
        keys=_keys(scope, lines),
        columns=("Configuration", *(axis_text("batch", batch) for batch in batches)),
        rows=tuple((line.label, *_by_batch(line, batches)) for line in lines),
    )


def _by_batch(line: Series, batches: Sequence[int]) -> list[str]:
    latency = {row["batch"]: row["latency_ns"] / row["batch"] for row in line.rows}
    return [numbers.duration(latency.get(batch)) for batch in batches]


def _throughput(scope: Scope, model: str, name: str, lines: Sequence[Series]) -> Chart | None:
    lines = [line for line in lines if any(row["throughput_items_s"] for row in line.rows)]
    rows = [row for line in lines for row in line.rows if row["throughput_items_s"]]
    if not rows:
        return None
    with canvas(_HEIGHT, top=24, left=52) as (figure, axes):
        log_axis(axes, axes.xaxis, [row["latency_ns"] for row in rows], numbers.duration, most=5)
        log_axis(axes, axes.yaxis, [row["throughput_items_s"] for row in rows], numbers.rate)
        axes.set_xlabel("Latency of a batch")
        _draw(scope, axes, lines, lambda row: row["latency_ns"], lambda row: row["throughput_items_s"])
        unit(axes, "Items a second")
        panel = Panel("", inline(figure, f"{name}-throughput", f"{model}: throughput against latency"))
    batches = sorted({row["batch"] for row in rows})
    flights = sorted({f"{row['concurrency']:g}" for row in rows if row["concurrency"]})
    along = (
        f" Points of a line are batch sizes {numbers.listed([str(batch) for batch in batches])}."
        if len(batches) > 1
        else ""
    )
    return Chart(
        id=f"{name}-throughput",
        title="Throughput against latency",
        caption=f"Up and to the left is better.{along} Throughput is counted over windows of wall clock, with "
        f"{numbers.listed(flights)} in flight.",
        panels=(panel,),
        keys=_keys(scope, lines),
        columns=("Configuration", "Batch", "Latency", "Items a second"),
        rows=tuple(
            (
                line.label,
                str(row["batch"]),
                numbers.duration(row["latency_ns"]),
                numbers.rate(row["throughput_items_s"]),
            )
            for line in lines
            for row in line.rows
        ),
    )


def _spread(scope: Scope, model: str, name: str, lines: Sequence[Series]) -> Chart | None:
    """ECDFs at the smallest batch, of each target's last series: its fastest other precision, or FP32."""
    fastest = {line.rows[0]["target"]: line for line in lines}
    batch = min((row["batch"] for line in lines for row in line.rows), default=None)
    rows = [row for line in fastest.values() for row in line.rows if row["batch"] == batch]
    curves = [(row, samples) for row in rows if len(samples := _samples(scope, row))]
    if not curves:
        return None
    at = f", {axis_text('batch', batch)}" if "batch" in scope.varying else ""
    return Chart(
        id=f"{name}-ecdf",
        title=f"Spread of samples{at}",
        caption="Share of inferences that took at most this long, each target at its fastest valid precision. "
        "Marks: the median, and those of p90, p95 and p99 that enough independent samples support.",
        panels=(Panel("", _ecdf(scope, curves, f"{name}-ecdf", f"{model}{at}: spread of samples")),),
        keys=_keys(scope, list(fastest.values())),
        columns=("Configuration", "Samples", "25%", "Median", "75%", "p90", "p95", "p99"),
        rows=tuple(_percentiles(scope, row, samples) for row, samples in curves),
    )


def _samples(scope: Scope, row: Row) -> Floats:
    """Every sample a cell's estimates rest on, ns an inference: the same ones, of the same trials."""
    kept = trial_table(scope.trials[scope.trials["cell_id"] == row["cell_id"]])["kept"]
    return np.concatenate([one.samples for one in kept]) if len(kept) else np.empty(0)


def _percentiles(scope: Scope, row: Row, samples: Floats) -> tuple[str, ...]:
    quarters = [numbers.duration(float(value)) for value in np.quantile(samples, (0.25, 0.5, 0.75))]
    tail = [
        numbers.duration(row[f"{name}_ns"]) if row[f"{name}_ns"] else "not enough" for name in ("p90", "p95", "p99")
    ]
    return (scope.name(row), f"{len(samples):,}", *quarters, *tail)


def _ecdf(scope: Scope, curves: Sequence[tuple[Row, Floats]], name: str, title: str) -> Markup:
    shares = (np.arange(QUANTILES) + 0.5) / QUANTILES
    with canvas(_HEIGHT, top=24, left=52) as (figure, axes):
        found = [np.quantile(samples, shares) for _, samples in curves]
        log_axis(
            axes, axes.xaxis, [float(value) for ends in found for value in ends[[0, -1]]], numbers.duration, most=5
        )
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 0.95]))
        axes.set_yticklabels(["0", "25%", "50%", "75%", "95%"])
        axes.grid(True)
        axes.set_xlabel("Latency")
        for (row, _), quantiles in zip(curves, found, strict=True):
            style = marker(scope, row, fill(row["precision"]))
            axes.plot(quantiles, shares, color=style["color"], linewidth=1.5)
            marks = [(np.interp(0.5, shares, quantiles), 0.5)]
            marks += [(row[f"p{share}_ns"], share / 100) for share in (90, 95, 99) if row[f"p{share}_ns"]]
            axes.plot(*zip(*marks, strict=True), linestyle="none", **style)
        unit(axes, "Share of inferences")
        return inline(figure, name, title)
