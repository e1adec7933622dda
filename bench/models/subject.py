"""A model as a sweep sees it: its files, its inputs, how to fill them - from the catalog, the suite and the file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import catalog
from bench.suite.facts import InputFacts, ModelFacts
from bench.suite.schema import Model as SuiteModel
from bench.suite.schema import Suite


@dataclass(frozen=True)
class Description:
    """The catalog's row and the suite's entry for one model, merged; nothing fetched yet."""

    name: str
    row: catalog.Model | None
    own: SuiteModel
    batch: str | int | None
    dims: dict[str, int]
    shapes: dict[str, list[str | int]]
    fills: dict[str, dict[str, Any]]
    tolerances: dict[str, dict[str, float]]  # by precision, over the recipe's
    factory: str | None
    stored: str
    output_kind: str
    mask_threshold: float

    @property
    def noise_tolerances(self) -> dict[str, dict[str, float]]:
        return self.row.noise_tolerances if self.row else {}

    @property
    def task(self) -> str:
        return self.row.task if self.row else ""

    @property
    def state(self) -> dict[str, str]:
        return self.row.state if self.row else {}


@dataclass(frozen=True)
class Subject:
    """A model whose files are here and whose inputs are known."""

    description: Description
    onnx: Path
    sha256: str
    bytes: int
    inputs: dict[str, InputFacts]
    outputs: list[str]
    batch: str | int | None
    source: str
    twins: dict[str, Path] = field(default_factory=dict)  # format -> the same weights in it
    checkpoint: str = ""
    factory_paths: list[str] = field(default_factory=list)
    operators: dict[str, int] = field(default_factory=dict)
    weights: int = 0  # of FP32
    subnormal: int = 0  # of these, nearer to 0 than any normal number

    @property
    def name(self) -> str:
        return self.description.name

    @property
    def batch_axes(self) -> dict[str, int]:
        """Input -> the axis along which items of a batch lie. Empty where the file takes one batch only."""
        if not isinstance(self.batch, str):
            return {}
        return {name: facts.shape.index(self.batch) for name, facts in self.inputs.items() if self.batch in facts.shape}

    def facts(self) -> ModelFacts:
        formats = {"onnx", *self.twins} | ({"torch"} if self.description.factory else set())
        return ModelFacts(
            formats=frozenset(formats),
            batch=self.batch,
            dims=self.description.dims,
            inputs=self.inputs,
            stored=self.description.stored,
            sha256=self.sha256,
        )


def describe(name: str, suite: Suite) -> Description:
    """Merge what the suite says of model `name` over the catalog's row. Pure; both names were checked before."""
    own = suite.models.get(name, SuiteModel(catalog=name))
    row = catalog.models()[own.catalog] if own.catalog else None
    fills = {key: dict(fill) for key, fill in (row.inputs if row else {}).items()}
    shapes = dict(row.shapes) if row else {}
    for key, given in own.inputs.items():
        if given.shape is not None:
            shapes[key] = list(given.shape)
        if given.fill:
            fills[key] = given.fill
    threshold = own.mask_threshold if own.mask_threshold is not None else (row.mask_threshold if row else 0.5)
    return Description(
        name=name,
        row=row,
        own=own,
        batch=own.batch if own.batch is not None else (row.batch if row else None),
        dims={**(row.dims if row else {}), **own.dims},
        shapes=shapes,
        fills=fills,
        tolerances=_tolerances(row, own),
        factory=own.factory or (row.factory if row else None),
        stored=row.stored if row else "fp32",
        output_kind=own.output_kind or (row.output_kind if row else ""),
        mask_threshold=threshold,
    )


def _tolerances(row: catalog.Model | None, own: SuiteModel) -> dict[str, dict[str, float]]:
    """Return the catalog's bounds with the suite's laid over them; precisions by the recipe's name."""
    names = catalog.precision_names()
    found = {name: dict(bounds) for name, bounds in (row.tolerances if row else {}).items()}
    for spelling, given in own.tolerances.items():
        name = names.get(spelling, spelling)
        found[name] = found.get(name, {}) | given.model_dump(exclude_none=True)
    return found


def named_inputs(inspected: dict[str, dict[str, Any]], about: Description) -> dict[str, InputFacts]:
    """Return the file's inputs with the names that catalog and suite give to the dimensions it leaves open.

    A batch dimension that nothing names is the open first dimension.
    """
    found = {}
    for name, value in inspected.items():
        shape = list(value["shape"])
        if (given := about.shapes.get(name)) and len(given) == len(shape):
            shape = [
                theirs if isinstance(theirs, int) and theirs > 0 else ours
                for theirs, ours in zip(shape, given, strict=True)
            ]
        elif shape and isinstance(shape[0], str) and (shape[0] == "" or isinstance(about.batch, str)):
            shape[0] = about.batch if isinstance(about.batch, str) else "batch"
        given_dtype = about.own.inputs[name].dtype if name in about.own.inputs else None
        found[name] = InputFacts(tuple(shape), given_dtype or value["dtype"])
    return found


def batch_of(inputs: dict[str, InputFacts], about: Description) -> str | int | None:
    """Return the batch dimension's name, the only batch the file takes, or None where no input has a dimension."""
    if about.batch is not None:
        return about.batch
    firsts = [facts.shape[0] for facts in inputs.values() if facts.shape]
    symbolic = [first for first in firsts if isinstance(first, str)]
    return symbolic[0] if symbolic else (firsts[0] if firsts else None)
