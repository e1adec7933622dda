"""What the worker adds to a bare loop over run_with_iobinding: latency, p95 and resident memory, in lockstep.

`python tests/benchmarks/worker_overhead.py` prints a line for each model; CONTRIBUTING.md says when to run it. Both
sides run in ONNX Runtime's own environment with the same options, a fresh pair of processes each round, in turn, one
suspended while the other computes; the effect of a round is the median over bursts of the log ratio of medians.
"""

import json
import subprocess
import sys
import tempfile
from math import exp, log
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from bench import catalog
from bench.environments import cache_root, ensure, spec_for, tools_spec
from bench.process import Worker, tree, worker_folder

MAKE = """
import sys
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

def save(name, nodes, weights, shape):
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("x", "y"))
    graph = helper.make_graph(nodes, name, [x], [y], [numpy_helper.from_array(w, n) for n, w in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, f"{sys.argv[1]}/{name}.onnx")

rng = np.random.default_rng(0)
save("one-node", [helper.make_node("Relu", ["x"], ["y"])], {}, [1, 4])
for name, rows in (("matmul-stack", 8), ("matmul-wide", 32)):
    size = 256
    names = ["x", *(f"h{i}" for i in range(5)), "y"]
    weights = {f"w{i}": rng.normal(0, size**-0.5, (size, size)).astype(np.float32) for i in range(6)}
    nodes = [helper.make_node("MatMul", [a, f"w{i}"], [b]) for i, (a, b) in enumerate(zip(names, names[1:]))]
    save(name, nodes, weights, [rows, size])
"""
SHAPES = {"one-node": [1, 4], "matmul-stack": [8, 256], "matmul-wide": [32, 256]}
THREADS = 1
BURSTS = 20
WARM_NS = 300_000_000
BURST_NS = 20_000_000
MB = 1e6


class Bare:
    """The plain loop of an adapter's runtime, driven over its pipes, in isolated mode."""

    def __init__(
        self, python: Path, adapter: str, model: str, threads: int, inputs: dict[str, str], *origin: str
    ) -> None:
        script = str(Path(__file__).with_name("plain_loop.py"))
        self.process = subprocess.Popen(
            [str(python), "-I", script, adapter, model, str(threads), json.dumps(inputs), *origin],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0 if sys.platform != "win32" else None,
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def burst(self, count: int) -> list[int]:
        assert self.process.stdin is not None
        tree.resume(self.process.pid)
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        samples: list[int] = json.loads(self._line())
        tree.suspend(self.process.pid)
        return samples

    def resident_bytes(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def end(self) -> None:
        tree.kill(self.process.pid)
        self.process.wait()


class Ours:
    """A worker, driven as the rounds do."""

    def __init__(self, python: Path, folder: Path, log: Path, adapter: str, workload: dict[str, Any]) -> None:
        self.worker = Worker(python, folder, log)
        self.worker.ask("import", adapter=adapter)
        self.worker.ask("load", workload=workload)
        self.worker.ask("first")

    def burst(self, count: int) -> list[int]:
        self.worker.resume()
        samples: list[int] = self.worker.ask("burst", count=count, repeat=1)["samples_ns"]
        self.worker.suspend()
        return samples

    def resident_bytes(self) -> int:
        return self.worker.resident_bytes() or 0

    def end(self) -> None:
        self.worker.end()


def measure(model: str, rounds: int, bursts: int = BURSTS) -> dict[str, Any]:
    """Return what the worker costs on `model`: ratios and added ns of median and p95, and added resident bytes."""
    tools, python = ensure(tools_spec()).python, ensure(spec_for(catalog.targets()["cpu"])).python
    folder = worker_folder(cache_root())
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([str(tools), "-c", MAKE, scratch], check=True)
        found = [_round(python, folder, Path(scratch), Path(scratch) / f"{model}.onnx", bursts) for _ in range(rounds)]
    return {
        "model": model,
        "latency_us": median(each["bare_ns"] for each in found) / 1e3,
        "ratio": exp(median(each["r"] for each in found)),
        "ratios": sorted(exp(each["r"]) for each in found),
        "added_ns": median(each["ours_ns"] - each["bare_ns"] for each in found),
        "p95_ratio": exp(median(each["r95"] for each in found)),
        "added_mb": median(each["bytes"] for each in found) / MB,
    }


def _round(python: Path, folder: Path, scratch: Path, model: Path, bursts: int) -> dict[str, float]:
    np.save(scratch / "x.npy", np.full(SHAPES[model.stem], 0.5, np.float32))
    workload = {"model": str(model), "format": "onnx", "precision": "fp32", "threads": THREADS}
    workload |= {"input_sets": [{"x": str(scratch / "x.npy")}]}
    bare = Bare(python, "ort", str(model), THREADS, workload["input_sets"][0])
    return paired(bare, Ours(python, folder, scratch / "worker.log", "ort", workload), bursts)


def paired(bare: Bare, ours: Ours, bursts: int = BURSTS) -> dict[str, float]:
    """Drive both in turn, and end them; r is the median over bursts of the log ratio of medians, ours over bare."""
    try:
        added = float(ours.resident_bytes() - bare.resident_bytes())
        single = median(bare.burst(50))
        for side in (bare, ours):
            side.burst(max(10, int(WARM_NS / single)))
        count = max(8, int(BURST_NS / single))
        taken: dict[str, list[list[int]]] = {"bare": [], "ours": []}
        for turn in range(bursts):
            order = [("bare", bare), ("ours", ours)]
            for name, side in order if turn % 2 else order[::-1]:
                samples = side.burst(count)
                taken[name].append(samples[len(samples) // 3 :])
    finally:
        bare.end()
        ours.end()
    medians = {name: [median(burst) for burst in each] for name, each in taken.items()}
    tails = {name: [float(np.percentile(burst, 95)) for burst in each] for name, each in taken.items()}
    return {
        "r": median(log(a / b) for a, b in zip(medians["ours"], medians["bare"], strict=True)),
        "r95": median(log(a / b) for a, b in zip(tails["ours"], tails["bare"], strict=True)),
        "ours_ns": median(medians["ours"]),
        "bare_ns": median(medians["bare"]),
        "bytes": added,
    }


if __name__ == "__main__":
    for name in SHAPES:
        row = measure(name, rounds=int(sys.argv[1]) if len(sys.argv) > 1 else 8)
        print(
            f"{row['model']:13} {row['latency_us']:8.2f} us  ratio {row['ratio']:.4f} "
            f"({row['ratios'][0]:.4f}-{row['ratios'][-1]:.4f})  added {row['added_ns']:+.0f} ns  "
            f"p95 ratio {row['p95_ratio']:.4f}  memory {row['added_mb']:+.1f} MB",
            flush=True,
        )
