"""Axes to cells: every combination of a suite's matrix and its includes, without its excludes, each once, in order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from bench import catalog
from bench.suite import schema
from bench.suite.cells import Cell
from bench.suite.facts import ModelFacts
from bench.suite.meaning import ALL
from bench.suite.resolve import spellings_of

Dims = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Sweep:
    """A matrix or an include, with every axis that does not depend on the model or the machine spelled out."""

    models: list[str]
    targets: list[str]
    precisions: list[str]
    batches: list[int] | None
    dims: list[dict[str, int]]
    threads: list[int] | None
    scenarios: list[str]


def sweeps_of(suite: schema.Suite) -> list[Sweep]:
    """Return the matrix and the includes. An include takes from the matrix the model and target it leaves out."""
    spellings = spellings_of(suite)
    matrix = suite.matrix or schema.Axes()
    return [
        Sweep(
            models=list(axes.model or matrix.model or []),
            targets=_targets(axes.target or matrix.target or []),
            precisions=[spellings[name] for name in axes.precision or ["fp32"]],
            batches=axes.batch,
            dims=axes.dims or [{}],
            threads=axes.threads,
            scenarios=list(axes.scenario or ["latency"]),
        )
        for axes in ([suite.matrix] if suite.matrix else []) + suite.include
    ]


def _targets(names: list[str]) -> list[str]:
    return [target for name in names for target in (catalog.targets() if name == ALL else [name])]


def expand(suite: schema.Suite, models: Mapping[str, ModelFacts], cores: int) -> list[Cell]:
    """Return every cell the suite asks for, without the baseline cells nobody listed.

    Blocks come in the order of model, batch, dims, threads, scenario; cells inside in that of precision, target.
    Axes left out are FP32, the model's fixed batch or 1, `cores` threads, the model's own dims, latency.
    """
    found: dict[str, Cell] = {}
    matches = _exclusions(suite)
    for sweep in sweeps_of(suite):
        for cell in _cells(sweep, models, cores):
            if cell.id not in found and not any(match(cell) for match in matches):
                found[cell.id] = cell
    return list(found.values())


def _cells(sweep: Sweep, models: Mapping[str, ModelFacts], cores: int) -> Iterator[Cell]:
    for model in sweep.models:
        facts = models[model]
        batches = sweep.batches or [facts.batch if isinstance(facts.batch, int) else 1]
        for batch, given, threads, scenario in product(batches, sweep.dims, sweep.threads or [cores], sweep.scenarios):
            dims = tuple(sorted((facts.dims | given).items()))
            for precision, target in product(sweep.precisions, sweep.targets):
                yield make_cell(model, precision, target, batch, dims, threads, scenario)


def make_cell(model: str, precision: str, target: str, batch: int, dims: Dims, threads: int, scenario: str) -> Cell:
    """Return a cell under its readable, stable id: `magika/fp32/cpu/b1/t2/latency`, dims behind it."""
    tail = conditions(batch, dims, threads, scenario)
    return Cell(f"{model}/{precision}/{target}/{tail}", model, precision, target, batch, dims, threads, scenario)


def conditions(batch: int, dims: Dims, threads: int, scenario: str) -> str:
    """Return the part of an id that the cells of a block share, behind the model."""
    sizes = ",".join(f"{name}={size}" for name, size in dims)
    return f"b{batch}/t{threads}/{scenario}" + (f"/{sizes}" if sizes else "")


class _Exclusion:
    """Tells whether a cell matches every axis an exclude gives."""

    def __init__(self, axes: schema.Axes, spellings: Mapping[str, str]) -> None:
        wanted = {
            "model": axes.model,
            "target": _targets(axes.target) if axes.target else None,
            "precision": [spellings[name] for name in axes.precision] if axes.precision else None,
            "batch": axes.batch,
            "threads": axes.threads,
            "scenario": axes.scenario,
        }
        self.wanted = {axis: frozenset(values) for axis, values in wanted.items() if values}
        self.dims = axes.dims

    def __call__(self, cell: Cell) -> bool:
        return all(getattr(cell, axis) in values for axis, values in self.wanted.items()) and (
            self.dims is None or any(given.items() <= dict(cell.dims).items() for given in self.dims)
        )

    def may_match(self, sweep: Sweep) -> bool:
        """Tell whether a cell of the sweep can match. What the machine or a model decides counts as a match."""
        swept = {
            "model": sweep.models,
            "target": sweep.targets,
            "precision": sweep.precisions,
            "batch": sweep.batches,
            "threads": sweep.threads,
            "scenario": sweep.scenarios,
        }
        return all(not values.isdisjoint(swept[axis] or values) for axis, values in self.wanted.items()) and (
            self.dims is None
            or any(
                given[key] == dims.get(key, given[key]) for given in self.dims for dims in sweep.dims for key in given
            )
        )


def _exclusions(suite: schema.Suite) -> list[_Exclusion]:
    spellings = spellings_of(suite)
    return [_Exclusion(axes, spellings) for axes in suite.exclude]


def idle_excludes(suite: schema.Suite) -> list[int]:
    """Return the positions of the excludes that no cell of the suite can match."""
    sweeps = sweeps_of(suite)
    return [index for index, match in enumerate(_exclusions(suite)) if not any(map(match.may_match, sweeps))]
