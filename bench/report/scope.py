"""What every part of a run's report reads: its cells as plain rows, in the suite's order, with their labels."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

import pandas as pd

from bench.analysis.means import of_one_kind
from bench.analysis.verdicts import Judged
from bench.report.numbers import counted
from bench.report.palette import Mark, marks
from bench.report.words import printable

Row = dict[str, Any]
_AXES = ("batch", "dims", "threads", "scenario", "concurrency")


@dataclass(frozen=True)
class Scope:
    """One run. `rows` holds one dict a cell with the columns of `analysis.summarize`, nulls as None.

    `prefix` starts every id of this run in the page; `cases` maps block_id to a label (`magika · b8`), `targets` and
    `precisions` map names to labels, all in the suite's order. `varying` names the axes that are not constant.
    """

    prefix: str
    meta: Mapping[str, Any]
    trials: pd.DataFrame
    frame: pd.DataFrame
    rows: tuple[Row, ...]
    cases: Mapping[str, str]
    targets: Mapping[str, str]
    precisions: Mapping[str, str]
    marks: Mapping[str, Mark]
    varying: tuple[str, ...]

    @property
    def baseline(self) -> str:
        """The baseline as the reader sees it: `ORT CPU FP32`; of a duel, side A."""
        if any(row["side"] for row in self.rows):
            return "side A"
        return self.name({"target": self.meta["baseline"], "precision": "fp32"})

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row["model"] for row in self.rows))

    @property
    def kind(self) -> str:
        """The kind of scenario that the run's answer is about: latency, or else the first it has."""
        found = of_one_kind(self.frame)["scenario_kind"]
        return str(found.iloc[0]) if len(found) else "latency"

    @property
    def answering(self) -> tuple[Row, ...]:
        """The rows of that kind. Rates, starts and latencies share no axis and no mean."""
        kind = self.kind
        return tuple(row for row in self.rows if row["scenario_kind"] == kind)

    def of(self, **wanted: Any) -> list[Row]:
        """The rows whose columns equal what is given."""
        return [row for row in self.rows if all(row[name] == value for name, value in wanted.items())]

    def name(self, row: Row) -> str:
        """A configuration as the reader sees it: target and precision. `row` needs no more than these two."""
        target = self.targets.get(row["target"], row["target"])
        precision = self.precisions.get(row["precision"], str(row["precision"]).upper())
        return f"{target}, {precision}" if "," in target else f"{target} {precision}"


def plain(value: Any) -> Any:
    """A cell of a DataFrame as a Python value that can be shown, every kind of null as None."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float) and isnan(value):
        return None
    return printable(value) if isinstance(value, str) else value


def comparison(row: Row) -> Judged:
    """What a row says against the baseline's FP32 cell of its block; a duel's verdicts are those of its comparison."""
    judged = not row.get("side") or row["verdict"] == "baseline"
    return Judged(
        verdict=(row["verdict"] or "none") if judged else "none",
        ratio=row["speedup"],
        low=row["speedup_low"],
        high=row["speedup_high"],
        level=row["speedup_level"],
        rounds=int(row["speedup_rounds"] or 0),
        reason=row["verdict_reason"] or "",
        kind=row["scenario_kind"],
    )


def compared(row: Row) -> bool:
    """Whether a row may be drawn and counted as a result against the baseline."""
    return bool(row["valid"]) and row["speedup"] is not None and not row["is_baseline"]


def scope(meta: Mapping[str, Any], trials: pd.DataFrame, frame: pd.DataFrame, prefix: str) -> Scope:
    """Bring one run's summary frame into the suite's order. Pure."""
    records = [{str(name): plain(value) for name, value in row.items()} for row in frame.to_dict("records")]
    for row in records:
        row["flags"] = list(row["flags"] or [])
    targets = _labels(meta.get("targets", {}), ((row["target"], row["target_label"]) for row in records))
    precisions = _labels(meta.get("precisions", {}), ((row["precision"], row["precision"]) for row in records))
    models = list(dict.fromkeys([*meta.get("models", {}), *(row["model"] for row in records)]))
    suite_order = list(meta.get("scenarios") or ())
    scenarios = [*suite_order, *sorted({row["scenario"] or "" for row in records} - set(suite_order))]
    order = {name: place for names in (models, targets, precisions) for place, name in enumerate(names)}
    records.sort(
        key=lambda row: (
            order[row["model"]],
            row["batch"] or 0,
            row["dims"] or "",
            row["threads"] or 0,
            scenarios.index(row["scenario"] or ""),
            list(precisions).index(row["precision"]),
            list(targets).index(row["target"]),
        )
    )
    varying = tuple(axis for axis in _AXES if len({row[axis] for row in records if row[axis] is not None}) > 1)
    used = [name for name in targets if any(row["target"] == name for row in records)]
    return Scope(
        prefix=prefix,
        meta=meta,
        trials=trials,
        frame=frame,
        rows=tuple(records),
        cases={row["block_id"]: case_label(row, varying) for row in records},
        targets={name: targets[name] for name in used},
        precisions={
            name: label for name, label in precisions.items() if any(row["precision"] == name for row in records)
        },
        marks=marks(used),
        varying=varying,
    )


def _labels(described: Mapping[str, Any], found: Iterable[tuple[str, str]]) -> dict[str, str]:
    labels = {name: printable(str(row.get("label") or name)) for name, row in described.items()}
    for name, label in found:
        labels.setdefault(name, label or name)
    return labels


def anchor(name: str) -> str:
    """A name as part of an id."""
    return re.sub("[^A-Za-z0-9._-]+", "-", name)


def axis_text(axis: str, value: Any) -> str:
    """A value of a varying axis: `b8`, `sequence 128`, `4 threads`."""
    if axis == "batch":
        return f"b{value}"
    if axis == "dims":
        sizes = json.loads(value) if isinstance(value, str) and value else dict(value or {})
        return ", ".join(f"{name} {size}" for name, size in sizes.items())
    if axis == "threads":
        return counted(int(value), "thread")
    return f"{value} in flight" if axis == "concurrency" else str(value)


def case_label(row: Row, varying: tuple[str, ...]) -> str:
    """A block as the reader sees it: its model and whatever else varies in this run; plain latency goes unsaid."""
    axes = [axis for axis in varying if axis != "concurrency" and row[axis] is not None]
    axes = [axis for axis in axes if axis != "scenario" or row["scenario"] != "latency"]
    parts = [axis_text(axis, row[axis]) for axis in axes]
    return " · ".join([row["model"], *(part for part in parts if part)])
