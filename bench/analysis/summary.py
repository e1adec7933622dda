"""One row a cell: what was measured, how sure it is, whether it may be believed, and how it compares."""

from collections.abc import Mapping
from math import exp
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.flags import cell_flags
from bench.analysis.intervals import NONE, Interval, median_interval
from bench.analysis.latency import growth, latency, percentiles, start_up, throughput
from bench.analysis.outcome import ending, output_verdict, why_invalid
from bench.analysis.ratios import Effects, RoundKey, log_ratio, pair, rounds_of, through_baseline
from bench.analysis.samples import Kept, trial_table
from bench.analysis.verdicts import BASELINE, NO_VERDICT, THRESHOLD, verdict
from bench.contract.status import Status

Meta = Mapping[str, Any]
BASELINE_PRECISION = "fp32"

SAME = ["block_id", "model", "precision", "target", "target_label", "runtime"]  # what a cell's trials share
SAME += ["provider", "batch", "dims", "threads", "scenario", "scenario_kind", "side", "concurrency", "sessions"]
SAME += ["boundary", "cache", "page_cache"]
LAST = ["precision_effective", "runtime_version", "device", "options", "threads_effective", "placement"]
LAST += ["operators"]
MEDIANS = ["spawn_ns", "import_ns", "compile_ns", "create_ns", "first_ns", "rss_import_bytes", "rss_create_bytes"]
MEDIANS += ["rss_first_bytes", "peak_rss_bytes", "device_bytes", "model_bytes"]
MEDIANS += ["device_utilisation", "device_clock_mhz"]
HIGHEST = ["nodes_total", "max_abs_error", "max_rel_error"]  # the worst over trials, as are the lowest
HIGHEST += ["batch_error", "repeat_error"]
LOWEST = ["nodes_on_provider", "time_on_provider", "cosine", "sqnr_db", "top1_agreement"]
LOWEST += ["top5_agreement", "iou", "rank_agreement"]

TEXTS = {
    "cell_id", "block_id", "model", "precision", "target", "target_label", "runtime", "provider", "dims", "scenario",
    "scenario_kind", "side", "boundary", "cache", "page_cache", "precision_effective", "runtime_version", "device",
    "options", "placement", "operators", "status", "reason", "invalid_reason", "verdict", "verdict_reason", "output_ok",
}  # fmt: skip
TRUTHS = {"valid", "is_baseline", "indirect"}
LISTS = {"flags", "effects", "trial_medians_ns"}
COUNTS = {"batch", "threads", "sessions", "rounds", "failed_trials", "samples", "speedup_rounds"}


def summarize(trials: pd.DataFrame, meta: Meta) -> pd.DataFrame:
    """Return one row a cell of a run, in the order of the suite's models, batches, precisions and targets.

    `trials` are as `bench.store` reads them, `meta` is the run's. Times are ns, sizes bytes, ratios above 1 faster.
    Beside the columns of a trial:
    - `valid`, `invalid_reason`: whether the cell may win, and in words why not.
    - `latency_ns`, `throughput_items_s`, `rate_per_s`, `start_ns`, `growth_bytes` with `_low`, `_high`: what its
      scenario measures, null for the others; `latency_level` is the exact confidence of the bounds, null where they
      are only the range of fewer than six values. `p90_ns` ... null without enough samples.
    - `cost_ns` and its bounds: the time that is compared, whatever the scenario (`bench.analysis.samples.kept_of`).
    - `speedup` against the baseline target's FP32 cell of the same block (in a duel against side a), with its bounds,
      level and rounds, and `verdict` with `verdict_reason`, by the run's `threshold`; `speedup_same_precision` against
      the baseline target at this cell's precision, and whether that went through the baseline of another group
      (`indirect`).
    - `effects`: log(cost / baseline's cost) by (group, round), what the speedup is the median of;
      `trial_medians_ns`, what the cost is the median of.
    Methods: measurement.md, "Estimates" and "Verdicts".
    """
    table = trial_table(trials)
    known = _known(table)
    rows: list[dict[str, Any]] = []
    for _, block in table.groupby("block_id", sort=False, dropna=False):
        rows += _block(block, known, str(meta["baseline"]), threshold_of(meta))
    rows.sort(key=lambda row: _place(row, meta))
    return _tidy(rows)


def threshold_of(meta: Meta) -> float:
    """Return the smallest change that this run's verdicts are about, as a share."""
    return float(meta.get("protocol", {}).get("threshold", THRESHOLD))


def _block(
    block: pd.DataFrame, known: dict[str, dict[str, Any]], baseline: str, threshold: float
) -> list[dict[str, Any]]:
    """Describe every cell of a block, then compare each with the baseline."""
    cells = {str(name): cell for name, cell in block.groupby("cell_id", sort=False)}
    rows = {name: known[name] | _describe(cell) for name, cell in cells.items()}
    rounds = {name: rounds_of(cell) for name, cell in cells.items()}
    against = {row["precision"]: name for name, row in rows.items() if row["target"] == baseline}
    first = next((name for name, row in rows.items() if row["side"] == "a"), against.get(BASELINE_PRECISION))
    effects = {name: _effects(first, name, rows, rounds) for name in cells}
    for name, row in rows.items():
        row["flags"] = cell_flags(cells[name], effects[name])
        row["invalid_reason"] = why_invalid(row)
        row["valid"] = not row["invalid_reason"]
    base = rows.get(first or "")
    for name, row in rows.items():
        row["is_baseline"] = row is base
        row["effects"] = effects[name]
        row["threshold"] = threshold
        row |= _speedup(row, base, log_ratio(effects[name]), threshold)
        row |= _same_precision(name, against.get(row["precision"]), rows, rounds, effects)
    return list(rows.values())


