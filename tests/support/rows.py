"""Plausible trials, without measuring anything: rows as a runner would journal them, and the meta beside them."""

from collections.abc import Iterable
from statistics import median
from typing import Any

import numpy as np

from bench.catalog import scenarios
from bench.store.columns import COLUMNS

Row = dict[str, Any]
BURSTS, PER_BURST = 6, 9

TARGETS = {
    "cpu": {"label": "ORT CPU", "runtime": "onnxruntime", "provider": "CPUExecutionProvider"},
    "openvino": {"label": "ORT OpenVINO", "runtime": "onnxruntime-openvino", "provider": "OpenVINOExecutionProvider"},
    "openvino-native": {"label": "OpenVINO", "runtime": "openvino", "provider": None},
}
PRECISIONS = {"fp32": "FP32", "fp16": "FP16", "int8-static": "INT8 static"}


def make_row(**overrides: Any) -> Row:
    """One trial that ended well: `latency_ns` a burst's median, give or take 1%; any column can be overridden.

    `cell_id` and `block_id` follow from model, precision, target, batch and threads unless they are given.
    """
    latency_ns = overrides.pop("latency_ns", 1_000_000)
    row: Row = dict.fromkeys(COLUMNS)
    row |= {"run_id": "run", "suite": "suite", "machine_id": "machine", "started_at": "2026-11-23T12:00:00+00:00"}
    row |= {"group": 0, "round": 0, "model": "magika", "model_sha256": "0" * 64, "precision": "fp32", "target": "cpu"}
    row |= {"batch": 1, "dims": "{}", "threads": 2, "threads_effective": 2, "concurrency": 1, "scenario": "latency"}
    row |= {"scenario_kind": "latency", "sessions": 1, "purpose": "planned"}
    row |= {"runtime_version": "1.32.0", "device": "CPU", "options": "{}", "boundary": "host_to_host", "cache": "warm"}
    row |= {"status": "ok", "reason": "", "flags": [], "inferences_per_sample": 1}
    row |= {"spawn_ns": 40_000_000, "import_ns": 240_000_000, "create_ns": 30_000_000, "first_ns": 2_000_000}
    row |= {
        "warmup_ns": [2_000_000, 1_100_000],
        "window_ns": [200_000_000] * 4,
        "window_completed": [round(2e8 / latency_ns)] * 4,
    }
    row |= {"rss_import_bytes": 60_000_000, "rss_create_bytes": 90_000_000, "rss_first_bytes": 95_000_000}
    row |= {"peak_rss_bytes": 110_000_000, "model_bytes": 3_000_000, "nodes_total": 40, "nodes_on_provider": 40}
    row |= {"time_on_provider": 1.0, "placement": '{"CPUExecutionProvider": 40}', "output_ok": True}
    row |= {"max_abs_error": 1e-6, "max_rel_error": 1e-6, "cosine": 1.0, "sqnr_db": 120.0}
    row |= {"samples_ns": samples(latency_ns), "sample_burst": [i for i in range(BURSTS) for _ in range(PER_BURST)]}
    row |= overrides
    target = TARGETS.get(row["target"], {"label": row["target"], "runtime": row["target"], "provider": None})
    row |= {"target_label": target["label"], "runtime": target["runtime"], "provider": target["provider"]}
    place = f"{row['model']}/b{row['batch']}/t{row['threads']}/{row['scenario']}"
    row["block_id"] = overrides.get("block_id", place)
    name = f"{row['model']}/{row['precision']}/{row['target']}/b{row['batch']}/t{row['threads']}/{row['scenario']}"
    row["cell_id"] = overrides.get("cell_id", name)
    row["precision_effective"] = overrides.get("precision_effective", row["precision"].split("-")[0])
    return row


def samples(latency_ns: float) -> list[int]:
    """Bursts whose first third is slow, as refilled caches are; the median of the others is `latency_ns`."""
    spread = [1.5, 1.4, 1.3, 0.99, 1.0, 1.01, 0.995, 1.005, 1.0]
    return [round(latency_ns * factor) for _ in range(BURSTS) for factor in spread]


def make_rounds(
    rounds: int = 6, speedup: float = 1.0, noise: float = 0.002, seed: int = 0, **columns: Any
) -> list[Row]:
    """One cell's trials over rounds: 1 ms / `speedup`, on a machine whose pace differs from round to round."""
    base = columns.pop("latency_ns", 1_000_000)
    machine = np.random.default_rng(7).normal(0, 0.03, 100)
    own = np.random.default_rng(seed).normal(0, noise, rounds)
    return [
        make_row(round=number, latency_ns=base / speedup * float(np.exp(machine[number] + own[number])), **columns)
        for number in range(rounds)
    ]


