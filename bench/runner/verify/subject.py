"""What is verified: the file of MODEL, its inputs, and a size for every dimension the file leaves open."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from bench import catalog
from bench.environments import Environment
from bench.errors import UsageError
from bench.models import catalog_model
from bench.models.fetching import Fetcher
from bench.models.subject import Subject
from bench.models.variants import Workshop
from bench.suite import LoadedSuite, load_suite, load_text
from bench.suite.facts import InputFacts

BATCH = 2  # a size that no export treats as special, unlike 1
OPEN_SIZE = 16  # of a dimension that nothing tells the size of
SIZES = (1, 2, 3, 7)


@dataclass(frozen=True)
class Verified:
    """A model and the sizes it is verified at: `sizes` by dimension, `tried` all that each is tried at."""

    subject: Subject
    loaded: LoadedSuite
    sizes: dict[str, int]
    tried: dict[str, list[int]]
    guessed: list[str]

    @property
    def batch_alone(self) -> bool:
        """Whether the batch is one dimension: inputs that call it by several names have to get the same of all."""
        return len(_firsts(self.subject)) == 1

    @property
    def one_by_one(self) -> "Verified | None":
        """Return the same at batch 1; None where it is that already, or takes no other batch."""
        if not (firsts := _firsts(self.subject)) or all(self.sizes[name] == 1 for name in firsts):
            return None
        sizes = {**self.sizes, **dict.fromkeys(firsts, 1)}
        about = replace(self.subject.description, dims=sizes)
        tried = {name: list(dict.fromkeys([sizes[name], *those])) for name, those in self.tried.items()}
        return replace(self, subject=replace(self.subject, description=about), sizes=sizes, tried=tried)

    @property
    def batch(self) -> int:
        own = self.subject.batch
        return self.sizes[own] if isinstance(own, str) and own in self.sizes else own if isinstance(own, int) else 1

    def dims(self, **other: int) -> dict[str, int]:
        return {**self.sizes, **other}


def find(
    model: str, shop: Workshop, torch: Callable[[], Environment], dims: dict[str, list[int]], examples: dict[str, Any]
) -> Verified:
    """Return the model, its file fetched or exported. `examples` are what a torch factory's own inputs are like.

    Raises UsageError where there is no such model, where it takes something else than numbers, or where `dims` names a
    dimension it has not.
    """
    loaded = _suite(model)
    name = next(iter(loaded.suite.models))
    subject = Fetcher(loaded, shop, torch, ()).subject(name)
    _refuse_what_cannot_be_made(subject)
    subject = replace(subject, inputs=_named(subject.inputs))
    open_dims = {size for facts in subject.inputs.values() for size in facts.shape if isinstance(size, str)}
    if unknown := sorted(dims.keys() - open_dims):
        has = f"It has {', '.join(sorted(open_dims))}." if open_dims else "Every size of it is fixed in the file."
        raise UsageError(f"{model} has no open dimension `{unknown[0]}`.", has)
    subject = replace(subject, description=replace(subject.description, fills=_fills(subject, examples)))
    known = {**_of_examples(subject, examples), **subject.description.dims}
    known |= dict.fromkeys(_firsts(subject), BATCH)
    sizes = {each: (dims.get(each) or [known.get(each, OPEN_SIZE)])[0] for each in sorted(open_dims)}
    return Verified(
        subject=replace(subject, description=replace(subject.description, dims=sizes)),
        loaded=loaded,
        sizes=sizes,
        tried={each: dims[each] if each in dims else _around(size) for each, size in sizes.items()},
        guessed=[each for each in sizes if each not in known and each not in dims],
    )


def refuse_unknown(targets: tuple[str, ...]) -> None:
    """Raise UsageError, with the nearest names, for a target that the catalog does not have."""
    for target in targets:
        name = target.partition(":")[0]
        if name not in catalog.targets():
            near = get_close_matches(name, catalog.targets(), n=3)
            told = f"Did you mean {' or '.join(near)}?" if near else "`ortbench machine` lists them."
            raise UsageError(f"There is no target `{name}`.", told)


def suite_for(verified: Verified, targets: tuple[str, ...], seed: int) -> LoadedSuite:
    """Return the suite of one FP32 cell for each target, at the sizes that are verified."""
    own, subject = verified.loaded.suite.models[verified.subject.name], verified.subject
    entry = own.model_dump(exclude_none=True, exclude_defaults=True)
    entry["dims"] = {name: size for name, size in verified.sizes.items() if name != subject.batch}
    shapes = {name: {"shape": list(facts.shape)} for name, facts in subject.inputs.items() if facts.shape}
    entry["inputs"] = {name: entry.get("inputs", {}).get(name, {}) | shape for name, shape in shapes.items()}
    data = {
        "suite": "verify",
        "baseline": targets[0],
        "seed": seed,
        "models": {subject.name: entry},
        "matrix": {"model": subject.name, "target": list(targets), "batch": verified.batch},
    }
    return load_text(json.dumps(data, indent=1), "verify", verified.loaded.folder)


def _suite(model: str) -> LoadedSuite:
    path = Path(model)
    if path.suffix.lower() == ".onnx":
        if not path.is_file():
            beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
            near = get_close_matches(path.name, [name for name in beside if name.endswith(".onnx")], n=3)
            hint = f"Near it lies {', '.join(near)}." if near else "Give an ONNX file, or a model of the catalog."
            raise UsageError(f"There is no file {model}.", hint)
        return load_suite(path)
    if path.is_file() and model not in catalog.models():
        raise UsageError(f"{model} is not an ONNX file, to go by its name.", "Give a .onnx file, or a catalog model.")
    name = catalog_model(model).name
    text = {"suite": "verify", "models": {name: {"catalog": name}}, "matrix": {"model": name, "target": "cpu"}}
    return load_text(json.dumps(text), "verify")


def _named(inputs: dict[str, InputFacts]) -> dict[str, InputFacts]:
    """Give each dimension without a name one: its input's, with its place."""
    return {
        name: replace(
            facts, shape=tuple(f"{name}.{axis}" if size == "" else size for axis, size in enumerate(facts.shape))
        )
        for name, facts in inputs.items()
    }