def _known(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return by cell what is read off its trials as they are: of those that ended well, where there are any."""
    ok = table["status"] == Status.OK
    seen = table[ok | ~table["cell_id"].isin(table.loc[ok, "cell_id"])].groupby("cell_id", sort=False)
    parts = [seen[SAME].first(), seen[LAST].last(), seen[MEDIANS].median(), seen[HIGHEST].max(), seen[LOWEST].min()]
    found = pd.concat(parts, axis=1).to_dict("index")
    return {
        str(name): {"cell_id": name} | {str(column): value for column, value in row.items()}
        for name, row in found.items()
    }


def _describe(cell: pd.DataFrame) -> dict[str, Any]:
    """Return how one cell ended, and its estimates."""
    ok = cell[cell["status"] == Status.OK]
    kept: list[Kept] = list(ok["kept"])
    timed = bool(cell["scenario_kind"].isin(["latency", "device_resident", "idle"]).all())
    cost = latency(ok)
    time = cost if timed else NONE
    row = ending(cell)
    row |= {"output_ok": output_verdict(ok), "samples": sum(one.samples.size for one in kept)}
    row |= _bounded("cost", "_ns", cost) | _bounded("latency", "_ns", time)
    row |= {"latency_level": time.level, "cost_level": cost.level, "trial_medians_ns": list(ok["trial_median_ns"])}
    singly = timed and bool((ok["inferences_per_sample"] == 1).all())
    row |= percentiles(kept, timed_singly=singly)
    row |= _bounded("throughput", "_items_s", throughput(ok)) | _bounded(
        "rate", "_per_s", median_interval(ok["rate_per_s"])
    )
    return row | _bounded("start", "_ns", start_up(ok)) | _bounded("growth", "_bytes", growth(ok))


def _bounded(name: str, unit: str, found: Interval) -> dict[str, float]:
    return {f"{name}{unit}": found.estimate, f"{name}_low{unit}": found.low, f"{name}_high{unit}": found.high}


def _effects(
    base: str | None, name: str, rows: dict[str, dict[str, Any]], rounds: dict[str, dict[RoundKey, Kept]]
) -> Effects:
    """Return a cell's effects against `base`, round by round; none where that cannot be compared with."""
    return pair(rounds[base], rounds[name]) if base is not None and _compares(base, rows) else {}


def _compares(base: str, rows: dict[str, dict[str, Any]]) -> bool:
    """Tell whether a cell may be compared with: a failed or wrong one gives no ratio, and nothing takes its place."""
    return bool(rows[base]["status"] == Status.OK and rows[base]["output_ok"] is not False)


def _speedup(row: dict[str, Any], base: dict[str, Any] | None, r: Interval, threshold: float) -> dict[str, Any]:
    ratio = -r  # of log latencies: positive is faster
    found: dict[str, Any] = {
        "speedup": exp(ratio.estimate),
        "speedup_low": exp(ratio.low),
        "speedup_high": exp(ratio.high),
    }
    found |= {"speedup_level": r.level, "speedup_rounds": r.n}
    if row is base:
        word, why = BASELINE, ""
    elif not row["valid"]:
        word, why = NO_VERDICT, row["invalid_reason"]
    elif base is None:
        word, why = NO_VERDICT, "the baseline was not measured here"
    elif not base["valid"]:
        word, why = NO_VERDICT, f"the baseline cannot be compared with: {base['invalid_reason']}"
    else:
        word, why = verdict(r, threshold)
    return found | {"verdict": word, "verdict_reason": why}


def _same_precision(
    name: str,
    base: str | None,
    rows: dict[str, dict[str, Any]],
    rounds: dict[str, dict[RoundKey, Kept]],
    effects: dict[str, Effects],
) -> dict[str, Any]:
    """Compare with the baseline target at the cell's own precision: side by side, or else through the baseline."""
    direct = _effects(base, name, rows, rounds)
    indirect = False
    if direct or base is None or not _compares(base, rows):
        r = log_ratio(direct)
    else:
        r, indirect = through_baseline(effects[base], effects[name])
    found = {"": -r.estimate, "_low": -r.high, "_high": -r.low}
    return {f"speedup_same_precision{part}": exp(value) for part, value in found.items()} | {
        "indirect": indirect and r.n > 0
    }


def _place(row: dict[str, Any], meta: Meta) -> tuple[Any, ...]:
    """Order cells as the suite lists them, the baseline first in each block."""

    def index(table: str) -> tuple[int, str]:
        names, name = list(meta.get(table, ())), row[table[:-1]]
        return (names.index(name) if name in names else len(names), name)

    where = (index("models"), row["batch"], str(row["dims"]), row["threads"], str(row["scenario"]))
    return (*where, not row["is_baseline"], index("targets"), index("precisions"))


def _tidy(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the rows as columns of one type each: text and bool or None, whole counts, everything else float."""
    frame = pd.DataFrame(rows, dtype=object)
    for name in frame.columns:
        if name in TEXTS:
            frame[name] = frame[name].where(frame[name].notna(), None)
        elif name in TRUTHS:
            frame[name] = frame[name].astype(bool)
        elif name not in LISTS:
            numbers = frame[name].astype(float)
            frame[name] = numbers.astype(np.int64) if name in COUNTS and numbers.notna().all() else numbers
    return frame.copy()  # whole again: one column at a time leaves it in pieces
