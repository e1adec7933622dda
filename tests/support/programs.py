"""Stand-ins for vendors' tools: small programs on PATH that print what the real ones print, or go wrong as those do."""

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from support.scripted import workload

from bench import catalog
from bench.contract.job import Workload
from bench.contract.tool import Tool

TRTEXEC = """\
[11/24/2026-17:46:19] [I] Average on 10 runs - GPU latency: 9.98 ms - Host latency: 9.99 ms (enqueue 0.08 ms)
[11/24/2026-17:46:19] [I] === Performance summary ===
[11/24/2026-17:46:19] [I] Throughput: 1574.34 qps
[11/24/2026-17:46:19] [I] Latency: min = 0.94249 ms, max = 1.51343 ms, mean = 0.949318 ms, median = 0.948975 ms, \
percentile(90%) = 0.951172 ms, percentile(95%) = 0.951843 ms, percentile(99%) = 0.953735 ms
[11/24/2026-17:46:19] [I] Enqueue Time: min = 0.53 ms, max = 1.61 ms, mean = 0.582978 ms, median = 0.587158 ms
[11/24/2026-17:46:19] [I] H2D Latency: min = 0.20 ms, max = 0.23 ms, mean = 0.202861 ms, median = 0.202698 ms
&&&& PASSED TensorRT.trtexec
"""
PERF_TEST = """\
Setting intra_op_num_threads to 1
Session creation time cost: 0.0102016 s
First inference time cost: 2 ms
Total inference time cost: 0.185739 s
Total inference requests: 100
Average inference time cost total: 1.857390 ms
Total inference run time: 0.18581 s
Number of inferences per second: 538.184
Avg CPU usage: 96 %
Peak working set size: 36696064 bytes
Runs:100
Min Latency: 0.00183404 s
Max Latency: 0.00190312 s
P50 Latency: 0.00185674 s
P90 Latency: 0.00187215 s
P95 Latency: 0.00187393 s
P99 Latency: 0.00190312 s
P999 Latency: 0.00190312 s
"""
BENCHMARK_MODEL = """\
INFO: STARTING!
INFO: Initialized session in 92.318ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=3 first=235158 curr=200386 min=199462 max=235158 avg=211669 std=16613 p5=199462 median=200386 p95=235158
INFO: Running benchmark for at least 10 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=25 first=187533 curr=140990 min=140071 max=195121 avg=145528 std=13583 p5=140545 median=141253 p95=187533
INFO: Inference timings in us: Init: 92318, First inference: 235158, Warmup (avg): 211669, Inference (avg): 145528
"""
OLD_BENCHMARK_MODEL = """\
count=12 first=156677 curr=33205 min=32578 max=156677 avg=43268.1 std=34197
count=50 first=33228 curr=33130 min=32687 max=33239 avg=33071.8 std=129
Inference timings in us: Init: 3501, First inference: 156677, Warmup (avg): 43268.1, Inference (avg): 33071.8
"""
RECORD = """\
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps([{name!r}, sys.argv[1:], os.environ.get("PYTHONPATH")]) + chr(10))
"""
ADB = """\
import shutil, subprocess
if sys.argv[1] == "push":
    shutil.copyfile(sys.argv[2], sys.argv[3])
else:
    sys.exit(subprocess.call(["sh", "-c", " ".join(sys.argv[2:])], env={**os.environ, "THERE": "1"}))
"""
SSH = """\
import subprocess
sys.exit(subprocess.call(["sh", "-c", " ".join(word for word in sys.argv[1:] if word not in OPTIONS)]))
"""
SCP = """\
import shutil
here, there = sys.argv[-2:]
assert there.startswith("pi@board:"), there
shutil.copyfile(here, there.partition(":")[2])
"""
GONE = "sys.exit('adb: no devices/emulators found')"
SSH = SSH.replace("OPTIONS", repr(["-o", "BatchMode=yes", "ConnectTimeout=10", "pi@board"]))


class Programs:
    """A folder that is first on PATH, and what was called in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "calls"
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, name: str, body: str) -> Path:
        """Put a program there that first notes how it is called."""
        file = self.folder / name
        noted = RECORD.format(log=str(self.log), name=name)
        file.write_text(f"#!{sys.executable}\n{noted}{body}\n", "utf-8")
        file.chmod(0o755)
        return file

    def says(self, name: str, text: str) -> Path:
        return self.add(name, f"sys.stdout.write({text!r})")

    def calls(self, name: str) -> list[list[str]]:
        lines = self.log.read_text("utf-8").splitlines() if self.log.exists() else []
        return [arguments for called, arguments, _ in map(json.loads, lines) if called == name]


def on_path(folder: Path, patch: pytest.MonkeyPatch) -> Programs:
    made = Programs(folder / "programs")
    patch.setenv("PATH", f"{made.folder}{os.pathsep}{os.environ['PATH']}")
    return made


def tool_workload(folder: Path, target: str, tool: dict[str, Any] | None = None, **options: str) -> Workload:
    """The workload of a catalog's tool on a file that is no model, with what a suite would say instead."""
    row = catalog.targets()[target]
    model = folder / "some model.onnx"
    model.write_bytes(b"weights")
    made = workload(folder / "inputs")
    changed = asdict(replace(row.tool or Tool(), **(tool or {})))
    return replace(made, model=str(model), threads=2, batch=2, options=row.options | options, tool=changed)
