"""What a run says of itself beside its trials, while it runs (the journal's header) and when it has ended."""

import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.catalog import Target
from bench.environments import Environment, cache_root, tools_spec
from bench.environments.machine import conditions
from bench.models.variants import as_json
from bench.runner.prepare import Prepared
from bench.suite import LoadedSuite, plan_hash

Json = dict[str, Any]


def header_of(run_id: str, started: datetime, loaded: LoadedSuite, prepared: Prepared, machine: Json) -> Json:
    """Return what is known before the first round; `plan_hash` covers all that decides results."""
    plan = prepared.plan
    called = _labels(prepared.environments)
    environments = {
        called.get(target, target): {"key": each.key, "freeze": list(each.freeze), "built_s": each.built_s}
        for target, each in (*prepared.environments.items(), *prepared.makers.items())
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
        "targets": {name: _target(plan.targets[name], called) for name in dict.fromkeys(c.target for c in plan.cells)},
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
        "command": " ".join(["ortbench", *map(_without_folder, sys.argv[1:])])
        if sys.argv[0].endswith("ortbench")
        else f"ortbench run {plan.suite}",
        "started_at": started.isoformat(),
    }


def meta_of(header: Json, prepared: Prepared, seconds: Json) -> Json:
    """Return the finished run's metadata: the header, what it cost, and the machine's state afterwards."""
    left_out = ("folder", "limits_s")
    return {
        **{name: value for name, value in header.items() if name not in left_out},
        **_without_folders(header),
        "ended_at": datetime.now(UTC).isoformat(),
        "machine_after": conditions(),
        "seconds": seconds,
    }


def _without_folders(header: Json) -> Json:
    """Return what a duel's sides are without the way to their files: runs are published, folders are not."""
    if not header["duel"]:
        return {}
    split = {side: words.rpartition("=") for side, words in header["duel"].items()}
    sides = {side: f"{key}{equals}{Path(value).name}" for side, (key, equals, value) in split.items()}
    models = {
        name: given | ({"path": Path(given["path"]).name} if "@" in name and given.get("path") else {})
        for name, given in header["suite"].get("models", {}).items()
    }
    return {"duel": sides, "suite": header["suite"] | {"duel": sides} | ({"models": models} if models else {})}


def _labels(environments: Mapping[str, Environment]) -> dict[str, str]:
    """Return by target how its environment is called: two folders of one name (`.venv`) are told apart."""
    keys: dict[str, list[str]] = {}
    for each in environments.values():
        known = keys.setdefault(each.label, [])
        known += [each.key] if each.key not in known else []
    places = {target: keys[each.label].index(each.key) for target, each in environments.items()}
    return {
        target: f"{each.label} ({places[target] + 1})" if places[target] else each.label
        for target, each in environments.items()
    }


def _target(row: Target, called: Mapping[str, str]) -> Json:
    found = {key: value for key, value in asdict(row).items() if key != "name"}
    if row.environment != "isolated":  # reports are published: no folders of this machine
        found["environment"] = called.get(row.name, Path(row.environment).name)
    return found


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
        "output_kind": about.output_kind,
        "constant_output": bool(about.row and about.row.constant_output),
        "weights": subject.weights,
        "subnormal": subject.subnormal,
        "operators": dict(sorted(subject.operators.items(), key=lambda item: -item[1])[:12]),
        "convert": {
            precision: as_json(variant) for (model, precision), variant in prepared.variants.items() if model == name
        },
    }


def last_selfcheck(machine_id: str) -> Json | None:
    """Return what the last selfcheck on this machine found, without its rounds; None where there was none."""
    try:
        found = json.loads(selfcheck_file(machine_id).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict):
        return None
    return {name: value for name, value in found.items() if name not in ("same", "slower")}


def selfcheck_file(machine_id: str) -> Path:
    return cache_root() / "selfcheck" / f"{machine_id}.json"


def _without_folder(argument: str) -> str:
    """Results are published: of a place on this machine they tell the last part alone."""
    return Path(argument).name if Path(argument).is_absolute() else argument
