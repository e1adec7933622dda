"""Real rounds for the study of verdicts (docs/study.md): duels of known outcome, quiet and beside a busy neighbour.

`python tests/benchmarks/verdict_study.py OUT.json [MODEL...]` takes about 10 minutes a model, on an idle machine;
`verdict_figures.py OUT.json` says what the rounds show. Every duel is `bench.run`'s own; the adjacent fresh processes
that lockstep is held against are the same workers, driven one after the other.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.analysis import summarize
from bench.contract.purpose import Purpose
from bench.environments import cache_root, ensure, tools_spec
from bench.environments.machine import fingerprint
from bench.models.stack import Stack, stack_file
from bench.models.variants import Workshop
from bench.process import worker_folder
from bench.runner import run
from bench.runner.prepare import Preparation
from bench.runner.rounds import Rounds
from bench.runner.trial import Clock
from bench.store import read_run
from bench.suite import LoadedSuite, load_text, with_duel
from bench.suite.duel import AS_IS, from_here

CHANGES = (0.0, 0.02, 0.03)
MATMUL, THIN, LARGE = (Stack("matmul", 48, 64, 100), Stack("conv", 12, 16, 100), Stack("conv", 52, 48, 100))
MODELS = {  # name -> stack by change, threads, rounds quiet, rounds beside a neighbour
    "matmul": ((MATMUL,) * 3, 1, 48, 24),
    "conv": ((Stack("conv", 22, 16, 50), Stack("conv", 22, 16, 50), Stack("conv", 26, 16, 33)), 2, 48, 24),
    "thin": ((THIN,) * 3, 2, 48, 24),  # 3 us a layer: what two threads wait for each other is most of it
    "large": ((LARGE,) * 3, 2, 30, 16),
}
ADJACENT = 30  # pairs of fresh processes, one after the other
NEIGHBOUR = "while True: pass"
SUITE = """\
suite: study
models: {{stack: {{path: {file}}}}}
matrix: {{model: stack, target: cpu, threads: {threads}}}
measure: {{rounds: {rounds}, windows: 0, confirm: false}}
"""


def main(out: Path, names: list[str]) -> None:
    shop = Workshop(ensure(tools_spec()), worker_folder(cache_root()), {})
    found: dict[str, Any] = {"machine": fingerprint()["name"], "duels": [], "adjacent": {}}
    if out.exists():  # models that are not measured again keep their rounds
        found = json.loads(out.read_text("utf-8"))
        found["duels"] = [row for row in found["duels"] if row["model"] not in names]
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            stacks, threads, quiet, busy = MODELS[name]
            for change, stack in zip(CHANGES, stacks, strict=True):
                for neighbour, rounds in ((False, quiet), (True, busy)):
                    duel = _duel(shop, stack, change, threads, rounds)
                    with _neighbour() if neighbour else nullcontext():
                        row = {
                            "model": name,
                            "change": change,
                            "neighbour": neighbour,
                            **_measured(duel, Path(scratch)),
                        }
                    found["duels"].append(row)
                    print(name, change, "busy" if neighbour else "quiet", len(row["r"]), np.std(row["r"]), flush=True)
                    out.write_text(json.dumps(found), "utf-8")
            found["adjacent"][name] = _adjacent(_duel(shop, stacks[0], 0.0, threads, 1), Path(scratch))
            print(name, "adjacent", np.std(found["adjacent"][name]), flush=True)
            out.write_text(json.dumps(found), "utf-8")


def _duel(shop: Workshop, stack: Stack, change: float, threads: int, rounds: int) -> LoadedSuite:
    """A stack against itself, or against its slower twin."""
    a, b = stack_file(shop, stack), stack_file(shop, stack.slower(change))
    text = SUITE.format(file=json.dumps(a.name), threads=threads, rounds=rounds)
    return with_duel(load_text(text, "study", a.parent), AS_IS, from_here(str(b), a.parent))


def _measured(duel: LoadedSuite, scratch: Path) -> dict[str, Any]:
    """What a duel's rounds gave: r of each, latency of side a, and each trial's flags."""
    done = read_run(run(duel, scratch))
    cells = summarize(done.trials, done.meta).set_index("side")
    return {
        "r": list(cells.loc["b", "effects"].values()),
        "latency_ns": float(cells.loc["a", "latency_ns"]),
        "trial_medians_ns": list(cells.loc["a", "trial_medians_ns"]),
        "flags": [sorted(flags) for flags in done.trials["flags"]],
        "valid": bool(cells["valid"].all()),
        "seconds": done.meta["seconds"]["measure"],
    }


def _adjacent(duel: LoadedSuite, scratch: Path) -> list[float]:
    """Log ratios of two fresh processes, started, warmed and timed one after the other, in random order."""
    prepared = Preparation(duel, scratch, lambda event: None).run()
    rng = random.Random(0)
    rounds = Rounds(prepared.folder, scratch, prepared.plan.protocol, {}, rng, Clock(), lambda event: None)
    (group,) = prepared.groups
    ratios = []
    for number in range(ADJACENT):
        rows: list[dict[str, Any]] = []
        for lane in rng.sample(group.lanes, 2):
            rounds.run([lane], number, Purpose.PLANNED, rows.append)
        a, b = sorted(rows, key=lambda row: row["side"])
        ratios.append(float(np.log(_median(b) / _median(a))))
    return ratios


def _median(row: dict[str, Any]) -> float:
    return median(row["samples_ns"]) / float(row["inferences_per_sample"])


@contextmanager
def _neighbour() -> Iterator[None]:
    """A process that keeps one core busy."""
    process = subprocess.Popen([sys.executable, "-c", NEIGHBOUR])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
    try:
        yield
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(MODELS))
