"""What oneDNN says it computed: OpenVINO hides a graph in one fused node, and oneDNN inside it tells of each primitive.

oneDNN writes a line for each one it runs where ONEDNN_VERBOSE is set before it starts (oneDNN developer guide, "Verbose
Mode"). So it takes a process of its own, with the same session in it.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.contract.job import Placement, Workload

COMPUTING = {"convolution", "deconvolution", "inner_product", "matmul", "rnn"}
TYPES = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "u8": "int8", "s8": "int8", "u4": "int4", "s4": "int4"}
RUNS = 4
LIMIT_S = 60.0
MOST = 0.5  # of operator time
CHILD = """
import json, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from bench.contract.job import Workload
from bench.worker.adapters import ort
ort.import_runtime()
workload = Workload.from_wire(json.loads(sys.argv[2]))
inputs = {name: np.load(path, allow_pickle=False) for name, path in workload.input_sets[0].items()}
request = ort.load(workload).bind(inputs)
for _ in range(int(sys.argv[3])):
    request.run()
"""
Ran = tuple[str, int]  # `convolution int8`, ns


def told_by_onednn(workload: Workload, found: Placement) -> Placement:
    """Return a placement with what oneDNN tells in place of what the fused node hides: operators, times, precision.

    The rest of the node's time stays with the node. Without a heavy primitive in the log the precision is not known;
    where most of the time went elsewhere, it is that of what ran there.
    """
    own = str(workload.provider)
    elsewhere = (found.time_share or {}).get(own, 1.0) < MOST
    nodes, spent = _summed(list(primitives(_log(workload))))
    if not nodes:
        return found if elsewhere else replace(found, precision=None)
    fused = {key: ns for key, ns in found.operator_ns.items() if key.startswith(f"{own}/")}
    share = max(0.0, 1 - sum(spent.values()) / sum(fused.values())) if sum(fused.values()) else 0.0
    by_type: Counter[str] = Counter()
    for name, ns in spent.items():
        by_type[name.rpartition(" ")[2]] += ns
    return replace(
        found,
        precision=found.precision if elsewhere else by_type.most_common(1)[0][0],
        operators=found.operators | {f"{own}/{name}": count for name, count in nodes.items()},
        operator_ns=found.operator_ns
        | {key: round(ns * share) for key, ns in fused.items()}
        | {f"{own}/{name}": ns for name, ns in spent.items()},
    )


def primitives(log: str) -> Iterator[Ran]:
    """Yield each heavy primitive of a log with what it computed in and its ns.

    A line is `onednn_verbose,v1,primitive,exec,cpu,convolution,KERNEL,...,src:u8::... wei:s8:...,ATTRIBUTES,...,MS`.
    Activations in floats beside weights of few bits are unpacked first, and computed in floats.
    """
    for line in log.splitlines():
        fields = line.split(",")
        if not line.startswith("onednn_verbose") or "exec" not in fields[:5]:
            continue
        kind = next((field for field in fields[4:7] if field in COMPUTING), None)
        tensors = next((field for field in fields if field.startswith("src")), "")
        written = tensors.partition(":")[2].partition(":")[0]
        implied = next((TYPES.get(part.split(":")[1]) for part in line.split() if "attr-fpmath:" in part), None)
        computed = implied or TYPES.get(written)
        if kind and computed:
            yield f"{kind} {computed}", round(1e6 * float(fields[-1]))


def _summed(ran: list[Ran]) -> tuple[Counter[str], Counter[str]]:
    """Return how many there are of each in an inference, and their mean ns over the runs after the first."""
    each = len(ran) // RUNS
    nodes = Counter(name for name, _ in ran[:each])
    spent: Counter[str] = Counter()
    for name, ns in ran[each:]:
        spent[name] += ns
    return nodes, Counter({name: ns // (RUNS - 1) for name, ns in spent.items()})


def _log(workload: Workload) -> str:
    """Run the session in a process with a talking oneDNN; empty where that does not work."""
    alone = replace(workload, cache="", cache_dir=None)
    command = [
        sys.executable,
        "-I",
        "-c",
        CHILD,
        str(Path(__file__).parents[3]),
        json.dumps(alone.to_wire()),
        str(RUNS),
    ]
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL,  # ours is what the worker is told through
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace", check=False,
            env={**os.environ, "ONEDNN_VERBOSE": "1"}, timeout=LIMIT_S,
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
