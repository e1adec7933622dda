"""A suite and the facts at hand, made into a plan. Pure: nothing is fetched, started or read here."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from itertools import pairwise
from math import ceil
from pathlib import Path

from packaging.requirements import Requirement

from bench import catalog
from bench.catalog import Precision, Scenario, Target
from bench.errors import SuiteError, UsageError
from bench.suite import schema
from bench.suite.cells import Block, Cell, Plan, Skip
from bench.suite.duel import Side, pairs_of, sides_of
from bench.suite.expand import conditions, expand, make_cell
from bench.suite.facts import Facts, ModelFacts
from bench.suite.load import LoadedSuite
from bench.suite.protocol import estimate_s, protocol_of
from bench.suite.resolve import catalog_facts, precisions_of, scenarios_of, targets_of
from bench.suite.skips import boundary_skip, format_skip, precision_skip, shape_skip, target_skip, tool_skip, unknown_of

BASELINE_PRECISION = "fp32"
GROUP_SIZE = 8


def plan(loaded: LoadedSuite, facts: Facts) -> Plan:
    """Return the suite's cells, those that cannot run here with their reasons, and the blocks to measure.

    `facts.models` comes before what the catalog and the suite tell of a model. The FP32 cell of the baseline target
    is part of every block that measures anything, listed or not. Raises SuiteError where no cell is left.
    """
    suite = loaded.suite
    judge = _Judge(suite, replace(facts, models={**catalog_facts(suite), **facts.models}))
    judged, blocks = (_paired if suite.duel else _swept)(loaded, judge)
    used = {cell.target for cell in judged} | {suite.baseline}
    spoken = {cell.precision for cell in judged} | {BASELINE_PRECISION}
    offered = {cell.scenario for cell in judged}
    made = Plan(
        suite=suite.suite,
        baseline=suite.baseline,
        seed=suite.seed,
        protocol=protocol_of(suite),
        cells=tuple(judged),
        blocks=tuple(blocks),
        targets={name: target for name, target in judge.targets.items() if name in used},
        precisions={name: precision for name, precision in judge.precisions.items() if name in spoken},
        scenarios={name: scenario for name, scenario in scenarios_of(suite).items() if name in offered},
        duel=suite.duel.model_dump() if suite.duel else {},
        environments=_environments(judged, judge),
    )
    return replace(made, estimate_s=estimate_s(made, facts.built))


def _swept(loaded: LoadedSuite, judge: "_Judge") -> tuple[list[Cell], list[Block]]:
    """Return the cells of a sweep, and the blocks of those that can run."""
    cells = expand(loaded.suite, judge.models, judge.cores)
    if not cells:
        raise SuiteError([f"{loaded.name}: exclude: every cell is left out"], "Leave out fewer, or widen `matrix`.")
    judged: list[Cell] = []
    blocks: list[Block] = []
    for members in _by_block(cells):
        members, block = _block([judge(cell) for cell in members], loaded.suite.baseline, judge)
        judged += members
        blocks += [block] if block else []
    return judged, blocks


def _paired(loaded: LoadedSuite, judge: "_Judge") -> tuple[list[Cell], list[Block]]:
    """Return the cells of a duel, side a and side b of each in turn, and a block for each pair that can run."""
    sides = sides_of(loaded.suite, loaded.folder)
    for side in sides:
        judge.add(side)
    pairs = pairs_of(sides, judge.models, judge.cores)
    if not pairs:
        raise UsageError(
            f"{loaded.name}: the duel of `{sides[0].words}` against `{sides[1].words}` concerns no cell of the suite.",
            "A package concerns the targets whose environment holds it; `ortbench plan` shows the suite's cells.",
        )
    judged: list[Cell] = []
    blocks: list[Block] = []
    for pair in pairs:
        a, b = (judge(_on_side(cell, side)) for cell, side in zip(pair, sides, strict=True))
        a, b = _with_partner(a, b), _with_partner(b, a)
        judged += [a, b]
        if not a.skip:
            blocks.append(
                Block(_pair_id(*pair), a.model, a.batch, a.dims, a.threads, a.scenario, a.id, groups=((a, b),))
            )
    return judged, blocks


def _with_partner(cell: Cell, partner: Cell) -> Cell:
    """A pair is measured together or not at all."""
    if cell.skip or not partner.skip:
        return cell
    return replace(cell, skip=replace(partner.skip, reason=f"side {partner.side} cannot run: {partner.skip.reason}"))


def _on_side(cell: Cell, side: Side) -> Cell:
    own = make_cell(
        cell.model, cell.precision, side.named(cell.target), cell.batch, cell.dims, cell.threads, cell.scenario
    )
    return replace(own, side=side.name)


def _pair_id(a: Cell, b: Cell) -> str:
    """Return what a pair is called: a cell's id without its side, with both values where the sides differ."""
    shared = [f"{x}~{y}" if x != y else str(x) for x, y in zip(_parts(a), _parts(b), strict=True)]
    return "/".join(shared)


