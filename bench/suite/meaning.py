"""What is wrong with a suite beyond its shape: names that do not exist, sources that are not one, an empty sweep.

It reads the document as written, not the validated suite, so that these mistakes are reported beside those of shape.
Whatever has the wrong type is passed over here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil, log, prod
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from bench import catalog
from bench.contract.phases import Phase
from bench.suite.near import nearest
from bench.suite.reading import Mistake, Where
from bench.suite.real_inputs import real_mistakes
from bench.suite.recipes import option_mistakes
from bench.suite.resolve import takes_device
from bench.suite.schema import FILLS
from bench.suite.tool_meaning import tool_mistakes

ALL = "all"
MAX_CELLS = 100_000
UNSEEN = 0.01  # chance at most that no query of a probe is late although too many of all are (bench/analysis/load.py)
SOURCES = ("catalog", "path", "url", "package")
KINDS = {"top1": "classification", "top5": "classification", "iou": "mask", "rank": "embedding"}  # that a bound is of
PACKAGES = {
    "pypi": (r"[A-Za-z0-9][\w.-]*==[\w.!+-]+", "name==version"),
    "npm": (r"(@[\w-][\w.-]*/)?[\w][\w.-]*@[\w][\w.+-]*", "name@version"),
}


@dataclass(frozen=True)
class Known:
    """Every name a suite may use."""

    models: frozenset[str]
    targets: frozenset[str]
    precisions: frozenset[str]
    scenarios: frozenset[str]

    def of(self, axis: str) -> frozenset[str]:
        table = {"model": self.models, "precision": self.precisions, "scenario": self.scenarios}
        return self.targets | {ALL} if axis == "target" else table[axis]


def meaning_mistakes(data: object) -> Iterator[Mistake]:
    """Yield every mistake of meaning in a suite's document."""
    if not isinstance(data, Mapping):
        return
    known = Known(
        frozenset(catalog.models()) | {name for name, _ in _entries(data, "models")},
        frozenset(catalog.targets()) | {name for name, _ in _entries(data, "targets")},
        frozenset(catalog.precision_names()) | {name for name, _ in _entries(data, "precisions")},
        frozenset(catalog.scenarios()) | {name for name, _ in _entries(data, "scenarios")},
    )
    yield from _names(data, known)
    yield from _bases(data)
    for name, model in _entries(data, "models"):
        yield from _model(("models", name), model, known)
    yield from _targets(data)
    for name, target in _entries(data, "targets"):
        yield from tool_mistakes(("targets", name), target)
    for name, precision in _entries(data, "precisions"):
        yield from option_mistakes(
            ("precisions", name, "options"), precision.get("precision"), precision.get("options")
        )
    yield from _scenarios(data)
    yield from _sweep(data, known)
    yield from _measure(data)


