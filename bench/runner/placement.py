"""Which nodes ran where, as a row tells it, and whether that is still a measurement of the target."""

import json
from typing import Any

from bench.catalog import Target
from bench.runner.lane import Lane, Row


def placed(lane: Lane, found: dict[str, Any]) -> Row:
    """Return the columns of a placement that a worker found (contract/job.py)."""
    nodes, shares, spent = found["nodes"], found["time_share"], found["operator_ns"]
    own = lane.workload.provider or next(iter(nodes), "")
    return {
        "nodes_total": sum(nodes.values()),
        "nodes_on_provider": nodes.get(own, 0),
        "time_on_provider": None if shares is None else shares.get(own, 0.0),
        "placement": json.dumps(nodes, sort_keys=True),
        "operators": json.dumps({name: [count, spent.get(name)] for name, count in sorted(found["operators"].items())}),
        "precision_effective": found["precision"] if lane.reads_precision else lane.computes,
    }


def took_too_little(target: Target, row: Row) -> str:
    """Return in words why a row is not of its execution provider; empty where enough of the model ran there."""
    own, total, time = (row.get(name) for name in ("nodes_on_provider", "nodes_total", "time_on_provider"))
    if target.provider is None or not total:
        return ""
    if not own:
        return f"{target.provider} took none of its {total} nodes: {row['placement']}"
    if own < target.least_nodes * total:
        return f"{target.provider} took {own} of {total} nodes; the suite asks for {target.least_nodes:.0%}"
    if time is not None and time < target.least_time:
        return f"{target.provider} took {time:.0%} of the operators' time; the suite asks for {target.least_time:.0%}"
    return ""
