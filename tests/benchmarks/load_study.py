"""Our server and latency scenarios against MLPerf LoadGen, and ours against OpenVINO's benchmark_app: docs/study.md.

`python tests/benchmarks/load_study.py OUT.json [REPEATS]`, on a machine that does nothing else: about 25 minutes. Both
sides run the same file, on the same inputs and threads, in turn; what is compared is the ratio of neighbours.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from benchmarks import benchmark_app, loadgen

from bench.analysis.samples import trial_table
from bench.environments import cache_root, ensure, tools_spec
from bench.models.stack import Stack, stack_file
from bench.models.variants import Workshop
from bench.process import worker_folder
from bench.runner import run
from bench.store import read_run
from bench.suite import load_text

STACK = Stack("conv", 24, 32, 100)  # a few milliseconds
LIMIT_FACTOR = 5  # the server's limit, in times of what one inference takes
QUERIES = 2010  # at p99 the early-stopping rule lets 10 of them be late
PERCENTILE = 0.99
SECONDS = 5
SUITE = """\
suite: study
models: {{stack: {{path: {file}}}}}
targets:
  two-streams: {{target: openvino-native, options: {{PERFORMANCE_HINT: THROUGHPUT, NUM_STREAMS: 2}}}}
scenarios:
  served: {{scenario: server, limit_ms: {limit_ms}, percentile: 0.99, queries: 2010, within: 0.02}}
  two-requests: {{scenario: throughput, concurrency: 2}}
baseline: {target}
matrix: {{model: stack, target: {target}, threads: {threads}, scenario: {scenario}}}
measure: {{rounds: {rounds}, windows: 0, window_ms: 1000}}
"""

Row = dict[str, Any]


class Study:
    """What all comparisons share: one file, its inputs, and a place for the runs."""

    def __init__(self, scratch: Path) -> None:
        shop = Workshop(ensure(tools_spec()), worker_folder(cache_root()), {})
        self.model = stack_file(shop, STACK)
        self.scratch = scratch
        shape = (1, STACK.width, STACK.size, STACK.size)
        self.inputs = {"x": scratch / "x.npy"}
        np.save(self.inputs["x"], np.random.default_rng(0).normal(size=shape).astype(np.float32))

    def ours(self, target: str, threads: int, scenario: str, rounds: int, limit_ms: float = 1.0) -> list[Row]:
        """Run one cell; returns its trials, with what is kept of their samples."""
        text = SUITE.format(
            file=json.dumps(self.model.name), target=target, threads=threads, scenario=scenario, rounds=rounds,
            limit_ms=limit_ms,
        )  # fmt: skip
        done = read_run(run(load_text(text, "study", self.model.parent), self.scratch))
        rows: list[Row] = trial_table(done.trials).to_dict("records")
        assert all(row["status"] == "ok" for row in rows), [row["reason"] for row in rows]
        return rows

    def latencies(self, target: str, threads: int) -> np.ndarray:
        return np.concatenate([row["kept"].samples for row in self.ours(target, threads, "latency", 3)])


def single_stream(study: Study) -> tuple[float, float]:
    """p90 of one inference at a time, ns: ours, LoadGen's."""
    ours = float(np.quantile(study.latencies("cpu", 1), 0.9))
    return ours, float(loadgen.single_stream(study.model, 1, study.inputs, 2000)["p90_ns"])


def server(study: Study, limit_ns: float, seed: int) -> tuple[float, float]:
    """The highest rate that holds p99 within the limit, queries a second: ours, LoadGen's."""
    (row,) = study.ours("cpu", 1, "served", 1, limit_ns / 1e6)
    ours = float(row["rate_per_s"])
    found = loadgen.highest_rate(
        study.model, 1, study.inputs, ours / 2, ours * 1.6, round(limit_ns), PERCENTILE, QUERIES, SECONDS, seed
    )
    return ours, float(found["rate"])


def app_latency(study: Study) -> tuple[float, float]:
    """Median latency of OpenVINO, f32, 2 threads, one request, ns: ours, benchmark_app's."""
    ours = float(np.median(study.latencies("openvino-native", 2)))
    return ours, float(benchmark_app.latency(study.model, 2, SECONDS, study.inputs)["median_ns"])


def app_throughput(study: Study) -> tuple[float, float]:
    """Inferences a second of OpenVINO, f32, 2 threads in 2 streams, 2 requests: ours, benchmark_app's."""
    rows = study.ours("two-streams", 2, "two-requests", 3)
    rates = [np.sum(row["window_completed"]) / (np.sum(row["window_ns"]) / 1e9) for row in rows]
    found = benchmark_app.throughput(study.model, 2, 2, 2, SECONDS, study.inputs)
    return float(np.median(rates)), float(found["inferences_per_s"])


def defaults(study: Study) -> Row:
    """What benchmark_app does when it is asked for nothing: why its numbers are others."""
    found = benchmark_app.throughput(study.model, 2, 2, 2, SECONDS, study.inputs, defaults=True)
    return {name: found[name] for name in ("inferences_per_s", "median_ns", "properties", "inputs") if name in found}


def main(out: Path, repeats: int) -> None:
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        study = Study(Path(scratch))
        limit_ns = LIMIT_FACTOR * float(np.median(study.latencies("cpu", 1)))
        found["limit_ns"] = limit_ns
        pairs: dict[str, Callable[[int], tuple[float, float]]] = {
            "single_stream_p90_ns": lambda _: single_stream(study),
            "server_rate_per_s": lambda seed: server(study, limit_ns, seed),
            "openvino_latency_ns": lambda _: app_latency(study),
            "openvino_inferences_per_s": lambda _: app_throughput(study),
        }
        for name, measure in pairs.items():
            found[name] = [measure(seed) for seed in range(repeats)]
            ratios = sorted(ours / theirs for ours, theirs in found[name])
            print(
                f"{name}: ours / theirs {median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})",
                found[name],
                flush=True,
            )
            out.write_text(json.dumps(found, indent=1), "utf-8")
        found["benchmark_app_defaults"] = defaults(study)
        out.write_text(json.dumps(found, indent=1), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5)
