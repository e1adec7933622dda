"""A duel's two sides: the suite with one thing changed, read from the words of `--a` and `--b`."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from bench import catalog
from bench.catalog import Target
from bench.errors import UsageError
from bench.suite import schema
from bench.suite.cells import Cell
from bench.suite.expand import expand, sweeps_of
from bench.suite.facts import ModelFacts
from bench.suite.near import nearest
from bench.suite.resolve import spellings_of, targets_of

AS_IS = "as-is"
SIDES = ("a", "b")
AXES = ("model", "target", "precision", "threads")
INHERITED = ("model", "target")  # from the matrix, by an include that does not name them
SETTINGS = ("options", "session", "environment", "device")
MOST_THREADS = 1024
FORMS = (
    "as-is, a package (onnxruntime==1.31.0), the name of a target, precision or model, an ONNX file, threads=N, "
    "options.KEY=VALUE, session.KEY=VALUE, environment=WHERE or device=NAME"
)


@dataclass(frozen=True)
class Side:
    """`suite` is what this side measures; `change` turns its targets into those that are measured."""

    name: str  # a or b
    factor: str  # what the sides differ in: package, file, one of AXES or SETTINGS; "" where nothing is changed
    words: str  # as the user wrote it
    suite: schema.Suite
    change: Callable[[Target], Target | None]  # None: the change means nothing for this target

    def named(self, name: str) -> str:
        """What a target is called on this side: unlike any name a suite can give."""
        return f"{name}@{self.name}"

    def target(self, found: Target) -> Target | None:
        """Return a target as this side measures it, under its own name and label; None where the side has none."""
        changed = self.change(found)
        if changed is None:
            return None
        told = Path(self.words).name if self.factor in ("file", "environment") else self.words
        return replace(changed, name=self.named(found.name), label=f"{found.label}, {self.name.upper()}: {told}")


def sides_of(suite: schema.Suite, folder: Path) -> tuple[Side, Side]:
    """Return side a and side b of a suite's duel; paths are relative to `folder`, the suite's.

    Raises UsageError where a side cannot be read, or where the two do not differ in one and the same thing.
    """
    assert suite.duel is not None
    a, b = (_side(name, getattr(suite.duel, name), suite, folder) for name in SIDES)
    factors = {side.factor for side in (a, b) if side.factor}
    if len(factors) > 1:
        raise UsageError(
            f"A duel differs in one thing: side a changes the {a.factor}, side b the {b.factor}.",
            "Name the same kind of thing on both sides, or leave side a as it is.",
        )
    for side in (a, b):
        if not side.factor and factors & set(AXES):
            _single(suite, next(iter(factors)))
    return a, b


def pairs_of(sides: tuple[Side, Side], models: Mapping[str, ModelFacts], cores: int) -> list[tuple[Cell, Cell]]:
    """Return the suite's cells as side a and side b have them; two are a pair where all but the factor is the same."""
    factor = sides[0].factor or sides[1].factor
    left_out = {"file": "model"}.get(factor, factor)
    shared = [
        axis for axis in ("model", "precision", "target", "batch", "dims", "threads", "scenario") if axis != left_out
    ]
    unconcerned = set(unconcerned_targets(sides))
    found: list[dict[tuple[Any, ...], Cell]] = [
        {tuple(getattr(cell, axis) for axis in shared): cell for cell in expand(side.suite, models, cores)}
        for side in sides
    ]
    return [
        (cell, found[1][key]) for key, cell in found[0].items() if key in found[1] and cell.target not in unconcerned
    ]


def unconcerned_targets(sides: tuple[Side, Side]) -> list[str]:
    """Return the targets of the suite that a side's change means nothing for: a package they do not hold."""
    known = targets_of(sides[0].suite)
    swept = dict.fromkeys(name for side in sides for sweep in sweeps_of(side.suite) for name in sweep.targets)
    return [name for name in swept if not all(side.target(known[name]) for side in sides)]


def _single(suite: schema.Suite, axis: str) -> None:
    """Raise UsageError where a side that is as it is has several values of the axis that the other side names."""
    kind, attribute, prefix = ("number of threads", axis, "threads=") if axis == "threads" else (axis, f"{axis}s", "")
    values = {str(value) for sweep in sweeps_of(suite) for value in getattr(sweep, attribute) or ["the default"]}
    if len(values) > 1:
        raise UsageError(
            f"One side names a {kind}, and the suite has {len(values)} of them: {', '.join(sorted(values))}.",
            f"Name one on the other side too, such as `--a {prefix}{min(values)}`, or narrow the suite's matrix.",
        )


def from_here(words: str, folder: Path) -> str:
    """Return a side's words with the path in them, if there is one, relative to `folder` instead of to where we are."""
    key, equals, value = words.partition("=")
    if key == "environment" and value and value not in ("current", "isolated"):
        return f"{key}={_relative(Path(value).expanduser(), folder)}"
    if words.lower().endswith(".onnx") and not (equals and _is_setting(key)):
        return _relative(Path(words), folder)
    return words


def _relative(path: Path, folder: Path) -> str:
    """Return a path relative to a folder, so that it leads there whatever links there are on the way."""
    return os.path.relpath(path.parent.resolve() / path.name, folder.resolve())