def _parts(cell: Cell) -> list[str]:
    model, where = cell.model.partition("@")[0], conditions(cell.batch, cell.dims, cell.threads, cell.scenario)
    return [model, cell.precision, cell.target, *where.split("/")]


class _Judge:
    """Gives a cell its skip and its unknowns; what is the same for many cells is found out once."""

    def __init__(self, suite: schema.Suite, facts: Facts) -> None:
        self.models: dict[str, ModelFacts] = dict(facts.models)
        self.facts = facts
        self.cores = facts.cores
        self.targets: dict[str, Target] = targets_of(suite)
        self.precisions: dict[str, Precision] = precisions_of(suite)
        self.scenarios: dict[str, Scenario] = scenarios_of(suite)
        self.absent = {name: target_skip(target, facts) for name, target in self.targets.items()}
        self.variants: dict[tuple[str, str, str], Skip | None] = {}

    def add(self, side: Side) -> None:
        """Take in a duel's side: its targets under their names there, and the models only it has."""
        self.models = {**catalog_facts(side.suite), **self.models}
        for found in list(targets_of(side.suite).values()):
            if target := side.target(found):
                self.targets[target.name] = target
                self.absent[target.name] = target_skip(target, self.facts)

    def __call__(self, cell: Cell) -> Cell:
        facts = self.models[cell.model]
        target, scenario = self.targets[cell.target], self.scenarios[cell.scenario]
        way = tool_skip(cell, target, scenario) or boundary_skip(target, scenario)
        skip = self.absent[cell.target] or way or self.variant(cell, facts) or shape_skip(cell, facts)
        return replace(cell, skip=skip, unknown="" if skip else unknown_of(cell, facts))

    def variant(self, cell: Cell, facts: ModelFacts) -> Skip | None:
        key = (cell.model, cell.precision, cell.target)
        if key not in self.variants:
            target = self.targets[cell.target]
            self.variants[key] = format_skip(cell.model, facts, target) or precision_skip(
                cell.model, facts, self.precisions[cell.precision], target
            )
        return self.variants[key]


def _by_block(cells: Iterable[Cell]) -> Iterable[list[Cell]]:
    found: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        found.setdefault((cell.model, cell.batch, cell.dims, cell.threads, cell.scenario), []).append(cell)
    return found.values()


def _block(cells: list[Cell], baseline: str, judge: _Judge) -> tuple[list[Cell], Block | None]:
    """Return a block's cells, the baseline's among them, and the block, or None where nothing of it can run."""
    if all(cell.skip for cell in cells):
        return cells, None
    one = cells[0]
    shared = (one.batch, one.dims, one.threads, one.scenario)
    first = judge(make_cell(one.model, BASELINE_PRECISION, baseline, *shared))
    if all(cell.id != first.id for cell in cells):
        cells = [first, *cells]
    targets = list(dict.fromkeys([baseline, *(cell.target for cell in cells)]))
    others = [cell for cell in cells if not cell.skip and cell.id != first.id]
    others.sort(key=lambda cell: targets.index(cell.target))
    head = () if first.skip else (first,)
    block = Block(
        id=f"{one.model}/{conditions(*shared)}",
        model=one.model,
        batch=one.batch,
        dims=one.dims,
        threads=one.threads,
        scenario=one.scenario,
        baseline=None if first.skip else first.id,
        groups=tuple((*head, *part) for part in _spread(others, GROUP_SIZE - len(head))) or (head,),
    )
    return cells, block


