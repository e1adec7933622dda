"""What of the catalog this machine can measure: what is ready, what could be had, and what stands in the way."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from bench import catalog
from bench.catalog import Target
from bench.environments import cache_root, ensure, is_built, spec_for
from bench.environments.machine import devices, platform_name, usable_cores
from bench.process import worker_folder
from bench.runner.probe import Probes
from bench.suite.facts import Facts
from bench.suite.skips import target_skip

State = Literal["ready", "to be had", "not here"]


@dataclass(frozen=True)
class Availability:
    """A target on this machine. `why` says what is missing; `version` and `devices` are the runtime's own words."""

    target: str
    label: str
    environment: str
    state: State
    why: str = ""
    version: str = ""
    devices: tuple[str, ...] = ()


def availability() -> Iterator[Availability]:
    """Yield every target of the catalog, in its order. Runtimes whose environment is built are started and asked."""
    facts = Facts(platform_name(), usable_cores(), devices())
    with tempfile.TemporaryDirectory(prefix="ortbench-probe-") as scratch:
        probes = Probes(worker_folder(cache_root()), Path(scratch), {})
        for target in catalog.targets().values():
            yield _of(target, facts, probes)


def _of(target: Target, facts: Facts, probes: Probes) -> Availability:
    spec = spec_for(target)
    unknown = Availability(target.name, target.label, spec.label, "not here")
    if skip := target_skip(target, facts):
        return replace(unknown, why=skip.reason)
    if not is_built(spec):
        return replace(unknown, state="to be had", why=f"ortbench env build {target.name}")
    environment = ensure(spec)
    if why := probes.missing(target, environment):
        return replace(unknown, why=why)
    found: Any = probes.found(target, environment)
    offered = tuple(str(name) for name in found.get("devices", ()))
    return replace(unknown, state="ready", version=str(found.get("version", "")), devices=offered)