def _side(name: str, words: str, suite: schema.Suite, folder: Path) -> Side:
    factor, value = _read(words, suite)

    def made(suite: schema.Suite = suite, change: Callable[[Target], Target | None] = lambda found: found) -> Side:
        return Side(name, factor, words, suite, change)

    if factor in AXES:
        return made(_with_axis(suite, factor, int(value) if factor == "threads" else value))
    if factor == "file":
        return made(_with_file(suite, name, value, folder), _if_it_reads_onnx)
    if factor == "package":
        return made(change=lambda found: _with_package(found, Requirement(value)))
    if factor == "environment" and value not in ("current", "isolated"):
        value = str((folder / Path(value).expanduser()).resolve())
    if factor in SETTINGS:
        return made(change=lambda found: _with_setting(found, factor, value))
    return made()


def _read(words: str, suite: schema.Suite) -> tuple[str, str]:
    """Return what a side changes, and to what."""
    key, equals, value = words.partition("=")
    if words == AS_IS:
        return "", ""
    if equals and not value.startswith("=") and _is_setting(key):
        return _read_setting(words, key, value, suite)
    if words.lower().endswith(".onnx"):
        return "file", words
    for factor in AXES[:3]:
        if words in _names(suite, factor):
            return factor, _known(suite, factor, words)
    try:
        requirement = Requirement(words)
    except InvalidRequirement:
        requirement = None
    if requirement and (requirement.specifier or requirement.url):
        return "package", words
    known = [name for factor in AXES[:3] for name in _names(suite, factor)]
    raise UsageError(f"`{words}` is no side of a duel{nearest(words, known)}.", f"A side is {FORMS}.")


def _is_setting(key: str) -> bool:
    factor, dot, _ = key.partition(".")
    return factor in ("options", "session") or (not dot and factor in (*AXES, *SETTINGS))


def _read_setting(words: str, key: str, value: str, suite: schema.Suite) -> tuple[str, str]:
    factor, _, option = key.partition(".")
    if factor in ("options", "session"):
        if not option:
            raise UsageError(f"`{words}` does not say which option.", f"Write {factor}.KEY=VALUE.")
        return factor, f"{option}={value}"
    if factor == "threads" and not (value.isdecimal() and 1 <= int(value) <= MOST_THREADS):
        raise UsageError(
            f"`{words}` is no number of threads.", f"Write threads=2, say; {MOST_THREADS:,} is the most there can be."
        )
    if not value:
        raise UsageError(f"`{words}` does not say which {factor}.", f"A side is {FORMS}.")
    return factor, _known(suite, factor, value) if factor in AXES[:3] else value


def _names(suite: schema.Suite, axis: str) -> Mapping[str, str]:
    if axis == "precision":
        return spellings_of(suite)
    known = [*targets_of(suite)] if axis == "target" else [*catalog.models(), *suite.models]
    return {name: name for name in known}


def _known(suite: schema.Suite, axis: str, name: str) -> str:
    names = _names(suite, axis)
    if name not in names:
        raise UsageError(f"There is no {axis} `{name}`{nearest(name, names)}.", f"A side is {FORMS}.")
    return names[name]


def _with_axis(suite: schema.Suite, axis: str, value: str | int) -> schema.Suite:
    """Return the suite with one value on an axis, in its matrix and wherever an include does not take the matrix's."""
    matrix = suite.matrix and suite.matrix.model_copy(update={axis: [value]})
    include = [
        axes if axis in INHERITED and getattr(axes, axis) is None else axes.model_copy(update={axis: [value]})
        for axes in suite.include
    ]
    return suite.model_copy(update={"matrix": matrix, "include": include})


def _with_file(suite: schema.Suite, side: str, path: str, folder: Path) -> schema.Suite:
    """Return the suite with another file for its only model, fed as that one is."""
    models = list(dict.fromkeys(name for sweep in sweeps_of(suite) for name in sweep.models))
    if len(models) != 1:
        raise UsageError(
            f"A duel of model files takes a suite of one model; this one has {', '.join(models)}.",
            "Narrow its matrix to the model the files are of.",
        )
    if not (folder / path).is_file():
        raise UsageError(f"There is no file {folder / path}.", "Name an ONNX file for this side of the duel.")
    name = f"{models[0]}@{side}"
    own = suite.models.get(models[0], schema.Model(catalog=models[0]))
    changed = own.model_copy(update={"path": path, "sha256": None, "url": None, "package": None, "factory": None})
    renamed = _with_axis(suite, "model", name)
    exclude = [
        axes.model_copy(update={"model": [name if each == models[0] else each for each in axes.model]})
        if axes.model
        else axes
        for axes in suite.exclude
    ]
    return renamed.model_copy(update={"models": {**suite.models, name: changed}, "exclude": exclude})


def _if_it_reads_onnx(found: Target) -> Target | None:
    return found if "onnx" in catalog.runtimes()[found.runtime].formats else None


def _with_package(found: Target, wanted: Requirement) -> Target | None:
    name = canonicalize_name(wanted.name)
    runtime = catalog.runtimes()[found.runtime]
    held = [Requirement(text) for text in (*runtime.requirements, *found.requirements)]
    same = [each for each in held if canonicalize_name(each.name) == name]
    if not same or found.environment != "isolated":
        return None
    wanted.extras = wanted.extras or same[-1].extras  # another version of onnxruntime-gpu[cuda] brings CUDA too
    others = [text for text in found.requirements if canonicalize_name(Requirement(text).name) != name]
    return replace(found, requirements=[*others, str(wanted)])


def _with_setting(found: Target, factor: str, value: str) -> Target:
    changes: dict[str, Any] = {factor: value}
    if factor in ("options", "session"):
        key, _, setting = value.partition("=")
        changes = {factor: {**getattr(found, factor), key: setting}}
    if factor == "environment" and value != "isolated":
        changes["requirements"] = []  # what is there is what is measured: nothing is installed
    return replace(found, **changes)
