"""Read placement and effective precision from ONNX Runtime's profile of a session made for that."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from bench.contract.job import Placement

FLOATS = {"float": "fp32", "float16": "fp16", "bfloat16": "bf16", "double": "fp64"}
QUANTISED = {"int8", "uint8"}
COMPUTING = ("MatMul", "Conv", "Gemm", "Attention", "LSTM", "GRU", "RNN")  # parts of the names of heavy operators
COPIES = "Memcpy"  # MemcpyToHost, MemcpyFromHost: between a device and the host
WEIGHT_ONLY = {"MatMulNBits", "GatherBlockQuantized"}


def read_profile(profile: Path, assigned: list[tuple[str, str]] | None) -> Placement:
    """Return nodes per provider, shares of operator time, and the precision that most heavy work was done in.

    Heavy work is matrix products, convolutions and recurrences, or every operator where there are none of these. The
    first run of each node is left out of the times: it holds allocations. Without `assigned` (older versions), or where
    it is not whole, nodes are counted from the profile, where a fused subgraph is one node and copies are none.
    """
    events = [e for e in json.loads(profile.read_text("utf-8")) if _is_kernel(e)]
    first: dict[str, Any] = {}
    times: dict[str, int] = defaultdict(int)
    precisions: Counter[str] = Counter()
    heavy: Counter[str] = Counter()
    for event in events:
        name, arguments = str(event["name"]), event.get("args", {})
        provider = str(arguments.get("provider", "CPUExecutionProvider"))
        if name not in first:
            first[name] = (provider, str(arguments.get("op_name", "")))
            continue
        times[provider] += int(event["dur"])
        work = heavy if any(part in str(arguments.get("op_name")) for part in COMPUTING) else precisions
        work[_precision(arguments)] += int(event["dur"])
    ran = [(provider, op) for provider, op in first.values() if not op.startswith(COPIES)]
    nodes = assigned if assigned and _is_whole(assigned, ran) else ran
    total = sum(times.values())
    precisions = heavy or precisions
    precisions.pop("", None)
    return Placement(
        nodes=dict(Counter(provider for provider, _ in nodes)),
        time_share={p: t / total for p, t in times.items()} if total else None,
        precision=precisions.most_common(1)[0][0] if precisions else None,
        operators=dict(Counter(f"{provider}/{op}" for provider, op in nodes)),
    )


def _is_whole(assigned: list[tuple[str, str]], ran: list[tuple[str, str]]) -> bool:
    """Tell whether an assignment lists all that ran on accelerators: onnxruntime-webgpu 1.27 lists next to none.

    Fusing leaves fewer nodes to run than were assigned. On the CPU provider more may run: casts and layouts are added.
    """
    listed, seen = (Counter(provider for provider, _ in nodes) for nodes in (assigned, ran))
    return all(count <= listed[provider] for provider, count in seen.items() if provider != "CPUExecutionProvider")


def _is_kernel(event: dict[str, Any]) -> bool:
    return event.get("cat") == "Node" and str(event.get("name", "")).endswith("_kernel_time")


def _precision(arguments: dict[str, Any]) -> str:
    """Return what a node computes in, from its operator and the types of its inputs; "" where it computes nothing."""
    if arguments.get("op_name") in WEIGHT_ONLY:
        return "int4"
    types = [next(iter(entry), "") for entry in arguments.get("input_type_shape", []) if entry]
    if any(kind in QUANTISED for kind in types):
        return "int8"
    return next((FLOATS[kind] for kind in types if kind in FLOATS), "")