def _firsts(subject: Subject) -> set[str]:
    """Return the names of open first dimensions: the batch, which some files call by one name an input."""
    if not isinstance(subject.batch, str):
        return set()
    firsts = {facts.shape[0] for facts in subject.inputs.values() if facts.shape}
    named = {name for name in firsts if isinstance(name, str)} - set(subject.description.own.dims)
    return {subject.batch} | named - set(subject.description.row.dims if subject.description.row else ())


def _of_examples(subject: Subject, examples: dict[str, Any]) -> dict[str, int]:
    """Return the sizes that a factory's example inputs give to open dimensions."""
    found: dict[str, int] = {}
    for (name, facts), example in zip(subject.inputs.items(), examples.values(), strict=False):
        shape = examples.get(name, example)["shape"]
        if len(shape) == len(facts.shape):
            found |= {size: own for size, own in zip(facts.shape, shape, strict=True) if isinstance(size, str)}
    return found


def _fills(subject: Subject, examples: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what inputs are filled with: as described, else as the whole numbers of a factory's examples are."""
    found = dict(subject.description.fills)
    for name, example in zip(subject.inputs, examples.values(), strict=False):
        if (span := examples.get(name, example)["range"]) and name not in found:
            found[name] = {"integers": span}
    return found


def _around(size: int) -> list[int]:
    """Return the sizes a dimension is tried at: its own first, small ones, its neighbours, and twice its own."""
    return list(dict.fromkeys([size, *SIZES, *([size - 1, size + 1] if size > max(SIZES) + 1 else []), 2 * size]))


def _refuse_what_cannot_be_made(subject: Subject) -> None:
    for name, facts in subject.inputs.items():
        try:
            kind = np.dtype(facts.dtype).kind
        except TypeError:
            kind = "V"
        if kind not in "fiub":
            raise UsageError(
                f"{subject.name}: its input `{name}` takes {'text' if kind in 'OUS' else facts.dtype}, and inputs are "
                "made as numbers only.",
                "Cut the part that reads it off the model, and verify the rest.",
            )
