"""Each worker in its block against the same worker alone: what the others that lie suspended beside it cost it.

`python tests/benchmarks/in_block.py [ROUNDS] [TARGET...]` prints a line for each cell of all-runtimes, simulators left
out: its median in the block over its median alone, and the range over rounds of fresh processes. In the block a worker
computes after every other one; alone it computes after itself. Both are the same process, minutes apart at most.
"""

import random
import sys
import tempfile
from math import exp, log
from pathlib import Path
from statistics import median

from benchmarks.worker_overhead import BURST_NS, WARM_NS, Ours

from bench.contract.job import lead_in_of
from bench.runner.lane import Lane
from bench.runner.prepare import Preparation
from bench.suite import load_suite

SIMULATED = ("qnn-simulator", "webgpu-software")
TURNS = 20
LEAST = 8  # samples of a burst


def one_round(lanes: list[Lane], folder: Path, scratch: Path) -> dict[str, float]:
    """Return the log ratio of each cell: the median over turns of that of medians, in the block over alone."""
    rng = random.Random(len(lanes))
    workers: dict[str, Ours] = {}
    try:
        for lane in lanes:
            name = lane.cell.target
            log_file = scratch / f"{name}.log"
            workers[name] = Ours(lane.python, folder, log_file, lane.adapter, lane.workload.to_wire())
        counts = {name: _warmed(worker) for name, worker in workers.items()}
        found: dict[str, list[float]] = {name: [] for name in workers}
        for _ in range(TURNS):
            order = rng.sample(list(workers), len(workers))
            block = {name: _middle(workers[name], counts[name]) for name in order}
            for name in order:
                workers[name].burst(counts[name])  # its caches are its own again
                found[name].append(log(block[name] / _middle(workers[name], counts[name])))
        return {name: median(ratios) for name, ratios in found.items()}
    finally:
        for worker in workers.values():
            worker.end()


def _warmed(worker: Ours) -> int:
    """Warm a worker up; returns how many inferences make a burst of it."""
    single = median(worker.burst(10))
    worker.burst(max(10, int(WARM_NS / single)))
    return max(LEAST, int(BURST_NS / single))


def _middle(worker: Ours, count: int) -> float:
    return median(worker.burst(count)[lead_in_of(count) :])


def main(rounds: int, targets: list[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        prepared = Preparation(load_suite("all-runtimes"), scratch, lambda event: None).run()
        for group in prepared.groups:
            names = targets or [lane.cell.target for lane in group.lanes if lane.cell.target not in SIMULATED]
            lanes = [lane for lane in group.lanes if lane.cell.target in names]
            taken = [one_round(lanes, prepared.folder, scratch) for _ in range(rounds)]
            for name in taken[0]:
                ratios = sorted(exp(each[name]) for each in taken)
                told = f"{median(ratios):.4f} ({ratios[0]:.4f}-{ratios[-1]:.4f})"
                where = f"{group.block.model:14} group {group.number} of {len(lanes)}, {group.block.threads} threads"
                print(f"{where}  {name:16} {told}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3, sys.argv[2:])
