"""MLPerf LoadGen against ONNX Runtime, for comparison with ortbench's own latency and server scenario.

`python tests/benchmarks/loadgen.py single-stream|server|highest-rate MODEL --input NAME=FILE.npy` prints JSON. Every
test is a fresh process of loadgen_sut.py in an environment of its own: the catalog's ONNX Runtime and LoadGen.
"""

import argparse
import json
import subprocess
from functools import cache
from math import sqrt
from pathlib import Path
from typing import Any

from bench import catalog
from bench.environments import EnvironmentSpec, ensure, spec_for

LOADGEN = "mlcommons-loadgen==6.0.17"
WITHIN = 0.02


@cache
def python() -> Path:
    """Return the environment's interpreter. Where LoadGen has no wheel, building it takes a C++ compiler."""
    requirements = (*spec_for(catalog.targets()["cpu"]).requirements, LOADGEN)
    return ensure(EnvironmentSpec("onnxruntime + loadgen", tuple(sorted(requirements)))).python


def single_stream(model: Path, threads: int, inputs: dict[str, Path], queries: int) -> dict[str, Any]:
    """Return LoadGen's SingleStream result on `model`, times in ns: `p90_ns`, `p50_ns` ... and `early_p90_ns`.

    `inputs` are .npy files by input name. LoadGen's percentile p is the sorted latencies' element floor(n p), from 0.
    """
    return _run("single-stream", model, threads, inputs, queries=queries)


def server(
    model: Path,
    threads: int,
    inputs: dict[str, Path],
    rate: float,
    limit_ns: int,
    percentile: float,
    queries: int,
    seconds: float,
    seed: int = 0,
) -> dict[str, Any]:
    """Return LoadGen's Server result at `rate` queries a second: `valid`, `late`, `latency_ns`, `scheduled_per_s` ...

    At least `queries` queries, scheduled over at least `seconds`. The same `seed` gives the same arrivals, scaled by
    the rate: replicates need seeds of their own. `valid` needs percentile, counts and early stopping met.
    """
    load = {"rate": rate, "limit_ns": limit_ns, "percentile": percentile, "seconds": seconds, "seed": seed}
    return _run("server", model, threads, inputs, queries=queries, **load)


def highest_rate(
    model: Path,
    threads: int,
    inputs: dict[str, Path],
    lower: float,
    upper: float,
    limit_ns: int,
    percentile: float,
    queries: int,
    seconds: float,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the highest rate a bisection found VALID, the lowest it found INVALID (within 2% of it), and every probe.

    `rate` is null where `lower` already fails; `failed` is null where `upper` still holds.
    """
    probes: list[dict[str, Any]] = []

    def holds(rate: float) -> bool:
        probes.append(server(model, threads, inputs, rate, limit_ns, percentile, queries, seconds, seed))
        return bool(probes[-1]["valid"])

    if not holds(lower):
        return {"rate": None, "failed": lower, "probes": probes}
    if holds(upper):
        return {"rate": upper, "failed": None, "probes": probes}
    while upper / lower > 1 + WITHIN:
        middle = sqrt(lower * upper)
        if holds(middle):
            lower = middle
        else:
            upper = middle
    return {"rate": lower, "failed": upper, "probes": probes}


def _run(scenario: str, model: Path, threads: int, inputs: dict[str, Path], **options: float) -> dict[str, Any]:
    command = [str(python()), "-I", str(Path(__file__).with_name("loadgen_sut.py")), scenario, str(model)]
    command += ["--threads", str(threads), *(f"--input={name}={path}" for name, path in inputs.items())]
    command += [f"--{name}={value}" for name, value in options.items()]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode != 0:
        raise RuntimeError(f"loadgen_sut.py ended with {ended.returncode}: {ended.stderr[-2000:]}")
    row: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])  # ONNX Runtime may write to stdout before it
    return row


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=["single-stream", "server", "highest-rate"])
    parser.add_argument("model", type=Path)
    parser.add_argument("--input", action="append", default=[], metavar="NAME=FILE.npy")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--queries", type=int, default=2010)  # the fewest that pass at p99 with 10 of them late
    parser.add_argument("--rate", type=float, help="queries a second, for server")
    parser.add_argument("--between", type=float, nargs=2, metavar=("LOWER", "UPPER"), help="for highest-rate")
    parser.add_argument("--limit-ms", type=float, default=100.0)
    parser.add_argument("--percentile", type=float, default=0.99)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    asked = _arguments().parse_args()
    files = {name: Path(file) for name, _, file in (each.partition("=") for each in asked.input)}
    load = (round(asked.limit_ms * 1e6), asked.percentile, asked.queries, asked.seconds, asked.seed)
    if asked.scenario == "single-stream":
        found = single_stream(asked.model, asked.threads, files, asked.queries)
    elif asked.scenario == "server":
        found = server(asked.model, asked.threads, files, asked.rate, *load)
    else:
        lower, upper = asked.between
        found = highest_rate(asked.model, asked.threads, files, lower, upper, *load)
    print(json.dumps(found, indent=1))
