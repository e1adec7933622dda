"""One ONNX Runtime CPU session driven by MLPerf LoadGen; the last line of stdout is one JSON object, times in ns.

Runs inside an environment with numpy, onnxruntime and mlcommons-loadgen; loadgen.py starts it. The session is made as
bench/worker/adapters/ort.py makes it. SingleStream is answered inside LoadGen's own call, as MLPerf's reference code
does; Server through a queue that one thread serves first come, first served. LoadGen takes the latencies itself: in
Server from a query's scheduled time.
"""

import argparse
import gc
import json
import queue
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import mlperf_loadgen as lg
import numpy as np
import onnxruntime as ort

Run = Callable[[], Any]
Fields = dict[str, Any]

SERVER = {"rate": float, "limit_ns": int, "percentile": float, "seconds": float, "seed": int}
MARK = ":::MLLOG "  # before each JSON object of the detail log
BOTH_SAY = {
    "queries": "result_query_count",
    "queries_met": "result_min_queries_met",
    "early_stopping_met": "early_stopping_met",
    "early_stopping": "early_stopping_result",
    **{f"{name}_ns": f"result_{name}_latency_ns" for name in ("mean", "min", "max")},
    # The percentiles LoadGen logs, whichever it judges by.
    **{f"p{p:g}_ns": f"result_{p:.2f}_percentile_latency_ns" for p in (50, 90, 95, 97, 99, 99.9)},
    "errors": "errors",
    "loadgen": "loadgen_version",
}
SERVER_SAYS = {
    "late": "result_overlatency_query_count",
    "percentile_met": "result_perf_constraints_met",
    "duration_met": "result_min_duration_met",
    "scheduled_per_s": "result_scheduled_samples_per_sec",
    "completed_per_s": "result_completed_samples_per_sec",
}
WARM_S = 0.5


def bound(model: str, threads: int, inputs: dict[str, np.ndarray]) -> Run:
    """Return the call that runs `model` once on `inputs`, which the caller keeps alive; outputs are in host memory."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=[("CPUExecutionProvider", {})], enable_fallback=0)
    binding = session.io_binding()
    for name, value in inputs.items():
        binding.bind_cpu_input(name, value)
    for each in session.get_outputs():
        binding.bind_output(each.name, "cpu")
    return partial(session.run_with_iobinding, binding)


def complete(run: Run, query: int) -> None:
    run()
    lg.QuerySamplesComplete([lg.QuerySampleResponse(query, 0, 0)])


def driven(settings: Any, take: Callable[[int], None]) -> Fields:
    """Run LoadGen once, give `take` its queries, and return its detail log. Raises RuntimeError without a result."""

    def issue(samples: list[Any]) -> None:
        for sample in samples:
            take(sample.id)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        log = lg.LogSettings()
        log.log_output.outdir = folder
        log.enable_trace = False  # on by default: a line for each query, written while others run
        system = lg.ConstructSUT(issue, lambda: None)
        library = lg.ConstructQSL(1, 1, lambda indices: None, lambda indices: None)
        gc.collect()
        gc.disable()
        # Without a name of our own it would take settings from any audit.config in the working directory.
        lg.StartTestWithLogSettings(system, library, settings, log, str(Path(folder) / "none.config"))
        gc.enable()
        lg.DestroyQSL(library)
        lg.DestroySUT(system)
        fields = parsed((Path(folder) / "mlperf_log_detail.txt").read_text("utf-8", errors="replace"))
    if "result_validity" not in fields:
        raise RuntimeError(f"LoadGen ended without a result. Its errors: {fields['errors'] or 'none'}.")
    return fields


def parsed(text: str) -> Fields:
    """Return the last value of each key of a detail log, and as `errors` what LoadGen called one."""
    fields: Fields = {}
    errors: list[str] = []
    for line in text.splitlines():
        try:
            entry = json.loads(line.removeprefix(MARK)) if line.startswith(MARK) else {}
        except ValueError:
            continue  # LoadGen does not escape what it quotes
        if entry:
            fields[entry["key"]] = entry["value"]
            if entry.get("metadata", {}).get("is_error"):
                errors.append(str(entry["value"]))
    return fields | {"errors": errors}


def settings_for(scenario: Any, queries: int, seconds: float = 0, seed: int = 0) -> Any:
    settings = lg.TestSettings()
    settings.scenario = scenario
    settings.mode = lg.TestMode.PerformanceOnly
    settings.min_query_count = queries
    settings.min_duration_ms = round(seconds * 1000)
    settings.schedule_rng_seed = settings.sample_index_rng_seed = settings.qsl_rng_seed = seed
    return settings


def single_stream(run: Run, queries: int) -> Fields:
    """Return the latencies of `queries` queries, one after the other, and LoadGen's estimates (null: too few)."""
    found = driven(settings_for(lg.TestScenario.SingleStream, queries), partial(complete, run))
    return said(found, BOTH_SAY) | {
        "early_p90_ns": found["early_stopping_latency_ss"] or None,
        "early_p99_ns": found["early_stopping_latency_ms"] or None,
        "queries_per_s": found["result_qps_with_loadgen_overhead"],
    }


def server(run: Run, queries: int, rate: float, limit_ns: int, percentile: float, seconds: float, seed: int) -> Fields:
    """Return whether Poisson arrivals at `rate` a second held `percentile` within `limit_ns`, by LoadGen's rules.

    A run so far behind that more queries are late than may be is ended early; it is INVALID either way.
    """
    settings = settings_for(lg.TestScenario.Server, queries, seconds, seed)
    settings.server_target_qps = rate
    settings.server_target_latency_ns = limit_ns
    settings.server_target_latency_percentile = percentile
    within = rate * limit_ns / 1e9  # about as many arrive within the limit; older ones in the queue are late
    late = max(queries, rate * seconds) * (1 - percentile)
    settings.server_max_async_queries = ceil(within + 6 * sqrt(within) + 1.1 * late) + 10
    waiting: queue.SimpleQueue[int | None] = queue.SimpleQueue()

    def serve() -> None:
        while (query := waiting.get()) is not None:
            complete(run, query)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    found = driven(settings, waiting.put)
    waiting.put(None)
    thread.join()
    return said(found, BOTH_SAY | SERVER_SAYS) | {
        "latency_ns": found.get(f"result_{percentile * 100:.2f}_percentile_latency_ns"),  # null where it logs no such
        "ended_early": any("outstanding" in error for error in found["errors"]),
    }


def said(found: Fields, names: dict[str, str]) -> Fields:
    return {"valid": found["result_validity"] == "VALID", **{name: found[key] for name, key in names.items()}}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=["single-stream", "server"])
    parser.add_argument("model")
    parser.add_argument("--input", action="append", default=[], metavar="NAME=FILE.npy")
    for option, kind in {"threads": int, "queries": int, **SERVER}.items():
        parser.add_argument(f"--{option}", type=kind)
    asked = vars(parser.parse_args())
    ort.set_default_logger_severity(3)
    arrays = {name: np.load(file) for name, file in (each.split("=", 1) for each in asked["input"])}
    call = bound(asked["model"], asked["threads"], arrays)
    end = time.perf_counter() + WARM_S
    while time.perf_counter() < end:
        call()
    if asked["scenario"] == "server":
        row = server(call, asked["queries"], **{name: asked[name] for name in SERVER})
    else:
        row = single_stream(call, asked["queries"])
    print(json.dumps(asked | {"onnxruntime": ort.__version__} | row), flush=True)
