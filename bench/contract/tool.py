"""A program that measures by itself: how it is called, and which of the figures it reports are read."""

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

PLACEHOLDERS = {  # what an argument may hold in braces, beside the tool's own options and lists
    "model": "the model file",
    "threads": "threads an inference may use",
    "batch": "items in one inference",
    "seconds": "whole seconds to measure for",
    "concurrency": "requests in flight",
    "sessions": "sessions that these are spread over",
    "precision": "the precision's name",
    "device": "the device asked for",
    "folder": "a folder to write into, gone afterwards",
}
OF_INPUT = {  # what an element of a list may hold
    "name": "the input's name",
    "shape": "its sizes",
    "dtype": "its type",
    "file": "its values, .npy",
    "raw": "its values, bytes alone",
}
TRANSFER = {"from": "the file here", "to": "the file there"}
UNITS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
TIMES = ("median", "mean", "min", "max", "p90", "p95", "p99", "duration")
FIGURES: dict[str, tuple[str, float]] = {  # a key of `read` -> what it is kept as, and the factor to its unit
    **{f"{time}_{unit}": (f"{time}_ns", factor) for time in TIMES for unit, factor in UNITS.items()},
    **{name: (name, 1.0) for name in ("inferences", "inferences_per_s", "items_per_s")},
}
ENOUGH: dict[str, tuple[tuple[str, ...], ...]] = {  # scenario -> figures of which one set has to be reported
    "latency": (("median_ns",), ("mean_ns",)),
    "throughput": (("inferences", "duration_ns"), ("inferences_per_s",), ("items_per_s",)),
}


@dataclass(frozen=True)
class Tool:
    """How a program is called and read: the fields of catalog/tools.toml that a worker needs."""

    command: list[str] = field(default_factory=list)
    read: dict[str, str] = field(default_factory=dict)
    report: str = ""
    scenario: str = "latency"
    lists: dict[str, dict[str, str]] = field(default_factory=dict)
    reach: list[str] = field(default_factory=list)
    send: list[str] = field(default_factory=list)
    there: str = ""
    check: list[str] = field(default_factory=list)
    comes_with: str = ""
    measured: str = ""  # where it was run for real
    as_stored: bool = False


def enough(found: Mapping[str, object], scenario: str) -> bool:
    """Tell whether figures (by what they are kept as) hold what a scenario is about."""
    return any(all(name in found for name in names) for names in ENOUGH[scenario])


def names_in(text: str) -> Iterator[str]:
    """Yield the placeholders of a text. Raises ValueError where its braces do not match; `{{` is a brace."""
    for _, name, form, conversion in string.Formatter().parse(text):
        if name is not None:
            yield f"{name}!{conversion}" if conversion else f"{name}:{form}" if form else name


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its placeholders filled in."""
    return "".join(
        literal + ("" if name is None else values[name]) for literal, name, _, _ in string.Formatter().parse(text)
    )
