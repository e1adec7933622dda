"""Read placement and effective precision from ONNX Runtime's profile of a session made for that."""

import json
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from bench.contract.job import Placement

FLOATS = {"float": "fp32", "float16": "fp16", "bfloat16": "bf16", "double": "fp64"}
QUANTISED = {"int8", "uint8"}
COMPUTING = ("MatMul", "Conv", "Gemm", "Attention", "LSTM", "GRU", "RNN")  # parts of the names of heavy operators
NUMBER = re.compile(r"_\d+$")  # of a fused piece: OpenVINO-EP-subgraph_12
COPIES = "Memcpy"  # MemcpyToHost, MemcpyFromHost: between a device and the host
WEIGHT_ONLY = {"MatMulNBits", "GatherBlockQuantized"}
Kernel = dict[str, Any]


def read_profile(profile: Path, assigned: list[tuple[str, str]] | None) -> Placement:
    """Return nodes per provider, shares of operator time, times by operator, and what most heavy work was done in.

    Heavy work is matrix products, convolutions and recurrences, or every operator where there are none of these. A
    node takes the median of the runs, the first left out: it holds allocations. `operators` are those that ran, so
    with what was fused, inserted and laid out anew. `nodes` are the model's, by `assigned`; without it (older
    versions), or where it is not whole, they are counted from the profile, where a fused subgraph is one node and
    copies are none.
    """
    events = json.loads(profile.read_text("utf-8"))
    starts = sorted(int(event["ts"]) for event in events if event.get("name") == "model_run")
    kernels: dict[str, Kernel] = {}
    spent: dict[str, Counter[int]] = defaultdict(Counter)  # node -> run -> us, all its turns in a loop together
    for event in filter(_is_kernel, events):
        name = str(event["name"])
        kernels.setdefault(name, event.get("args", {}))
        spent[name][bisect_right(starts, int(event["ts"]))] += int(event["dur"])
    later = {name: _later(runs, len(starts)) for name, runs in spent.items()} if len(starts) > 1 else {}
    ran = {name: (_provider(about), NUMBER.sub("", str(about.get("op_name", "")))) for name, about in kernels.items()}
    own = [node for node in ran.values() if not node[1].startswith(COPIES)]
    nodes = assigned if assigned and _is_whole(assigned, own) else own
    by_provider: Counter[str] = Counter()
    by_operator: Counter[str] = Counter()
    for name, ns in later.items():
        by_provider[ran[name][0]] += ns
        by_operator["/".join(ran[name])] += ns
    total = by_provider.total()
    return Placement(
        nodes=dict(Counter(provider for provider, _ in nodes)),
        time_share={provider: ns / total for provider, ns in by_provider.items()} if total else None,
        precision=_computed_in(kernels, later),
        operators=dict(Counter("/".join(node) for node in ran.values())),
        operator_ns=dict(by_operator),
    )


def _later(runs: Counter[int], count: int) -> int:
    """Return the median ns of a node over the runs after the first; a run that passed it over took nothing."""
    return round(1000 * median(runs[run] for run in range(2, count + 1)))


def _computed_in(kernels: dict[str, Kernel], spent: dict[str, int]) -> str | None:
    """Return the precision that most time of the heavy operators went into, or of all where none is heavy."""
    heavy: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for name, ns in spent.items():
        work = heavy if any(part in str(kernels[name].get("op_name")) for part in COMPUTING) else others
        work[_precision(kernels[name])] += ns
    precisions = heavy or others
    precisions.pop("", None)
    return precisions.most_common(1)[0][0] if precisions else None


def _is_whole(assigned: list[tuple[str, str]], ran: list[tuple[str, str]]) -> bool:
    """Tell whether an assignment lists all that ran on accelerators: onnxruntime-webgpu 1.27 lists next to none.

    Fusing leaves fewer nodes to run than were assigned. On the CPU provider more may run: casts and layouts are added.
    """
    listed, seen = (Counter(provider for provider, _ in nodes) for nodes in (assigned, ran))
    return all(count <= listed[provider] for provider, count in seen.items() if provider != "CPUExecutionProvider")


def _is_kernel(event: dict[str, Any]) -> bool:
    return event.get("cat") == "Node" and str(event.get("name", "")).endswith("_kernel_time")


def _provider(about: Kernel) -> str:
    return str(about.get("provider", "CPUExecutionProvider"))


def _precision(arguments: Kernel) -> str:
    """Return what a node computes in, from its operator and the types of its inputs; "" where it computes nothing."""
    if arguments.get("op_name") in WEIGHT_ONLY:
        return "int4"
    types = [next(iter(entry), "") for entry in arguments.get("input_type_shape", []) if entry]
    if any(kind in QUANTISED for kind in types):
        return "int8"
    return next((FLOATS[kind] for kind in types if kind in FLOATS), "")
