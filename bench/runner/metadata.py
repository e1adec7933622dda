"""What a run says of itself beside its trials, while it runs (the journal's header) and when it has ended."""

import json
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.environments import cache_root, tools_spec
from bench.environments.machine import conditions
from bench.models.variants import as_json
from bench.runner.prepare import Prepared
from bench.suite import LoadedSuite, plan_hash

Json = dict[str, Any]


def header_of(run_id: str, started: datetime, loaded: LoadedSuite, prepared: Prepared, machine: Json) -> Json:
    """Return what is known before the first round; `plan_hash` covers all that decides results."""
    plan = prepared.plan
    environments = {
        environment.label: {"key": environment.key, "freeze": list(environment.freeze), "built_s": environment.built_s}
        for environment in prepared.environments.values()
    }
    hashes = {
        "models": {name: subject.sha256 for name, subject in prepared.subjects.items()},
        "variants": {f"{model}/{precision}": each.sha256 for (model, precision), each in prepared.variants.items()},
        "environments": {label: each["freeze"] for label, each in environments.items()},
        "worker": prepared.folder.name,
    }
    return {
        "run_id": run_id,
        "suite": loaded.suite.model_dump(mode="json", exclude_defaults=True) | {"seed": plan.seed, "suite": plan.suite},
        "suite_text": loaded.text,
        "folder": str(loaded.folder.resolve()),
        "limits_s": dict(loaded.suite.limits_s),
        "plan_hash": plan_hash(plan, hashes),
        "baseline": plan.baseline,
        "protocol": asdict(plan.protocol),
        "targets": {name: _target(prepared, name) for name in dict.fromkeys(cell.target for cell in plan.cells)},
        "precisions": {
            name: {"label": row.label, "effective": row.effective, "tolerance": row.tolerance, "options": row.options}
            for name, row in plan.precisions.items()
            if name in {cell.precision for cell in plan.cells}
        },
        "scenarios": {name: asdict(row) for name, row in plan.scenarios.items()},
        "duel": plan.duel,
        "models": {name: _model(prepared, name) for name in prepared.subjects},
        "machine": machine,
        "selfcheck": last_selfcheck(machine["machine_id"]),
        "environments": environments,
        "tools": list(tools_spec().requirements),
        "python": platform.python_version(),
        "command": " ".join(["ortbench", *sys.argv[1:]])
        if sys.argv[0].endswith("ortbench")
        else f"ortbench run {plan.suite}",
        "started_at": started.isoformat(),
    }


def meta_of(header: Json, prepared: Prepared, seconds: Json) -> Json:
    """Return the finished run's metadata: the header, what it cost, and the machine's state afterwards."""
    left_out = ("folder", "limits_s")
    return {
        **{name: value for name, value in header.items() if name not in left_out},
        "ended_at": datetime.now(UTC).isoformat(),
        "machine_after": conditions(),
        "seconds": seconds,
    }


def _target(prepared: Prepared, name: str) -> Json:
    row = prepared.plan.targets[name]
    found = {key: value for key, value in asdict(row).items() if key != "name"}
    return found | {"environment": Path(row.environment).name}  # reports are published: no folders of this machine


def _model(prepared: Prepared, name: str) -> Json:
    subject = prepared.subjects[name]
    about = subject.description
    return {
        "task": about.task,
        "sha256": subject.sha256,
        "bytes": subject.bytes,
        "stored": about.stored,
        "licence": about.row.licence if about.row else "",
        "source": subject.source,
        "classification": about.classification,
        "constant_output": bool(about.row and about.row.constant_output),
        "operators": dict(sorted(subject.operators.items(), key=lambda item: -item[1])[:12]),
        "convert": {
            precision: as_json(variant) for (model, precision), variant in prepared.variants.items() if model == name
        },
    }


def last_selfcheck(machine_id: str) -> Json | None:
    """Return what the last selfcheck on this machine found, without its rounds; None where there was none."""
    try:
        found: Json = json.loads(selfcheck_file(machine_id).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return {name: value for name, value in found.items() if name not in ("same", "slower")}


def selfcheck_file(machine_id: str) -> Path:
    return cache_root() / "selfcheck" / f"{machine_id}.json"
