"""OpenVINO's own benchmark_app on an ONNX file, in the catalog's OpenVINO environment.

`python tests/benchmarks/benchmark_app.py latency|throughput MODEL --input NAME=FILE.npy` prints JSON. Pinned, it is
asked for what bench/worker/adapters/openvino_native.py asks for: stored input types, inference precision, streams,
threads, no hint, shapes left as the file has them, inputs set once. With `defaults` it decides all of that itself.

Its report rounds times to 10 us, so its loop's return values are taken unrounded; the loop itself is untouched. Its
latencies are OpenVINO's own, from start to end of the native call: they leave out Python's call and the copy of the
outputs, which count in `duration_s`. It warms up with one inference.
"""

import argparse
import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench import catalog
from bench.environments import ensure, spec_for

Precision = Literal["f32", "default"]

RUN = """
import json
import sys
from openvino.tools.benchmark import main
from openvino.tools.benchmark.benchmark import Benchmark

output = sys.argv.pop()
told = {}
create, loop = Benchmark.create_infer_requests, Benchmark.main_loop

def text(value):
    return value.get_type_name() if hasattr(value, "get_type_name") else str(value)

def create_infer_requests(self, compiled):
    names = [name for name in compiled.get_property("SUPPORTED_PROPERTIES") if name != "SUPPORTED_PROPERTIES"]
    told["properties"] = {name: text(compiled.get_property(name)) for name in names}
    told["inputs"] = {each.any_name: [text(each.element_type), str(each.partial_shape)] for each in compiled.inputs}
    return create(self, compiled)

def main_loop(self, *arguments):
    told["loop"] = loop(self, *arguments)
    told["requests"] = self.nireq
    return told["loop"]

Benchmark.create_infer_requests, Benchmark.main_loop = create_infer_requests, main_loop
main.main()
with open(output, "w") as file:
    json.dump(told, file)
"""
TYPES = {"float": "f", "int": "i", "uint": "u"}  # float32 is f32 to OpenVINO; bool is bool


def latency(
    model: Path,
    threads: int,
    seconds: float,
    inputs: dict[str, Path],
    precision: Precision = "f32",
    defaults: bool = False,
) -> dict[str, Any]:
    """Return benchmark_app's latencies on `model`, one request at a time; see `run`.

    `inputs` are .npy files by input name, in the model's order. `defaults` asks for `-hint latency` and nothing else.
    """
    if defaults:
        return run(model, ["-hint", "latency", *_shapes(inputs)], seconds)
    return run(model, ["-api", "sync", *_pinned(threads, 1, inputs, precision)], seconds)


def throughput(
    model: Path,
    threads: int,
    streams: int,
    requests: int,
    seconds: float,
    inputs: dict[str, Path],
    precision: Precision = "f32",
    defaults: bool = False,
) -> dict[str, Any]:
    """Return benchmark_app's throughput on `model` with `requests` in flight over `streams`; see `run`.

    `threads` are shared by the streams. `defaults` asks for nothing: it chooses threads, streams and requests itself.
    """
    if defaults:
        return run(model, _shapes(inputs), seconds)
    asked = ["-api", "async", "-nireq", str(requests), *_pinned(threads, streams, inputs, precision)]
    return run(model, asked, seconds)


def run(model: Path, arguments: Sequence[str], seconds: float) -> dict[str, Any]:
    """Run benchmark_app with `arguments` for `seconds`, rounded up: it takes whole ones.

    Returns latencies in ns, `count` and `inferences_per_s`, `fps` as it counts it (times what it takes for the batch,
    which it guesses from the shape), the properties and inputs in effect, and its own report. Raises RuntimeError.
    """
    python = ensure(spec_for(catalog.targets()["openvino-native"])).python
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        command = [str(python), "-I", "-W", "ignore", "-c", RUN, "-m", str(model), "-d", "CPU", *arguments]
        command += ["-t", str(max(1, ceil(seconds))), "-report_type", "no_counters", "-json_stats", "-report_folder"]
        ended = subprocess.run([*command, folder, str(told)], capture_output=True, text=True)
        if ended.returncode != 0 or not told.exists():
            raise RuntimeError(f"benchmark_app ended with {ended.returncode}: {(ended.stdout + ended.stderr)[-2000:]}")
        found = json.loads(told.read_text("utf-8"))
        report = json.loads((Path(folder) / "benchmark_report.json").read_text("utf-8"))
    fps, *milliseconds, duration_s, count = found["loop"]
    names = ("median_ns", "average_ns", "min_ns", "max_ns")
    return {
        **{name: round(value * 1e6) for name, value in zip(names, milliseconds, strict=True)},
        "count": count,
        "duration_s": duration_s,
        "inferences_per_s": count / duration_s,
        "fps": fps,
        "requests": found["requests"],
        "inputs": found["inputs"],
        "properties": found["properties"],
        "arguments": list(arguments),
        "warnings": [line for line in ended.stdout.splitlines() if "WARNING" in line],
        "report": report,
    }


def _pinned(threads: int, streams: int, inputs: dict[str, Path], precision: Precision) -> list[str]:
    types = ",".join(f"{name}:{_type(np.load(file, mmap_mode='r').dtype)}" for name, file in inputs.items())
    named = all(re.fullmatch(r"[\w.]+", name) for name in inputs)  # it cannot read other names before a file
    files = ",".join(f"{name}:{file}" if named else str(file) for name, file in inputs.items())
    asked = ["-hint", "none", "-nstreams", str(streams), "-nthreads", str(threads), "-inference_only", "true"]
    asked += ["-iop", types, "-i", files, *_shapes(inputs)]
    return asked + (["-infer_precision", "f32"] if precision == "f32" else [])


def _shapes(inputs: dict[str, Path]) -> list[str]:
    """Return what a model with dynamic shapes needs; it ignores them where shapes are fixed."""
    shapes = {name: ",".join(map(str, np.load(file, mmap_mode="r").shape)) for name, file in inputs.items()}
    return ["-data_shape", ",".join(f"{name}[{shape}]" for name, shape in shapes.items())]


def _type(dtype: np.dtype[Any]) -> str:
    kind, bits = re.fullmatch(r"([a-z]+)(\d*)", dtype.name).groups()  # type: ignore[union-attr]
    return f"{TYPES[kind]}{bits}" if kind in TYPES else str(dtype.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["latency", "throughput"])
    parser.add_argument("model", type=Path)
    parser.add_argument("--input", action="append", default=[], metavar="NAME=FILE.npy")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--requests", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--precision", choices=["f32", "default"], default="f32")
    parser.add_argument("--defaults", action="store_true")
    asked = parser.parse_args()
    files = {name: Path(file) for name, file in (each.split("=", 1) for each in asked.input)}
    common = {"seconds": asked.seconds, "inputs": files, "precision": asked.precision, "defaults": asked.defaults}
    if asked.what == "latency":
        found = latency(asked.model, asked.threads, **common)
    else:
        found = throughput(asked.model, asked.threads, asked.streams, asked.requests, **common)
    print(json.dumps(found, indent=1))
