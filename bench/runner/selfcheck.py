"""The canary: what this machine lets a duel find, tried on two models of which the difference is known."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from math import exp
from pathlib import Path
from typing import Any

import numpy as np

from bench.analysis import summarize
from bench.analysis.intervals import median_interval
from bench.analysis.odds import OFTEN, Odds, odds, smallest_change
from bench.contract.flags import Flag
from bench.environments import cache_root, ensure, tools_spec
from bench.errors import NothingMeasured
from bench.models.stack import Stack, stack_file
from bench.models.variants import Workshop
from bench.process import worker_folder
from bench.runner.events import Preparing, Watch
from bench.runner.metadata import selfcheck_file
from bench.runner.sweep import run
from bench.store import Run, read_run
from bench.store.durable import replacing
from bench.suite import load_text, with_duel
from bench.suite.duel import AS_IS, from_here
from bench.suite.protocol import PRESETS

STACK = Stack("conv", 26, 16, 33)  # about half a millisecond on two cores of a server; one layer more is 3%
PLANTED = 0.03
ROUNDS = 24
SUITE = """\
suite: {name}
description: Made by `ortbench selfcheck`.
preset: standard
models: {{canary: {{path: {file}}}}}
matrix: {{model: canary, target: cpu}}
measure: {{rounds: {rounds}, windows: 0, confirm: false}}
"""


@dataclass(frozen=True)
class Selfcheck:
    """What was found, ready for JSON. Shares are of 1, changes too (0.03: 3%).

    same, slower: r of each round of the canary against itself, and of its slower twin against it. flags: share of the
    trials that carried each. presets: what each preset with a verdict would have said; smallest: by preset, the
    smallest change it finds in 95% of cases. suits: the first preset that finds the planted change without an alarm.
    """

    at: str
    machine_id: str
    threads: int
    latency_ns: float
    planted: float
    found: float
    found_low: float
    found_high: float
    spread: float
    same: list[float]
    slower: list[float]
    presets: dict[str, dict[str, float]]
    smallest: dict[str, float | None]
    flags: dict[str, float] = field(default_factory=dict)
    suits: str | None = None


def selfcheck(out: Path, rounds: int = ROUNDS, seed: int = 0, watch: Watch | None = None) -> Selfcheck:
    """Measure the canary against itself and against a 3% larger one; keep what was found for the metadata of runs.

    The two runs go to folder `out`. Raises what `run` raises, and NothingMeasured where a canary did not run.
    """
    tell = watch or (lambda _: None)
    tell(Preparing("the canary", 0, 1))
    shop = Workshop(ensure(tools_spec()), worker_folder(cache_root()), {})
    files = [stack_file(shop, stack) for stack in (STACK, STACK.slower(PLANTED))]
    runs = []
    for name, side in (("selfcheck-same", files[0]), ("selfcheck-slower", files[1])):
        text = SUITE.format(name=name, file=json.dumps(files[0].name), rounds=rounds)
        loaded = with_duel(load_text(text, name, files[0].parent), AS_IS, from_here(str(side), files[0].parent))
        runs.append(read_run(run(loaded, out, watch=watch)))
    found = judge(runs[0], runs[1], np.random.default_rng(seed))
    with replacing(selfcheck_file(found.machine_id)) as file:
        file.write(json.dumps(asdict(found), indent=1).encode())
    return found


def judge(same: Run, slower: Run, rng: np.random.Generator) -> Selfcheck:
    """Return what two duels of the canary say of the machine they ran on."""
    cells = [_side_b(each) for each in (same, slower)]
    r = [list(cell["effects"].values()) for cell in cells]
    change = median_interval(r[1])
    trials = [*same.trials["flags"], *slower.trials["flags"]]
    counted = Counter(flag for flags in trials for flag in flags if flag != Flag.SYNTHETIC_INPUTS)
    known = {name: protocol.rounds for name, protocol in PRESETS.items() if protocol.rounds >= 6}
    known["precise, at most"] = PRESETS["precise"].max_rounds
    presets = {name: odds(r[0], r[1], each, rng) for name, each in known.items()}
    return Selfcheck(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine_id=same.meta["machine"]["machine_id"],
        threads=int(cells[0]["threads"]),
        latency_ns=float(cells[0]["latency_ns"]),
        planted=PLANTED,
        found=exp(change.estimate) - 1,
        found_low=exp(change.low) - 1,
        found_high=exp(change.high) - 1,
        spread=float(np.std(r[0], ddof=1)) if len(r[0]) > 1 else float("nan"),
        same=r[0],
        slower=r[1],
        presets={name: asdict(each) for name, each in presets.items()},
        smallest={name: smallest_change(r[0], each, rng) for name, each in known.items()},
        flags={flag: count / len(trials) for flag, count in sorted(counted.items())},
        suits=_suits(presets),
    )


def _suits(presets: dict[str, Odds]) -> str | None:
    for name, each in presets.items():
        if each.confirmed >= OFTEN and each.alarms == 0:
            return name.partition(",")[0]
    return None


def _side_b(run: Run) -> dict[str, Any]:
    cells = summarize(run.trials, run.meta)
    found = cells[cells["side"] == "b"].to_dict("records")
    if not found or not found[0]["effects"]:
        why = (found[0]["invalid_reason"] or found[0]["verdict_reason"]) if found else "it has no cell"
        raise NothingMeasured(
            f"The canary could not be measured: {why}.", f"`ortbench show {run.path}` tells more; then try again."
        )
    return {str(name): value for name, value in found[0].items()}
