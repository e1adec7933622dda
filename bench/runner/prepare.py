"""Everything before the first timed inference: environments, models, probes, variants, references - then lanes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from bench import catalog
from bench.catalog import Target
from bench.contract.status import Failure, Status
from bench.contract.words import subnormal_in_words
from bench.environments import Environment, EnvironmentSpec, cache_root, ensure, spec_for, spec_of, tools_spec
from bench.environments.machine import devices, platform_name, usable_cores
from bench.errors import BenchError, EnvironmentFailed
from bench.models.fetching import Fetcher
from bench.models.subject import Subject
from bench.models.variants import Variant, Workshop
from bench.process import worker_folder
from bench.runner.events import Note, Preparing, Watch
from bench.runner.feed import Feeder
from bench.runner.forms import Forms
from bench.runner.lanes import Group, LaneMaker
from bench.runner.probe import Probes
from bench.suite import LoadedSuite, catalog_facts, plan
from bench.suite.cells import Block, Cell, Plan, Skip
from bench.suite.facts import Facts, ModelFacts
from bench.suite.planner import in_environment_of


@dataclass
class Prepared:
    """What the rounds need, and what the run's metadata says of it."""

    plan: Plan
    groups: list[Group]
    never: list[dict[str, Any]]  # rows of the cells that will not be started
    folder: Path
    environments: dict[str, Environment]  # by target
    subjects: dict[str, Subject]
    variants: dict[tuple[str, str], Variant]
    makers: dict[str, Environment] = field(default_factory=dict)  # of runtimes' own recipes, by label
    seconds: dict[str, float] = field(default_factory=dict)


