"""Each runtime's cell against its own plain loop (plain_loop.py), in lockstep, on the models of all-runtimes.

`python tests/benchmarks/native_overhead.py [ROUNDS] [TARGET...]` prints a line for each cell: the ratio of worker to
loop, median and range over rounds of fresh processes. Same file, inputs, threads and settings on both sides.
"""

import json
import sys
import tempfile
from math import exp
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.worker_overhead import Bare, Ours, paired

from bench.runner.lane import Lane
from bench.runner.prepare import Preparation
from bench.suite import load_suite

LEFT_OUT = ("qnn-simulator", "webgpu-software", "openvino")  # ONNX Runtime's other providers: `cpu` is its loop


def compare(lane: Lane, folder: Path, scratch: Path, rounds: int) -> list[float]:
    """Return the ratio of each round."""
    workload = lane.workload
    origin: dict[str, Any] = {"factory": workload.factory, "paths": [str(folder)]}
    about = (workload.input_sets[0], json.dumps(origin), workload.mode or "")
    ratios = []
    for _ in range(rounds):
        bare = Bare(lane.python, lane.adapter, workload.model, workload.threads, *about)
        ours = Ours(lane.python, folder, scratch / "worker.log", lane.adapter, workload.to_wire())
        ratios.append(exp(paired(bare, ours)["r"]))
    return sorted(ratios)


def main(rounds: int, targets: list[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        prepared = Preparation(load_suite("all-runtimes"), scratch, lambda event: None).run()
        lanes = {lane.cell.id: lane for group in prepared.groups for lane in group.lanes}
        for lane in lanes.values():
            name = lane.cell.target
            if name in targets or (not targets and name not in LEFT_OUT):
                found = compare(lane, prepared.folder, scratch, rounds)
                told = f"{median(found):.4f} ({found[0]:.4f}-{found[-1]:.4f})"
                print(f"{lane.cell.model:14} {lane.cell.threads} threads  {name:16} {told}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 6, sys.argv[2:])
