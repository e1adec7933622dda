"""What ortbench knows without looking at the machine: runtimes, providers, tools, precisions, models, scenarios."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from bench.catalog.rows import Model, Precision, Provider, Runtime, Scenario, Target
from bench.contract.flags import Flag
from bench.contract.tool import Tool

__all__ = [
    "Model",
    "Precision",
    "Provider",
    "Runtime",
    "Scenario",
    "Target",
    "models",
    "precision_names",
    "precisions",
    "provider_of",
    "providers",
    "runtimes",
    "scenario_settings",
    "scenarios",
    "targets",
    "tools",
]


def _table(name: str) -> dict[str, dict[str, Any]]:
    return tomllib.loads(resources.files(__name__).joinpath(f"{name}.toml").read_text("utf-8"))


@cache
def runtimes() -> Mapping[str, Runtime]:
    return {name: Runtime(name=name, **row) for name, row in _table("runtimes").items()}


@cache
def providers() -> Mapping[str, Provider]:
    return {short: Provider(short=short, **row) for short, row in _table("providers").items()}


@cache
def tools() -> Mapping[str, Target]:
    """Return a target for each program that measures by itself."""
    rows = _table("tools")
    return {name: _tool(name, _like(name, rows)) for name in rows}


def _like(name: str, rows: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return a row laid over the one it is like, and that over the next."""
    own = dict(rows[name])
    base = _like(own.pop("like"), rows) if "like" in own else {}
    options = base.get("options", {}) | own.get("options", {})
    return base | own | {"options": options, "measured": own.get("measured", "")}  # what one was is not what another is


def _tool(name: str, row: dict[str, Any]) -> Target:
    of_target = {key: row[key] for key in ("label", "runtime", "device", "options", "fixed_shapes") if key in row}
    tool = Tool(**{key: value for key, value in row.items() if key in Tool.__annotations__})
    runtime = runtimes()[row["runtime"]]
    formats, precisions = list(runtime.formats), list(runtime.precisions)
    return Target(name=name, formats=formats, precisions=precisions, tool=tool, flags=[Flag.OTHER_METHOD], **of_target)


@cache
def precisions() -> Mapping[str, Precision]:
    return {name: Precision(name=name, **row) for name, row in _table("precisions").items()}


@cache
def scenarios() -> Mapping[str, Scenario]:
    return {name: Scenario(name=name, kind=name, **row) for name, row in _table("scenarios").items()}


@cache
def scenario_settings() -> Mapping[str, frozenset[str]]:
    """Return the settings that each kind of scenario takes."""
    return {kind: frozenset(row) - {"label"} for kind, row in _table("scenarios").items()}


@cache
def models() -> Mapping[str, Model]:
    return {name: Model(name=name, **row) for name, row in _table("models").items()}


@cache
def targets() -> Mapping[str, Target]:
    """Every target the catalog names: one for each execution provider, the native runtimes' own, then the tools."""
    found = {
        row.short: Target(
            name=row.short,
            label=row.label,
            runtime=row.runtime,
            formats=list(runtimes()[row.runtime].formats),
            precisions=list(runtimes()[row.runtime].precisions),
            provider=row.name,
            row=row.short,
            device=row.device,
            options=dict(row.options),
            cache=row.cache,
            cache_options=dict(row.cache_options),
            plugin=row.plugin,
            fixed_shapes=row.fixed_shapes,
            variables=dict(row.variables),
            flags=list(row.flags),
        )
        for row in providers().values()
    }
    for runtime in runtimes().values():
        for name, row in runtime.targets.items():
            of_runtime = ("formats", "precisions", "translates", "translator", "fixed_shapes")
            shared = {key: getattr(runtime, key) for key in of_runtime}
            found[name] = Target(name=name, runtime=runtime.name, **{**shared, **row})
    return found | dict(tools())


def provider_of(target: Target) -> Provider | None:
    """Return the row of a target's execution provider; None for a native runtime."""
    return providers().get(target.row)


def options_of(target: Target, threads: int) -> dict[str, str]:
    """Return what a target's runtime is given, with the thread budget where the target asks for it."""
    return {name: str(value).replace("{threads}", str(threads)) for name, value in target.options.items()}


def bounds_over(tolerance: dict[str, float], own: dict[str, float]) -> dict[str, float]:
    """Return a recipe's bounds with others laid over them.

    Another cosine sets aside the signal to noise that the recipe asks for beside its own: at a cosine of 0.8 there are
    at most 4.4 dB.
    """
    aside = {"sqnr_db"} if "cosine" in tolerance and "cosine" in own else set()
    return {name: bound for name, bound in tolerance.items() if name not in aside} | own


def precision_names() -> dict[str, str]:
    """Every accepted spelling of a precision, mapped to the recipe's name."""
    return {spelling: row.name for row in precisions().values() for spelling in (row.name, *row.aliases)}
