"""Start-up, placement and memory: what a configuration costs beside its latency."""

from collections.abc import Iterable

from bench.report import numbers
from bench.report.charts.chart import Chart
from bench.report.charts.stacks import Bar, Stack, stacked
from bench.report.entries import nodes, short
from bench.report.scope import Row, Scope

START = Stack(
    "startup", "From nothing to the first result",
    "Medians over rounds, each from a process of its own, with warm compile caches; at FP32 and the first case of each "
    "model. The data beside this page hold the rest.",
    ("process start", "runtime import", "session create", "first inference"), numbers.duration,
)  # fmt: skip
MEMORY = Stack(
    "memory", "Resident memory",
    "Medians over rounds of the whole process after each step; the dark tick is the process's own high-water mark. "
    "At FP32 and the first case of each model.",
    ("after import", "added by create", "added by first inference"), numbers.size, tick="peak", unit=numbers.size_unit,
)  # fmt: skip
PLACEMENT = Stack(
    "placement", "Where the work went",
    "Share of the graph's nodes, and of operator time where a profile tells, on the execution provider asked for.",
    ("on the provider asked for", "on another one"), numbers.percent, top=1.0,
)  # fmt: skip


_PLAIN = ("latency", "device_resident", "idle", "throughput", "server", "churn", "cold_start")


def representatives(scope: Scope) -> list[Row]:
    """One measured row for each model and target: FP32 at the model's first case, or the first there is."""
    found: dict[tuple[str, str], Row] = {}
    for row in _latency_first(scope):
        if row["status"] == "ok":
            found.setdefault((row["model"], row["target"]), row)
    order = list(scope.targets)
    return sorted(found.values(), key=lambda row: (scope.models.index(row["model"]), order.index(row["target"])))


def _latency_first(scope: Scope) -> list[Row]:
    """All rows: those that start with warm caches and hold one session come before those that do not."""
    return sorted(scope.rows, key=lambda row: _PLAIN.index(row["scenario_kind"]))


def _label(scope: Scope, row: Row) -> str:
    return scope.targets[row["target"]] if row["precision"] == "fp32" else scope.name(row)


def startup(scope: Scope) -> Chart | None:
    bars = []
    for row in representatives(scope):
        if row["scenario_kind"] == "cold_start":
            continue  # only where there is nothing else: its own chart has them
        parts = tuple(row[name] for name in ("spawn_ns", "import_ns", "create_ns", "first_ns"))
        if any(parts):
            told = numbers.duration(sum(part or 0 for part in parts))
            if row["compile_ns"]:
                told += f", compiled before in {numbers.duration(row['compile_ns'])}"
            bars.append(Bar(row["model"], _label(scope, row), parts, told))
    return stacked(scope, START, bars)


def memory(scope: Scope) -> Chart | None:
    bars = []
    for row in representatives(scope):
        steps = [row[name] for name in ("rss_import_bytes", "rss_create_bytes", "rss_first_bytes")]
        if steps[0] is not None:
            peak = row["peak_rss_bytes"]
            told = f"{numbers.size(peak)} at its peak" if peak else numbers.size(steps[-1])
            bars.append(Bar(row["model"], _label(scope, row), tuple(_growth(steps)), told, peak))
    return stacked(scope, MEMORY, bars)


def _growth(steps: Iterable[float | None]) -> Iterable[float | None]:
    """Each step's addition to what was reached before; memory given back adds nothing."""
    reached = 0.0
    for step in steps:
        yield None if step is None else max(0.0, step - reached)
        reached = max(reached, step or 0.0)


def placed(scope: Scope) -> list[Row]:
    """One row for each model, target and precision that tells where its nodes went, at the model's first case."""
    found: dict[tuple[str, str, str], Row] = {}
    for row in _latency_first(scope):
        if row["nodes_total"] and row["nodes_on_provider"] is not None:
            found.setdefault((row["model"], row["target"], row["precision"]), row)
    return list(found.values())


def placement(scope: Scope) -> Chart | None:
    """Bars of the configurations that ran in part elsewhere; a bar for each of the others would say nothing."""
    split = [row for row in placed(scope) if row["nodes_on_provider"] < row["nodes_total"]]
    return stacked(scope, PLACEMENT, [bar for row in split for bar in _placed(scope, row)])


def _placed(scope: Scope, row: Row) -> Iterable[Bar]:
    share = row["nodes_on_provider"] / row["nodes_total"]
    elsewhere = [f"{count} on {short(name)}" for name, count in nodes(row).items() if name != row["provider"] and count]
    told = ", ".join(
        [
            f"{int(row['nodes_on_provider'])} of {int(row['nodes_total'])} nodes",
            *(elsewhere if len(elsewhere) > 1 else ()),
        ]
    )
    yield Bar(row["model"], scope.name(row), (share, 1 - share), told)
    time = row["time_on_provider"]
    if time is not None:
        yield Bar(row["model"], "its operator time", (time, 1 - time), numbers.percent(time))


def placement_in_words(scope: Scope) -> str:
    rows = placed(scope)
    if not rows:
        return "No cell of this run tells where its nodes were placed."
    whole = sum(row["nodes_on_provider"] == row["nodes_total"] for row in rows)
    total = numbers.counted(len(rows), "configuration")
    told = f"{whole} of {total} that tell ran wholly on the execution provider asked for."
    return told if whole == len(rows) else f"{told} Only the rest is drawn."
