"""Ask a runtime, in its own environment, what it offers on this machine."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import catalog
from bench.catalog import Target
from bench.contract.status import Failure, Status
from bench.environments import Environment
from bench.environments.machine import on_this_machine
from bench.process import Worker


class Probes:
    """Starts each runtime once; targets that share an environment and what it is asked share the answer."""

    def __init__(self, folder: Path, scratch: Path, limits_s: dict[str, float]) -> None:
        self.folder = folder
        self.log = scratch / "probe.log"
        self.limits_s = limits_s
        self.seen: dict[tuple[str, ...], dict[str, Any] | str] = {}

    def found(self, target: Target, environment: Environment) -> dict[str, Any] | str:
        """Return version, providers or devices as the runtime tells them; a sentence where it does not start."""
        adapter = catalog.runtimes()[target.runtime].adapter
        about = _about(target)
        key = (str(environment.python), adapter, str(about), str(target.variables))
        if key not in self.seen:
            self.seen[key] = self._ask(adapter, target, environment, about)
        return self.seen[key]

    def missing(self, target: Target, environment: Environment) -> str:
        """Return in words why nothing can run on this target here; empty where its runtime offers it."""
        found = self.found(target, environment)
        if isinstance(found, str):
            return found
        if target.tool:
            return str(found["reason"])
        if not target.provider or target.provider in found["providers"]:
            return ""
        if target.plugin:
            return f"{target.plugin.partition(':')[0]} was registered, and offers no device on this machine"
        return f"this build of ONNX Runtime offers {', '.join(found['providers'])}, not {target.provider}"

    def doubts(self, target: Target, environment: Environment) -> list[str]:
        """Return in words what the runtime may pass over of a target's settings."""
        found = self.found(target, environment)
        return [] if isinstance(found, str) else list(found.get("doubts", ()))

    def _ask(
        self, adapter: str, target: Target, environment: Environment, about: dict[str, Any]
    ) -> dict[str, Any] | str:
        try:
            variables = on_this_machine(target.variables)
            with Worker(environment.python, self.folder, self.log, self.limits_s, variables) as worker:
                worker.ask("import", adapter=adapter)
                found: dict[str, Any] = worker.ask("probe", **about)
                return found
        except Failure as failure:
            if failure.status == Status.UNSUPPORTED:
                return failure.reason
            return f"its runtime does not start: {failure.status}: {failure.reason}"


def _about(target: Target) -> dict[str, Any]:
    """Return what a probe is asked about beside the runtime: a program and its options, a plugin, settings by name."""
    if target.tool:
        return {"tool": asdict(target.tool), "options": target.options}
    about: dict[str, Any] = {}
    if target.plugin:
        about |= {"plugin": target.plugin, "provider": str(target.provider), "options": sorted(target.options)}
    if target.provider and target.session:
        about["session"] = sorted(target.session)
    return about
