"""What is not the same on two sides: what keeps them from being compared, and what a comparison may be about."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from packaging.requirements import InvalidRequirement, Requirement

from bench.analysis.comparison.pairs import Difference
from bench.contract.flags import MEANING, Flag

Row = Mapping[str, Any]  # of a summary
Meta = Mapping[str, Any]

# What keeps two cells from being compared: a cell measured with another of these measures something else.
COLUMNS = {
    "batch": "batch",
    "dims": "dims",
    "threads": "threads asked for",
    "threads_effective": "threads that ran",
    "precision_effective": "computed in",
    "scenario_kind": "scenario",
    "sessions": "sessions",
    "boundary": "boundary",
    "cache": "compile cache",
    "page_cache": "page cache",
}
UNDER_LOAD = ("throughput", "server")  # scenarios in which the requests in flight are part of what is measured
POWER = (Flag.ON_BATTERY, Flag.THROTTLED)
ABSENT = "none"
METHOD = ("bursts", "burst_ms", "windows", "window_ms", "trial_s")  # of the protocol: how it was measured


@dataclass(frozen=True)
class Facts:
    """One side of a comparison: what is known of it beside its cells."""

    meta: Meta
    machine_id: str | None
    packages: Mapping[str, Mapping[str, str]]  # target -> package -> version; empty where no freeze is recorded

    @classmethod
    def of(cls, meta: Meta, trials: pd.DataFrame) -> "Facts":
        ids = sorted({str(value) for value in trials["machine_id"] if value is not None})
        return cls(
            meta, ", ".join(ids) or None, {target: _packages(meta, target) for target in meta.get("targets") or ()}
        )

    def part(self, *names: str) -> Mapping[str, Any]:
        """Return a mapping from inside the meta; an empty one where it is not there."""
        found: Any = self.meta
        for name in names:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}


def hindering(a: Row, b: Row, first: Facts, second: Facts) -> tuple[Difference, ...]:
    """Return what keeps a cell's two sides from being compared. What is not known of one of them is no difference.

    Machine, power state, threads, inputs, effective precision, boundary, caches and the scenario's settings:
    docs/measurement.md, "Verdicts".
    """
    found = [*_machine(first, second), *_power(a, b, first, second), *_columns(a, b)]
    return tuple(dict.fromkeys((*found, *_inputs(a, b, first, second), *_scenario(a, b, first, second))))


def _machine(first: Facts, second: Facts) -> Iterator[Difference]:
    if first.machine_id and second.machine_id and first.machine_id != second.machine_id:
        names = [str(side.part("machine").get("name") or side.machine_id) for side in (first, second)]
        if names[0] == names[1]:
            names = [f"{name} ({side.machine_id})" for name, side in zip(names, (first, second), strict=True)]
        yield Difference("machine", "machine", *names)


def _power(a: Row, b: Row, first: Facts, second: Facts) -> Iterator[Difference]:
    sources = [_source(side) for side in (first, second)]
    flagged = [{flag for flag in POWER if flag in row["flags"]} for row in (a, b)]
    if None not in sources and sources[0] != sources[1]:
        yield Difference("power", "power source", str(sources[0]), str(sources[1]))
    for flag in sorted(flagged[0] ^ flagged[1]):
        told = [MEANING[flag] if flag in each else "not so" for each in flagged]
        yield Difference("power", "power state", *told)
    for name in ("governor", "turbo"):
        values = [side.part("machine", "cpu").get(name) for side in (first, second)]
        if None not in values and values[0] != values[1]:
            yield Difference("power", name, str(values[0]), str(values[1]))


def _source(side: Facts) -> str | None:
    """Return what fed the machine; a machine that knows of no battery has none. None where nothing is recorded."""
    machine = side.part("machine")
    conditions = machine.get("conditions", machine)
    if "power_source" not in conditions:
        return None
    return "battery" if conditions["power_source"] == "battery" else "mains"


def _columns(a: Row, b: Row) -> Iterator[Difference]:
    under_load = {"concurrency": "requests in flight"} if a["scenario_kind"] in UNDER_LOAD else {}
    for column, what in {**COLUMNS, **under_load}.items():
        if pd.notna(a[column]) and pd.notna(b[column]) and a[column] != b[column]:
            yield Difference(column, what, _text(a[column]), _text(b[column]))


def _inputs(a: Row, b: Row, first: Facts, second: Facts) -> Iterator[Difference]:
    seeds = [side.part("suite").get("seed") for side in (first, second)]
    if None not in seeds and seeds[0] != seeds[1]:
        yield Difference("inputs", "seed of the inputs", str(seeds[0]), str(seeds[1]))
    given = [
        side.part("suite", "models", row["model"]) for side, row in ((first, a), (second, b)) if side.meta.get("suite")
    ]
    for name in ("inputs", "dims", "batch"):
        values = [each.get(name) for each in given]
        if len(values) == 2 and values[0] != values[1]:
            yield Difference("inputs", f"{name} of the model", _text(values[0]), _text(values[1]))
    noise = [Flag.SYNTHETIC_INPUTS in row["flags"] for row in (a, b)]
    if noise[0] != noise[1]:
        yield Difference("inputs", "inputs", *("seeded noise" if each else "from files" for each in noise))


def _scenario(a: Row, b: Row, first: Facts, second: Facts) -> Iterator[Difference]:
    """Compare the settings of a cell's scenario: as they were resolved, or as the suites have them."""
    resolved = [side.part("scenarios", row["scenario"]) for side, row in ((first, a), (second, b))]
    written = [side.part("suite", "scenarios", row["scenario"]) for side, row in ((first, a), (second, b))]
    found = resolved if all(resolved) else written
    settings = [{name: value for name, value in each.items() if name not in ("name", "label")} for each in found]
    yield from _each("scenario", "{} of the scenario", *settings)