def _entries(data: Mapping[str, Any], key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the mappings of a mapping, such as the models of `models`."""
    table = data.get(key)
    for name, entry in table.items() if isinstance(table, Mapping) else ():
        if isinstance(entry, Mapping):
            yield name, entry


def _sweeps(data: Mapping[str, Any], *keys: str) -> Iterator[tuple[Where, Mapping[str, Any]]]:
    """Yield matrix, the entries of include and those of exclude: as many of the three as `keys` names."""
    for key in keys:
        value = data.get(key)
        for index, axes in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(axes, Mapping):
                yield ((key, index) if isinstance(value, list) else (key,)), axes


def _values(axes: Mapping[str, Any], axis: str) -> list[tuple[Where, Any]]:
    """Return the values of an axis with their places, where it is one value or a list."""
    value = axes.get(axis)
    if isinstance(value, list):
        return [((axis, index), item) for index, item in enumerate(value)]
    return [] if value is None else [((axis,), value)]


def _unknown(where: Where, name: object, kind: str, known: Iterable[str], at_key: bool = False) -> Iterator[Mistake]:
    names = set(known)
    if isinstance(name, str) and name not in names:
        yield Mistake(where, f"found `{name[:80]}`, expected the name of a {kind}{nearest(name, names)}", at_key)


def _names(data: Mapping[str, Any], known: Known) -> Iterator[Mistake]:
    for where, axes in _sweeps(data, "matrix", "include", "exclude"):
        for axis in ("model", "target", "precision", "scenario"):
            for place, name in _values(axes, axis):
                if axis == "target":
                    yield from _target_name(where + place, name, known, data)
                else:
                    yield from _unknown(where + place, name, axis, known.of(axis))
    yield from _target_name(("baseline",), data.get("baseline"), known, data)
    yield from _keys(data, ("tolerances",), "precision", known.precisions)
    yield from _keys(data, ("limits_s",), "phase", Phase)


def _target_name(where: Where, name: object, known: Known, data: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield what is wrong with a target's name, or with the device it is asked for on: `cuda:1`."""
    base, colon, device = name.partition(":") if isinstance(name, str) else (name, "", "")
    names = known.targets if where == ("baseline",) else known.of("target")
    yield from _unknown(where, base, "target", names)
    if colon and base in known.targets:
        own = dict(_entries(data, "targets")).get(str(base), {})
        row = catalog.targets().get(str(own.get("target", base)))
        if not device:
            yield Mistake(where, f"found `{name}`, expected a device behind the colon, such as {base}:0")
        elif row and not takes_device(row):
            yield Mistake(where, f"found the device `{device}`, expected `{base}` alone: it has no choice of devices")


def _keys(owner: Mapping[str, Any], where: Where, kind: str, known: Iterable[str]) -> Iterator[Mistake]:
    table = owner.get(str(where[-1]))
    for name in table if isinstance(table, Mapping) else ():
        yield from _unknown((*where, name), name, kind, known, at_key=True)


def _bases(data: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield what starts from something the catalog does not have."""
    for table, key, known in (
        ("models", "catalog", set(catalog.models())),
        ("targets", "target", set(catalog.targets())),
        ("precisions", "precision", set(catalog.precision_names())),
        ("scenarios", "scenario", set(catalog.scenarios())),
    ):
        for name, entry in _entries(data, table):
            yield from _unknown((table, name, key), entry.get(key), f"{table[:-1]} of the catalog", known)


def _model(where: Where, model: Mapping[str, Any], known: Known) -> Iterator[Mistake]:
    given = [key for key in SOURCES if model.get(key) is not None]
    if len(given) > 1:
        yield Mistake(where, f"found the sources {' and '.join(given)}, expected one of them", True)
    if not given and model.get("factory") is None:
        yield Mistake(where, f"found no source, expected one of {', '.join(SOURCES)}, factory", True)
    url, package = model.get("url"), model.get("package")
    if isinstance(url, str) and not re.match(r"https?://[^/]", url):
        yield Mistake((*where, "url"), "expected an address that starts with https:// (a local file is a `path`)")
    for source, needed in ((url, ("sha256",)), (package, ("file", "sha256"))):
        missing = [key for key in needed if source is not None and model.get(key) is None]
        if missing:
            kind = "url" if source is url else "package"
            yield Mistake(
                (*where, kind), f"found no {' and no '.join(missing)}, expected {' and '.join(needed)} beside it"
            )
    registry = model.get("registry", "pypi")
    if isinstance(package, str) and registry in PACKAGES and not re.fullmatch(PACKAGES[registry][0], package):
        shape = PACKAGES[registry][1]
        yield Mistake((*where, "package"), f"found `{package[:60]}`, expected {shape}, as {registry} spells it")
    yield from _keys(model, (*where, "tolerances"), "precision", known.precisions)
    yield from _bounds(where, model)
    for name, given_input in _entries(model, "inputs"):
        yield from _fill((*where, "inputs", name), given_input)
    yield from real_mistakes((*where, "real"), model)


def _bounds(where: Where, model: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield bounds on what is not measured of a model's outputs, which would hold whatever it answers."""
    row = catalog.models().get(str(model.get("catalog")))
    kind = model.get("output_kind") or (row.output_kind if row else "")
    for precision, bounds in _entries(model, "tolerances"):
        for name in sorted(bounds.keys() & KINDS.keys()):
            if bounds[name] is not None and KINDS[name] != kind:
                text = f"found `{name}`, expected it only beside `output_kind: {KINDS[name]}`: others lack it"
                yield Mistake((*where, "tolerances", precision, name), text, True)


def _fill(where: Where, given: Mapping[str, Any]) -> Iterator[Mistake]:
    fills = [key for key in FILLS if given.get(key) is not None]
    if len(fills) > 1:
        yield Mistake(where, f"found the fills {' and '.join(fills)}, expected one of them", True)
    for key in ("uniform", "integers"):
        match given.get(key):
            case [int() | float() as low, int() | float() as high] if low > high:
                yield Mistake((*where, key), f"found {low} to {high}, expected the lowest first")


def _targets(data: Mapping[str, Any]) -> Iterator[Mistake]:
    for name, target in _entries(data, "targets"):
        where = ("targets", name)
        if name == ALL:
            yield Mistake(where, "`all` stands for every target of the catalog, expected another name", True)
        base = catalog.targets().get(str(target.get("target")))
        if base and base.provider is None and target.get("session"):
            text = f"found options of an ONNX Runtime session, expected none: {base.label} is another runtime"
            yield Mistake((*where, "session"), text, True)
        found = _values(target, "requirements")
        if found and target.get("environment", "isolated") != "isolated":
            text = "found `requirements` beside an `environment` where nothing is installed, expected one of them"
            yield Mistake((*where, "requirements"), text, True)
        for place, text in found:
            try:
                Requirement(text if isinstance(text, str) else "name")
            except InvalidRequirement as error:
                reason = str(error).partition("\n")[0]
                expected = "expected a name and a version, such as onnxruntime==1.20.1"
                yield Mistake(where + place, f"found `{text[:60]}`, {expected}: {reason}")


def _scenarios(data: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield settings that mean nothing for their kind, and servers whose limit is nowhere given."""
    takes = catalog.scenario_settings()
    every = frozenset[str]().union(*takes.values())
    own = dict(_entries(data, "scenarios"))
    for name, entry in own.items():
        settings = takes.get(str(entry.get("scenario")))
        if settings is None:
            continue
        for key in sorted((entry.keys() & every) - settings):
            text = f"`{key}` means nothing here, expected what {entry['scenario']} takes: "
            yield Mistake(("scenarios", name, key), text + (", ".join(sorted(settings)) or "no settings"), True)
        yield from _fits(("scenarios", name), {key: entry[key] for key in entry.keys() & {"scenario", *settings}})
        if "limit_ms" in settings and entry.get("limit_ms") is None:
            yield Mistake(("scenarios", name), "found no `limit_ms`, expected the latency that has to be kept to", True)
    for where, axes in _sweeps(data, "matrix", "include"):
        for place, name in _values(axes, "scenario"):
            if isinstance(name, str) and name not in own and "limit_ms" in takes.get(name, ()):
                text = f"`{name}` alone has no `limit_ms`, expected one made from it: "
                yield Mistake(where + place, f"{text}`scenarios: {{busy: {{scenario: {name}, limit_ms: 20}}}}`")


def _fits(where: Where, entry: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield settings that say nothing together: sessions without a request, too few queries for a percentile."""
    base = catalog.scenarios()[entry["scenario"]]
    sessions, requests = (entry.get(key, getattr(base, key)) for key in ("sessions", "concurrency"))
    if isinstance(sessions, int) and isinstance(requests, int) and sessions > requests:
        text = f"found {sessions}, expected at most `concurrency`, which is {requests}"
        yield Mistake((*where, "sessions") if "sessions" in entry else where, text, "sessions" not in entry)
    queries, percentile = (entry.get(key, getattr(base, key)) for key in ("queries", "percentile"))
    if isinstance(queries, int) and isinstance(percentile, float) and 0.5 <= percentile < 1 and queries:
        needed = ceil(log(UNSEEN) / log(percentile))
        if queries < needed:
            text = f"found {queries}, expected {needed} or more: fewer say nothing of {percentile:g} of them"
            yield Mistake((*where, "queries") if "queries" in entry else where, text, "queries" not in entry)


def _sweep(data: Mapping[str, Any], known: Known) -> Iterator[Mistake]:
    sweeps = list(_sweeps(data, "matrix", "include"))
    if not sweeps and not any(data.get(key) for key in ("matrix", "include")):
        yield Mistake((), "the sweep is empty, expected `matrix` with a `model` and a `target`")
    matrix = data.get("matrix")
    inherited = matrix if isinstance(matrix, Mapping) else {}
    targets: set[str] = set()
    cells = 0
    for where, axes in sweeps:
        for axis in ("model", "target"):
            if axes.get(axis, inherited.get(axis)) is None:
                yield Mistake(where, f"found no `{axis}`, expected one or a list of them")
        names = [name for _, name in _values(axes, "target") or _values(inherited, "target") if isinstance(name, str)]
        targets.update(known.targets if ALL in names else names)
        counts = [len(_values(axes, axis)) for axis in ("precision", "batch", "dims", "threads", "scenario")]
        counts += [len(_values(axes, "model") or _values(inherited, "model")), len(names)]
        counts += [len(known.targets)] if ALL in names else []
        cells += prod(max(count, 1) for count in counts)
    if cells > MAX_CELLS:
        yield Mistake(("matrix",), f"found a sweep of {cells:,} cells, expected at most {MAX_CELLS:,}")
    baseline = data.get("baseline", "cpu")
    if targets and baseline in known.targets and baseline not in targets:
        text = f"`{baseline}` is not among the targets measured, expected one of them{nearest(baseline, targets)}"
        yield Mistake(("baseline",), text)
    for where, axes in _sweeps(data, "exclude"):
        if not axes:
            yield Mistake(where, "this leaves out every cell, expected at least one axis")


def _measure(data: Mapping[str, Any]) -> Iterator[Mistake]:
    measure = data.get("measure")
    if not isinstance(measure, Mapping):
        return
    bursts, rounds, most = (measure.get(key) for key in ("bursts", "rounds", "max_rounds"))
    if isinstance(bursts, int) and bursts % 2:
        yield Mistake(
            ("measure", "bursts"), f"found {bursts}, expected an even number: an order is followed by its mirror"
        )
    if isinstance(rounds, int) and isinstance(most, int) and most < rounds:
        yield Mistake(("measure", "max_rounds"), f"found {most}, expected at least `rounds`, which is {rounds}")
    if most is not None and measure.get("half_width") is None and data.get("preset") != "precise":
        text = "found no `half_width` to stop at, expected it beside `max_rounds` (or `preset: precise`)"
        yield Mistake(("measure", "max_rounds"), text, True)