def _spread(cells: list[Cell], most: int) -> list[list[Cell]]:
    """Split cells in order into the fewest parts of at most `most` and of about one size.

    Variants have FP32 on their own target beside them, again where it is in another part already: what fewer bits
    bring is measured directly, not through the baseline.
    """
    whole = {cell.target: cell for cell in cells if cell.precision == BASELINE_PRECISION}
    for parts in range(ceil(len(cells) / most), len(cells) + 1):
        bounds = [len(cells) * part // parts for part in range(parts + 1)] if parts else []
        found = [_with_fp32(cells[start:end], whole) for start, end in pairwise(bounds)]
        if all(len(part) <= most for part in found):
            return found
    return []


def _with_fp32(part: list[Cell], whole: Mapping[str, Cell]) -> list[Cell]:
    wanted = dict.fromkeys(whole[cell.target] for cell in part if cell.target in whole)
    return [*(cell for cell in wanted if cell not in part), *part]


def in_environment_of(recipe: Precision, target: Target) -> Target:
    """Return the target as a cell of `recipe` runs it: in its own environment, but for what it quantises at loading.

    What quantises is not beside the rest: transformers imports torchao wherever it is, FP32 or not.
    """
    if recipe.at_load and target.environment == "isolated":
        return replace(target, runtime=recipe.environment)
    return target


def environment_label(target: Target) -> str:
    """Return how the environment a target runs in is called: one for each runtime and set of requirements."""
    if target.environment != "isolated":
        return Path(target.environment).name
    runtime = catalog.runtimes().get(target.runtime)  # that of a stored run may be gone
    pinned = runtime.requirements if runtime else []
    own = sorted({text for each in target.requirements if (text := str(Requirement(each))) not in pinned})
    return f"{target.runtime} ({', '.join(own)})" if own else target.runtime


def _environments(cells: list[Cell], judge: _Judge) -> dict[str, tuple[str, ...]]:
    """Return each environment's label with the targets it serves; those that only prepare serve none."""
    found: dict[str, dict[str, None]] = {"tools": {}}
    for cell in cells:
        if cell.skip:
            continue
        target, recipe = judge.targets[cell.target], judge.precisions[cell.precision]
        found.setdefault(environment_label(in_environment_of(recipe, target)), {})[cell.target] = None
        if recipe.native and not recipe.at_load:
            found.setdefault(recipe.environment, {})  # makes the variant
        if "torch" in judge.models[cell.model].formats:
            found.setdefault("torch", {})  # exports the factory's module to ONNX
    return {label: tuple(names) for label, names in found.items()}


def plan_hash(plan: Plan, inputs: Mapping[str, object]) -> str:
    """Return the SHA-256 of everything that decides a run's results, as 64 hexadecimal digits.

    `inputs` is what the plan itself cannot know - hashes of models and their inputs, freezes of environments - as
    values JSON can hold. The wording of reasons and the estimate are left out; runs resume by this hash.
    """
    decisive = {
        "baseline": plan.baseline,
        "seed": plan.seed,
        "protocol": asdict(plan.protocol),
        "cells": {cell.id: cell.skip.status if cell.skip else "measured" for cell in plan.cells},
        "groups": [[cell.id for cell in group] for block in plan.blocks for group in block.groups],
        "targets": {name: asdict(target) for name, target in plan.targets.items()},
        "precisions": {name: asdict(precision) for name, precision in plan.precisions.items()},
        "scenarios": {name: asdict(scenario) for name, scenario in plan.scenarios.items()},
        "duel": plan.duel,
        "inputs": dict(inputs),
    }
    text = json.dumps(decisive, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
