"""How each kind of scenario is told: its figure, its unit, and what `faster` means of it. One row a kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.report import numbers
from bench.report.numbers import counted

Row = Mapping[str, Any]
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """The words of one kind. `{x}` stands for a factor, `{a}` and `{b}` for a configuration and the baseline."""

    label: str
    figure: str  # the heading of what is measured
    columns: tuple[str, str, str]  # of the summary: the figure and its bounds
    unit: str  # of a rate; "" where the figure is a time
    told: str  # the figure on its own, in a line of progress
    ratio: str  # what a chart of ratios is of,
    less: str  # and the words at its two ends
    more: str
    faster: str  # in a table
    slower: str
    even: str  # where no verdict stands behind it
    is_faster: str  # in a sentence
    is_slower: str
    is_even: str
    beats: str  # what nothing does
    by: str  # what is alike, or cannot be told apart
    settings: Callable[[Settings], str]


def _device_resident(_: Settings) -> str:
    return (
        "Inputs are in the device's memory before timing and outputs stay there: nothing is copied from or to the host"
    )


def _flights(found: Settings) -> str:
    return f"over {counted(int(found.get('sessions', 1)), 'session')}"


def _throughput(found: Settings) -> str:
    return f"{counted(int(found['concurrency']), 'request')} in flight {_flights(found)}"


def _server(found: Settings) -> str:
    return (
        "Queries arrive at random times (Poisson), whether or not earlier ones are done; "
        f"p{100 * found['percentile']:g} of their latencies, waiting included, has to stay within "
        f"{found['limit_ms']:g} ms. "
        f"{found['queries']:,} queries a rate, {found['concurrency']} served at once {_flights(found)}"
    )


PAGE_CACHE = {
    "warm": "model file in the page cache",
    "dropped": "model file read from the disk, dropped from the page cache before",
}
COMPILE_CACHE = {
    "none": "no compile cache",
    "empty": "compile cache empty before",
    "warm": "compile cache filled before",
    "refilled": "compile cache filled before, but not used: filled again",
}


def _cold_start(found: Settings) -> str:
    pages, cache = str(found["page_cache"]), str(found["cache"])
    caches = f"{PAGE_CACHE.get(pages, pages)}, {COMPILE_CACHE.get(cache, cache)}"
    return f"A fresh process a round, from its start to its first output; {caches}"


def _churn(found: Settings) -> str:
    return f"{counted(found['cycles'], 'session')} a round, one after another in one process: opened, run once, closed"


def _idle(found: Settings) -> str:
    return f"{counted(found['pauses'], 'inference')} a round, each after a pause of {found['pause_ms']:g} ms"


def _columns(name: str, unit: str) -> tuple[str, str, str]:
    return f"{name}{unit}", f"{name}_low{unit}", f"{name}_high{unit}"


_TIME: dict[str, Any] = {"unit": "", "less": "slower", "more": "faster"}
_RATE: dict[str, Any] = {"less": "less", "more": "more"}

KINDS: dict[str, Kind] = {
    "latency": Kind(
        label="latency", figure="Latency", columns=_columns("latency", "_ns"), told="{}", ratio="Speedup", **_TIME,
        faster="{x} faster", slower="{x} slower", even="{x} as fast",
        is_faster="{a} is {x} faster than {b}", is_slower="{a} is {x} slower than {b}",
        is_even="{a} ran {x} as fast as {b}", beats="faster than", by="", settings=lambda found: "",
    ),
    "device_resident": Kind(
        label="device resident", figure="Latency in device memory", columns=_columns("latency", "_ns"),
        told="{} in device memory", ratio="Speedup in device memory", **_TIME,
        faster="{x} faster", slower="{x} slower", even="{x} as fast",
        is_faster="{a} is {x} faster in device memory than {b}",
        is_slower="{a} is {x} slower in device memory than {b}",
        is_even="{a} ran {x} as fast in device memory as {b}",
        beats="faster in device memory than", by="in device memory", settings=_device_resident,
    ),
    "throughput": Kind(
        label="throughput", figure="Throughput", columns=_columns("throughput", "_items_s"), unit="items/s", told="{}",
        ratio="Throughput", **_RATE,
        faster="{x} the throughput", slower="{x} lower throughput", even="{x} the throughput",
        is_faster="{a} has {x} the throughput of {b}", is_slower="{a} has a {x} lower throughput than {b}",
        is_even="{a} had {x} the throughput of {b}", beats="ahead of", by="in throughput", settings=_throughput,
    ),
    "server": Kind(
        label="server", figure="Rate held", columns=_columns("rate", "_per_s"), unit="queries/s", told="holds {}",
        ratio="Rate held", **_RATE,
        faster="{x} the rate", slower="{x} lower rate", even="{x} the rate",
        is_faster="{a} holds {x} the rate of {b}", is_slower="{a} holds a {x} lower rate than {b}",
        is_even="{a} held {x} the rate of {b}", beats="ahead of", by="in the rate it holds", settings=_server,
    ),
    "cold_start": Kind(
        label="cold start", figure="Start-up", columns=_columns("start", "_ns"), told="starts in {}",
        ratio="Speed of start-up", **_TIME,
        faster="starts {x} faster", slower="starts {x} slower", even="started {x} as fast",
        is_faster="{a} starts {x} faster than {b}", is_slower="{a} starts {x} slower than {b}",
        is_even="{a} started {x} as fast as {b}", beats="faster to start than", by="in start-up", settings=_cold_start,
    ),
    "churn": Kind(
        label="churn", figure="Cycle", columns=_columns("cost", "_ns"), told="cycle of {}",
        ratio="Speed of a session's cycle", **_TIME,
        faster="cycle {x} faster", slower="cycle {x} slower", even="cycle {x} as fast",
        is_faster="{a} opens, runs and closes a session {x} faster than {b}",
        is_slower="{a} opens, runs and closes a session {x} slower than {b}",
        is_even="{a} opened, ran and closed a session {x} as fast as {b}",
        beats="faster in a cycle than", by="in a session's cycle", settings=_churn,
    ),
    "idle": Kind(
        label="idle", figure="Latency after a pause", columns=_columns("latency", "_ns"), told="{} after a pause",
        ratio="Speedup after a pause", **_TIME,
        faster="{x} faster", slower="{x} slower", even="{x} as fast",
        is_faster="{a} is {x} faster after a pause than {b}", is_slower="{a} is {x} slower after a pause than {b}",
        is_even="{a} ran {x} as fast after a pause as {b}",
        beats="faster after a pause than", by="after a pause", settings=_idle,
    ),
}  # fmt: skip


def kind_of(row: Row) -> Kind:
    return KINDS[row["scenario_kind"]]


def figure(row: Row) -> float | None:
    """What a cell measured, in the unit of its column; None where it did not."""
    found: float | None = row[kind_of(row).columns[0]]
    return found


def written(row: Row) -> str:
    """The figure with its unit: `4.21 ms`, `212 queries/s`."""
    value, unit = figure(row), kind_of(row).unit
    if value is None or not unit:
        return numbers.duration(value)
    return f"{numbers.rate(value)}{numbers.SPACE}{unit}"


def bounds(row: Row) -> str:
    """Its bounds, in the same unit: `4.18–4.26`; empty where there are none."""
    kind = kind_of(row)
    value, low, high = (row[name] for name in kind.columns)
    if value is None or low is None or high is None:
        return ""
    return numbers.factor_range(value, low, high) if kind.unit else numbers.duration_range(value, low, high)


def growth(row: Row) -> tuple[str, str]:
    """What a cycle of a churn cell leaves behind, and its bounds: `+1.20 KiB`, `−0.30 to 2.10`."""
    value, low, high = (row[name] for name in _columns("growth", "_bytes"))
    if value is None:
        return numbers.UNKNOWN, ""
    return numbers.size_change(value), "" if low is None else numbers.size_range(value, low, high)


def rates(kind: str, cost_ns: float, batch: int) -> float:
    """What a cost is a second: items of a throughput cell, queries of a server."""
    return (batch if kind == "throughput" else 1) * 1e9 / cost_ns


def settings(kind: str, found: Settings | None) -> str:
    """A scenario's settings in words, without a full stop; empty where the run does not tell them."""
    return KINDS[kind].settings(found) if found else ""