def make_failed(status: str, reason: str, round: int | None = 0, **columns: Any) -> Row:
    """A trial that ended otherwise, or (round None) a cell that was never started: no times, no truth."""
    row = make_row(status=status, reason=reason, round=round, **columns)
    empty = [name for name in COLUMNS if name.endswith(("_ns", "_bytes", "_burst", "_completed", "_error", "_db"))]
    empty += ["cosine", "output_ok", "nodes_total", "nodes_on_provider", "time_on_provider", "placement"]
    return row | dict.fromkeys(empty)


def make_meta(rows: Iterable[Row] = (), **overrides: Any) -> dict[str, Any]:
    """The meta of a run that holds `rows`."""
    models = dict.fromkeys(row["model"] for row in rows) or {"magika": None}
    meta: dict[str, Any] = {
        "run_id": "run",
        "suite": {"suite": "suite"},
        "suite_text": "suite: suite\n",
        "baseline": "cpu",
    }
    meta |= {"plan_hash": "0" * 64, "command": "ortbench run suite.yaml", "interrupted": False}
    meta |= {"started_at": "2026-11-23T12:00:00+00:00", "ended_at": "2026-11-23T12:10:00+00:00"}
    meta |= {"targets": {name: dict(row) for name, row in TARGETS.items()}}
    meta |= {
        "precisions": {name: {"label": label, "effective": name.split("-")[0]} for name, label in PRECISIONS.items()}
    }
    meta |= {"models": {name: {"task": "test", "bytes": 3_000_000} for name in models}}
    meta |= {
        "machine": {"name": "testbox", "cpu": "Testing CPU", "cores": 2},
        "machine_after": {},
        "environments": {},
        "seconds": {},
    }
    meta |= {"protocol": {"preset": "standard", "rounds": 6}}
    return meta | overrides


LIMIT_MS = 40.0
SCENARIOS: dict[str, Row] = {
    "latency": {},
    "device_resident": {},
    "throughput": {"concurrency": 2, "sessions": 1},
    "server": {"percentile": 0.99, "limit_ms": LIMIT_MS, "queries": 500, "concurrency": 1, "sessions": 1},
    "cold_start": {"page_cache": "warm", "cache": "none", "processes": 6},
    "churn": {"cycles": 12},
    "idle": {"pause_ms": 50.0, "pauses": 6},
}


def make_scenario(kind: str, rounds: int = 6, speedup: float = 1.0, seed: int = 0, **columns: Any) -> list[Row]:
    """One cell's trials of any kind of scenario: `speedup` times as cheap as 1 ms, as 100 queries a second ..."""
    named = {"scenario_kind": kind, "scenario": columns.pop("scenario", kind)}
    found = make_rounds(rounds, speedup, seed=seed, **named, **columns)
    if kind in ("latency", "device_resident"):
        return [row | {"boundary": scenarios()[kind].boundary} for row in found]
    return [row | _measured(kind, median(row["samples_ns"]) / 1e6) for row in found]


def _measured(kind: str, cost: float) -> Row:
    """What a trial of a kind has in place of bursts; `cost` is 1 for the baseline, give or take the machine's pace."""
    empty: Row = dict.fromkeys(("samples_ns", "sample_burst", "inferences_per_sample", "window_ns", "window_completed"))
    rate = 100 / cost
    own: dict[str, Row] = {
        "throughput": {"window_ns": [200_000_000] * 6, "window_completed": [round(200 / cost)] * 6, "concurrency": 2},
        "server": {
            "rate_per_s": rate, "probe_rate_per_s": [rate / 2, rate, rate * 1.05], "probe_queries": [500, 500, 500],
            "probe_late": [0, 1, 44], "probe_latency_ns": [11_000_000, 36_000_000, None],
        },
        "cold_start": {
            "spawn_ns": round(4e7 * cost), "import_ns": round(2e8 * cost), "create_ns": round(5e7 * cost),
            "first_ns": round(1e7 * cost), "page_cache": "warm", "cache": "none",
        },
        "churn": {
            "cycle_ns": [None, round(2e7 * cost)] * 6,  # every second cycle is as they are
            "cycle_rss_bytes": [100_000_000 + 4096 * n if n % 2 else None for n in range(12)],
        },
        "idle": {"samples_ns": [round(3e6 * cost)] * 6, "sample_burst": list(range(6)), "inferences_per_sample": 1},
    }  # fmt: skip
    return empty | own[kind]


def scenarios_meta(*kinds: str) -> Row:
    """The `scenarios` of a run's meta, one of each kind and called as it."""
    return {
        kind: {"name": kind, "label": kind.replace("_", " "), "kind": kind, **SCENARIOS[kind]}
        for kind in kinds or SCENARIOS
    }