def changes(a: Row, b: Row, first: Facts, second: Facts) -> tuple[Difference, ...]:
    """Return what differs without keeping a cell's sides from being compared: what the comparison may be about."""
    found = [*_software(a, b, first, second), *_settings(a, b, first, second), *_files(a, b, first, second)]
    versions = [side.part("machine", "versions").get("ortbench") for side in (first, second)]
    if None not in versions and versions[0] != versions[1]:
        found.append(Difference("ortbench", "ortbench", str(versions[0]), str(versions[1])))
    protocols = [side.part("protocol") for side in (first, second)]
    known = [name for name in METHOD if all(name in each for each in protocols)]
    found += _each("protocol", "{} of the protocol", *({name: each[name] for name in known} for each in protocols))
    return tuple(dict.fromkeys(found))


def _software(a: Row, b: Row, first: Facts, second: Facts) -> Iterator[Difference]:
    if a["runtime_version"] and b["runtime_version"] and a["runtime_version"] != b["runtime_version"]:
        yield Difference("runtime", f"version of {a['runtime']}", a["runtime_version"], b["runtime_version"])
    frozen = [side.packages.get(row["target"]) or {} for side, row in ((first, a), (second, b))]
    if all(frozen):
        yield from _each("package", "{}", *frozen)


def _settings(a: Row, b: Row, first: Facts, second: Facts) -> Iterator[Difference]:
    asked = [side.part("targets", row["target"]) for side, row in ((first, a), (second, b))]
    if all(asked):
        for name in ("options", "session"):
            yield from _each(name, f"{name}.{{}}", *(row.get(name) or {} for row in asked))
        for name in ("device", "mode"):
            yield from _each("target", f"{name}{{}}", *({"": row.get(name)} for row in asked))
    took_effect = [_parsed(row["options"]) for row in (a, b)]
    if None not in took_effect:
        told = {key for row in asked for name in ("options", "session") for key in row.get(name) or {}}
        rest = [{key: value for key, value in (each or {}).items() if key not in told} for each in took_effect]
        yield from _each("options", "options.{}", *rest)
    recipes = [side.part("precisions", row["precision"], "options") for side, row in ((first, a), (second, b))]
    if a["precision"] == b["precision"]:
        yield from _each("precision", "{} of the recipe", *recipes)


def _files(a: Row, b: Row, first: Facts, second: Facts) -> Iterator[Difference]:
    models = [side.part("models", row["model"]) for side, row in ((first, a), (second, b))]
    hashes = [str(model.get("sha256") or "") for model in models]
    if all(hashes) and hashes[0] != hashes[1]:
        yield Difference("model", f"file of {a['model'].partition('@')[0]}", hashes[0][:12], hashes[1][:12])
    elif a["precision"] == b["precision"]:
        made = [(model.get("convert") or {}).get(a["precision"]) or {} for model in models]
        variants = [str(each.get("sha256") or "") for each in made]
        if all(variants) and variants[0] != variants[1]:
            yield Difference("variant", f"{a['model']} as {a['precision']}", variants[0][:12], variants[1][:12])


def _packages(meta: Meta, target: str) -> dict[str, str]:
    """Return the packages of the environment a target ran in, with their versions; empty where not recorded."""
    label = environment_of(meta["targets"][target], target)
    lines = (meta.get("environments") or {}).get(label, {}).get("freeze") or ()
    return dict(_package(str(line)) for line in lines)


def environment_of(row: Mapping[str, Any], target: str) -> str:
    """Return how the environment of a target (as the meta describes it) is called."""
    from bench.catalog import Target
    from bench.suite.planner import environment_label  # pydantic comes with it: only where it is needed

    known = {name: value for name, value in row.items() if name in Target.__annotations__}
    return environment_label(Target(**{"label": "", "runtime": "", **known, "name": target}))


def _package(line: str) -> tuple[str, str]:
    try:
        found = Requirement(line)
    except InvalidRequirement:
        return line, "installed"
    return found.name, str(found.specifier).removeprefix("==") or found.url or "installed"


def _parsed(options: Any) -> dict[str, Any] | None:
    """Return a JSON object; None where there is none."""
    try:
        found = json.loads(options) if isinstance(options, str) else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _each(kind: str, what: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    """Compare two mappings key by key; `what` names one with its key in the braces."""
    for key in dict.fromkeys((*a, *b)):
        if a.get(key) != b.get(key):
            yield Difference(kind, what.format(key), _text(a.get(key)), _text(b.get(key)))


def _text(value: Any) -> str:
    if value is None or value == "":
        return ABSENT
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