class Preparation:
    """One pass through prepare. Each step tells `watch` what it does; what fails takes only its own cells with it."""

    def __init__(self, loaded: LoadedSuite, scratch: Path, watch: Watch, references: bool = True) -> None:
        self.loaded = loaded
        self.references = references
        self.scratch = scratch
        self.watch = watch
        self.cache = cache_root()
        self.folder = worker_folder(self.cache)
        self.seconds: dict[str, float] = {"environments": 0.0, "download": 0.0}
        self.environments: dict[str, Environment] = {}
        # By target; where it could not be built, why: the models that the target reads as they are still run.
        self.translators: dict[str, Environment | str] = {}
        self.makers: dict[tuple[str, str], Environment | str] = {}  # of runtimes' own recipes, by target and precision
        self.unavailable: dict[str, str] = {}
        self.failed_models: dict[str, str] = {}
        self.subjects: dict[str, Subject] = {}
        self.done = 0
        self.total = 0

    def run(self) -> Prepared:
        """Raises EnvironmentFailed where the tools' environment cannot be had: nothing could be verified without it."""
        facts = Facts(platform_name(), usable_cores(), devices(), catalog_facts(self.loaded.suite))
        first = plan(self.loaded, facts)
        wanted = [cell for cell in first.cells if cell.skip is None]
        targets = {cell.target: first.targets[cell.target] for cell in wanted}
        models = list(dict.fromkeys(cell.model for cell in wanted))
        self.total = 1 + len(targets) * 2 + len(models) + len({(c.model, c.precision) for c in wanted})
        shop = Workshop(self._tools(), self.folder, dict(self.loaded.suite.limits_s))
        self._build(targets)
        self._build_translators(wanted, targets, facts.models)
        self._build_makers(wanted, first)
        self._probe(targets)
        self._fetch(shop, models, {form for target in targets.values() for form in target.formats})
        known = replace(
            facts,
            models={**facts.models, **{name: subject.facts() for name, subject in self.subjects.items()}},
            unavailable=self.unavailable,
        )
        resolved = self._without_failed_models(plan(self.loaded, known))
        feeder = Feeder(shop, resolved.seed, self.scratch, self.loaded.folder, self._say, self._warn)
        forms = Forms(resolved, shop, self.translators, self.makers, feeder, self._say, self._warn)
        maker = LaneMaker(
            plan=resolved,
            shop=shop,
            environments=self.environments,
            feeder=feeder,
            forms=forms,
            subjects=self.subjects,
            scratch=self.scratch,
            step=self._say,
            note=self._warn,
            references=self.references,
        )
        groups, never = maker.make()
        return Prepared(
            plan=resolved,
            groups=groups,
            never=never,
            folder=self.folder,
            environments=self.environments,
            subjects=self.subjects,
            variants=forms.variants,
            makers={each.label: each for each in self.makers.values() if isinstance(each, Environment)},
            seconds=self.seconds,
        )

    def _say(self, what: str) -> None:
        self.watch(Preparing(what, self.done, max(self.total, self.done + 1)))
        self.done += 1

    def _warn(self, text: str) -> None:
        self.watch(Note(text, "warning"))

    def _tools(self) -> Environment:
        self._say("environment for the tools")
        return self._ensure(tools_spec())

    def _ensure(self, spec: EnvironmentSpec) -> Environment:
        start = perf_counter()
        try:
            return ensure(spec, lambda line: self.watch(Preparing(line, self.done, self.total)))
        finally:
            self.seconds["environments"] += perf_counter() - start

    def _build(self, targets: dict[str, Target]) -> None:
        """Build the environment of every target. Those that share one share its outcome."""
        for name, target in targets.items():
            spec = spec_for(target)
            self._say(f"environment {spec.label}")
            try:
                self.environments[name] = self._ensure(spec)
            except EnvironmentFailed as error:
                self._lose(name, f"its environment could not be built: {error.message}")

    def _build_translators(
        self, cells: Iterable[Cell], targets: dict[str, Target], models: Mapping[str, ModelFacts]
    ) -> None:
        """Build what makes a runtime's own form of a model, for the targets that have a model to translate."""
        wanted = {
            cell.target for cell in cells if not models[cell.model].formats.intersection(targets[cell.target].formats)
        }
        for name in wanted & self.environments.keys():
            translator = targets[name].translator
            try:
                own = self._ensure(spec_of(translator)) if translator else self.environments[name]
            except EnvironmentFailed as error:
                why = f"the environment that translates models for {name} could not be built: {error.message}"
                self.translators[name] = why
                self.watch(Note(why, "warning"))
            else:
                self.translators[name] = own

    def _build_makers(self, cells: Iterable[Cell], first: Plan) -> None:
        """Build what quantises by a runtime's own recipe: its maker's tool, or the runtime with its quantiser in it."""
        wanted = {(cell.target, cell.precision) for cell in cells if first.precisions[cell.precision].native}
        for name, precision in sorted(wanted):
            recipe, target = first.precisions[precision], first.targets[name]
            spec = spec_for(in_environment_of(recipe, target)) if recipe.at_load else spec_of(recipe.environment)
            self._say(f"environment {spec.label}")
            try:
                self.makers[name, precision] = self._ensure(spec)
            except EnvironmentFailed as error:
                why = f"the environment that makes {recipe.label} could not be built: {error.message}"
                self.makers[name, precision] = why
                self.watch(Note(why, "warning"))

    def _probe(self, targets: dict[str, Target]) -> None:
        """Import each runtime once and ask what it offers: a provider that is not there is planned as skipped."""
        probes = Probes(self.folder, self.scratch, dict(self.loaded.suite.limits_s))
        for name, target in targets.items():
            self._say(f"probe {target.label}")
            if name in self.environments and (why := probes.missing(target, self.environments[name])):
                self._lose(name, why)
            elif name in self.environments:
                for doubt in probes.doubts(target, self.environments[name]):
                    self.watch(Note(f"{name}: {doubt}", "warning"))

    def _lose(self, target: str, reason: str) -> None:
        self.unavailable[target] = reason
        self.watch(Note(f"{target}: {reason}", "warning"))

    def _fetch(self, shop: Workshop, models: Iterable[str], formats: set[str]) -> None:
        fetcher = Fetcher(self.loaded, shop, self._torch, formats)
        for name in models:
            self._say(f"model {name}")
            try:
                subject = self.subjects[name] = fetcher.subject(name)
                if subject.subnormal:
                    self._warn(f"{name}: {subnormal_in_words(subject.subnormal, subject.weights)}.")
            except BenchError as error:
                self.failed_models[name] = f"{error.message} {error.hint}".strip()
                self.watch(Note(f"{name}: {self.failed_models[name]}", "warning"))
            except Failure as failure:
                self.failed_models[name] = failure.reason
                self.watch(Note(f"{name}: {failure.reason}", "warning"))
        self.seconds["download"] = fetcher.download_s

    def _torch(self) -> Environment:
        """Return torch's environment, for models that are exported from it; built only where one is."""
        return self._ensure(spec_for(catalog.targets()["torch"]))

    def _without_failed_models(self, resolved: Plan) -> Plan:
        """Turn the cells of models that could not be had into failures, and leave their blocks out.

        In a duel of models that is the whole pair, whichever side's model it is.
        """
        failed = self.failed_models
        pairs = [group for block in resolved.blocks if resolved.duel for group in block.groups]
        reasons = {
            cell.id: f"side {other.side} cannot run: {failed[other.model]}"
            for a, b in pairs
            for cell, other in ((a, b), (b, a))
            if other.model in failed
        } | {cell.id: failed[cell.model] for cell in resolved.cells if cell.model in failed}

        def marked(cell: Cell) -> Cell:
            if cell.id not in reasons or cell.skip is not None:
                return cell
            return replace(cell, skip=Skip(Status.ERROR, reasons[cell.id]))

        def whole(block: Block) -> bool:
            return not any(cell.id in reasons for group in block.groups for cell in group)

        return replace(resolved, cells=tuple(map(marked, resolved.cells)), blocks=tuple(filter(whole, resolved.blocks)))
