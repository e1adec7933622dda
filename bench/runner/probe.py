"""Ask a runtime, in its own environment, what it offers on this machine."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import catalog
from bench.catalog import Target
from bench.contract.status import Failure
from bench.environments import Environment
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
        key = (str(environment.python), adapter, str(about), str(sorted(target.variables.items())))
        if key not in self.seen:
            self.seen[key] = self._ask(adapter, target, environment, about)
        return self.seen[key]

    def missing(self, target: Target, environment: Environment) -> str:
        """Return in words why nothing can run on this target here; empty where its runtime offers it."""
        found = self.found(target, environment)
        if isinstance(found, str):
            return f"its runtime does not start: {found}"
        if target.tool:
            return str(found["reason"])
        if not target.provider or target.provider in found["providers"]:
            return ""
        if target.plugin:
            return str(found.get("reason") or f"{target.plugin} was registered, and offers no device on this machine")
        return f"this build of ONNX Runtime offers {', '.join(found['providers'])}, not {target.provider}"

    def _ask(
        self, adapter: str, target: Target, environment: Environment, about: dict[str, Any]
    ) -> dict[str, Any] | str:
        try:
            with Worker(environment.python, self.folder, self.log, self.limits_s, target.variables) as worker:
                worker.ask("import", adapter=adapter)
                found: dict[str, Any] = worker.ask("probe", **about)
                return found
        except Failure as failure:
            return f"{failure.status}: {failure.reason}"


def _about(target: Target) -> dict[str, Any]:
    """Return what a probe is asked about beside the runtime: a plugin, or a program and its options."""
    if target.tool:
        return {"tool": asdict(target.tool), "options": target.options}
    return {"plugin": target.plugin} if target.plugin else {}
