"""Turn the cells of a resolved plan into lanes: inputs, reference, variants, compile caches."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from bench import catalog
from bench.catalog import Precision, Scenario, Target
from bench.contract.job import Workload
from bench.contract.status import Failure, Status
from bench.environments import Environment, cache_root
from bench.environments.machine import on_this_machine
from bench.environments.machine.gpu import gpus
from bench.errors import BenchError
from bench.models.cache import sha256_of
from bench.models.inputs import shapes_of
from bench.models.subject import Subject
from bench.models.variants import Variant, Workshop, convert, fixed, key_of, reference, translate
from bench.process import Worker
from bench.runner.feed import Feeder, Inputs
from bench.runner.lane import Lane, Row
from bench.runner.scenarios import cold_start
from bench.suite.cells import Block, Cell, Plan
from bench.suite.expand import conditions


@dataclass(frozen=True)
class Group:
    """At most 8 lanes of a block that are measured side by side, the baseline first where it can be measured."""

    block: Block
    number: int
    lanes: list[Lane]


@dataclass(frozen=True)
class Fed:
    """What all lanes of a block share: the input sets and the reference outputs, None where there are none to trust."""

    inputs: Inputs
    references: list[dict[str, Path]] | None


@dataclass
class LaneMaker:
    plan: Plan
    shop: Workshop
    environments: Mapping[str, Environment]
    translators: Mapping[str, Environment | str]  # by target, for those that run a form of their own; or why not
    makers: Mapping[tuple[str, str], Environment | str]  # by target and precision, of runtimes' own recipes; or why not
    subjects: Mapping[str, Subject]
    scratch: Path
    base: Path
    step: Callable[[str], None]
    note: Callable[[str], None]
    references: bool = True  # whether anybody reads them

    def make(self) -> tuple[list[Group], list[Row]]:
        """Return the groups to measure and a row, with its reason, for each cell that will not be started."""
        self.variants: dict[tuple[str, str], Variant] = {}
        self.feeder = Feeder(self.shop, self.plan.seed, self.scratch, self.base, self.step, self.note)
        self.calibrations: dict[tuple[str, str], Inputs] = {}  # of the variant made last, by model and precision
        self.filled: dict[str, int] = {}  # cell -> ns it took to fill its compile cache
        self.blocks = {cell.id: block.id for block in self.plan.blocks for group in block.groups for cell in group}
        never = {
            cell.id: self._never(cell, cell.skip.status, cell.skip.reason) for cell in self.plan.cells if cell.skip
        }
        groups = []
        for block in self.plan.blocks:
            members = [cell for group in block.groups for cell in group]
            try:
                fed = self._feed(block)
            except BenchError as error:
                never |= {cell.id: self._never(cell, Status.ERROR, error.message) for cell in members}
                self.note(f"{error.message} {error.hint}".strip())
                continue
            for number, cells in enumerate(block.groups):
                lanes = []
                for cell in cells:
                    try:
                        lanes.append(self._lane(number, cell, fed))
                    except Failure as failure:
                        never[cell.id] = self._never(cell, failure.status, failure.reason)
                if self.plan.duel and len(lanes) < len(cells):  # a pair is measured together or not at all
                    why = next(never[cell.id] for cell in cells if cell.id in never)
                    for lane in lanes:
                        reason = f"side {why['side']} cannot run: {why['reason']}"
                        never[lane.cell.id] = self._never(lane.cell, why["status"], reason)
                elif lanes:
                    groups.append(Group(block, number, lanes))
        return groups, list(never.values())

    def _feed(self, block: Block) -> Fed:
        subject = self.subjects[block.model]
        inputs = self.feeder.verified(subject, block)
        row = subject.description.row
        if not self.references or (row and row.constant_output):
            return Fed(inputs, None)  # outputs that depend on no input prove nothing: correctness stays unknown
        try:
            found = reference(
                self.shop,
                subject.onnx,
                subject.sha256,
                inputs.sets,
                inputs.key,
                subject.description.state,
            )
        except Failure as failure:
            self.note(f"{block.model}, batch {block.batch}: no reference: {failure.reason}")
            return Fed(inputs, None)
        return Fed(inputs, [{name: Path(path) for name, path in each.items()} for each in found])

    def _lane(self, number: int, cell: Cell, fed: Fed) -> Lane:
        """Return the lane of a cell. Raises Failure where its variant or its compile cache could not be made."""
        subject, target = self.subjects[cell.model], self.plan.targets[cell.target]
        runtime = catalog.runtimes()[target.runtime]
        form = next(form for form in (*target.formats, *target.translates) if form in subject.facts().formats)
        recipe = self.plan.precisions[cell.precision]
        variant = _had(self._variant(subject, cell.precision)) if form == "onnx" and not recipe.native else None
        maker = self._maker(cell) if recipe.native else None
        environment = maker if maker and recipe.at_load else self.environments[cell.target]
        scenario = self.plan.scenarios[cell.scenario]
        kind = cold_start.cache_of(target)
        state = scenario.cache if scenario.kind == "cold_start" else ("warm" if target.cache_always else "none")
        cold_start.refuse(scenario, target, kind)
        workload = self._workload(subject, target, cell, form, variant, environment, fed)
        columns: Row = {"group": number, "model_bytes": self._bytes(subject, form, variant), "cache": state}
        if target.fixed_shapes and form == "onnx":
            workload = self._fixed(subject, cell, workload)
        if form not in target.formats:
            own = self._translation(subject, cell, workload)
            workload = replace(workload, model=str(own.path))
            columns |= {"translate_ns": round(own.seconds * 1e9), "model_bytes": own.bytes}
        if maker and recipe.at_load:
            workload = replace(workload, recipe=dict(recipe.options))
            columns["model_bytes"] = None  # known when it has been loaded
        elif maker:
            shaped = form not in target.formats  # what was made for the block's shapes is calibrated at them
            made = self._quantised(subject, cell if shaped else None, recipe, maker, Path(workload.model))
            workload = replace(workload, model=str(made.path), format=recipe.format)
            columns["model_bytes"] = made.bytes
        if state != "none":
            workload = _with_cache(workload, target, kind, self._cache_folder(cell, scenario, environment))
        provider = catalog.provider_of(target)
        effective = recipe.effective if recipe.method else subject.description.stored
        twin = subject.description.row.twins.get(form, {}) if subject.description.row else {}
        calibrated = self.calibrations.get((cell.model, cell.precision))
        whole = target.fixed_shapes or form not in ("onnx", "torch") or form not in target.formats
        lane = Lane(
            cell=cell,
            target=target,
            adapter=runtime.adapter,
            python=environment.python,
            workload=workload,
            columns=self._columns(cell) | columns,
            effective=effective,
            tolerance=self._tolerance(subject, cell.precision, fed.inputs.synthetic),
            references=fed.references,
            joins=twin.get("joins", {}),
            state=subject.description.state,
            output_kind=subject.description.output_kind,
            mask_threshold=subject.description.mask_threshold,
            batch_axes={} if cell.batch == 1 or whole else subject.batch_axes,
            reads_precision=provider is None or provider.reads_precision,
            computes=provider.computes.get(effective) if provider else None,
            synthetic=fed.inputs.synthetic or (calibrated is not None and calibrated.synthetic),
            remark=calibrated.remark if calibrated else "",
            scenario=scenario,
        )
        if state == "warm":
            self._fill_cache(lane)
        return lane

    def _variant(self, subject: Subject, precision: str) -> Variant:
        key = (subject.name, precision)
        if key not in self.variants:
            recipe = self.plan.precisions[precision]
            self.variants[key] = self._converted(subject, recipe, self.shop.tools, subject.onnx, subject.sha256)
            if self.variants[key].path is None:
                self.note(f"{subject.name} {precision}: {self.variants[key].reason}")
        return self.variants[key]

    def _maker(self, cell: Cell) -> Environment:
        """Return the environment that a recipe of a runtime's own is made in. Raises Failure where there is none."""
        maker = self.makers[cell.target, cell.precision]
        if isinstance(maker, str):
            raise Failure(Status.SKIPPED, maker)
        return maker

    def _quantised(
        self, subject: Subject, shaped: Cell | None, recipe: Precision, maker: Environment, source: Path
    ) -> Variant:
        """Return the variant that a runtime's own tool makes of a file. Raises Failure where it cannot."""
        sha256 = subject.sha256 if source == subject.onnx else sha256_of(source)
        made = self._converted(subject, recipe, maker, source, sha256, shaped)
        first = self.variants.setdefault((subject.name, recipe.name), made)
        if shaped and made.sha256 != first.sha256:  # one of several that were made for their cells' shapes
            sizes = ", ".join(f"{name} {size}" for name, size in (("batch", shaped.batch), *shaped.dims))
            self.variants[subject.name, f"{recipe.name}, {sizes}"] = made
        return _had(made)

    def _converted(
        self,
        subject: Subject,
        recipe: Precision,
        maker: Environment,
        source: Path,
        sha256: str,
        shaped: Cell | None = None,
    ) -> Variant:
        """Return what a recipe makes of `source`, and remember what it was calibrated with."""
        self.step(f"{subject.name} as {recipe.label}")
        made_with = self.feeder.calibration(subject, recipe.samples, shaped) if recipe.method else None
        if made_with and recipe.samples:
            self.calibrations[subject.name, recipe.name] = made_with
        sets, key = (made_with.sets, made_with.key + "c") if made_with else ([], "")
        return convert(maker, self.shop, source, sha256, recipe, sets, key)

    def _fixed(self, subject: Subject, cell: Cell, workload: Workload) -> Workload:
        shapes = {name: list(shape) for name, (shape, _) in shapes_of(subject, cell.batch, dict(cell.dims)).items()}
        sha256 = self.variants[subject.name, cell.precision].sha256
        return replace(workload, model=str(fixed(self.shop, Path(workload.model), sha256, shapes)))

    def _translation(self, subject: Subject, cell: Cell, workload: Workload) -> Variant:
        """Return the model in the runtime's own form, made by its own tool. Raises Failure where that cannot."""
        translator = self.translators[cell.target]
        if isinstance(translator, str):
            raise Failure(Status.SKIPPED, translator)
        target = self.plan.targets[cell.target]
        made_for: Any = shapes_of(subject, cell.batch, dict(cell.dims))
        if target.threads_compiled:
            made_for = [made_for, cell.threads]
        if maker := catalog.runtimes()[target.runtime].needs:  # compiled for the card: a shared cache may have others'
            made_for = [made_for, target.device, *(card["name"] for card in gpus() if card["vendor"] == maker)]
        variant = self.variants.get((subject.name, cell.precision)) if workload.format == "onnx" else None
        self.step(f"{subject.name} for {target.label}")
        adapter = catalog.runtimes()[target.runtime].adapter
        if self.plan.precisions[cell.precision].native:  # made of the same form as FP32 is measured in
            workload = replace(workload, precision="fp32")
        source = variant.sha256 if variant else subject.sha256
        return _had(translate(translator, self.shop, adapter, workload, source, made_for))

    def _workload(
        self,
        subject: Subject,
        target: Target,
        cell: Cell,
        form: str,
        variant: Variant | None,
        environment: Environment,
        fed: Fed,
    ) -> Workload:
        files = {"onnx": variant.path if variant else subject.onnx, "torch": subject.checkpoint, **subject.twins}
        provider = catalog.provider_of(target)
        options = dict(target.options)
        if provider and provider.threads_option:
            options.setdefault(provider.threads_option, str(cell.threads))
        return Workload(
            model=str(files[form] or ""),
            format=form,
            precision=cell.precision,
            threads=cell.threads,
            provider=target.provider,
            device=target.device,
            mode=target.mode,
            options={name: str(value) for name, value in options.items()},
            session={name: str(value) for name, value in target.session.items()},
            plugin=target.plugin,
            batch=cell.batch,
            boundary=self.plan.scenarios[cell.scenario].boundary,
            memory=provider.memory if provider else "",
            tool=asdict(target.tool) if target.tool else None,
            strict=target.strict,
            factory=subject.description.factory,
            factory_paths=subject.factory_paths,
            input_sets=fed.inputs.sets,
            cache_dir=str(self.scratch),
        )

    def _cache_folder(self, cell: Cell, scenario: Scenario, environment: Environment) -> Path:
        """Return where a cell's compile cache is: for this run alone where the scenario is about its state."""
        if scenario.kind == "cold_start":
            return self.scratch / "compiled" / key_of(cell.id)
        return cache_root() / "compile" / environment.key

    def _fill_cache(self, lane: Lane) -> None:
        """Fill the compile cache in a process of its own, and record the time that took: load and first inference."""
        if lane.cell.id in self.filled:  # the baseline is in every group of its block
            lane.columns["compile_ns"] = self.filled[lane.cell.id]
            return
        self.step(f"compile cache of {lane.cell.id}")
        Path(lane.workload.cache_dir or "").mkdir(parents=True, exist_ok=True)
        try:
            log, variables = self.scratch / "compile.log", on_this_machine(lane.target.variables)
            with Worker(lane.python, self.shop.folder, log, self.shop.limits_s, variables) as worker:
                worker.ask("import", adapter=lane.adapter)
                start = perf_counter_ns()
                worker.ask("load", workload=lane.workload.to_wire())
                worker.ask("first")  # some compile at the first inference
                lane.columns["compile_ns"] = self.filled[lane.cell.id] = perf_counter_ns() - start
        except Failure as failure:
            raise Failure(failure.status, f"compiling: {failure.reason}") from failure

    def _bytes(self, subject: Subject, form: str, variant: Variant | None) -> int | None:
        if variant:
            return variant.bytes
        if not (place := subject.twins.get(form, subject.checkpoint)):
            return None
        origin = Path(place)
        files = [origin] if origin.is_file() else origin.rglob("*.safetensors" if form == "torch" else "*")
        return sum(file.stat().st_size for file in files if file.is_file()) or None

    def _tolerance(self, subject: Subject, precision: str, noise: bool) -> dict[str, float]:
        """Return the bounds of this cell: the model's own laid over the suite's and the recipe's.

        A file that somebody quantised is no FP32 although it runs as stored: it has the bounds of what it is.
        """
        about, recipe = subject.description, self.plan.precisions[precision]
        if not recipe.method and about.stored != "fp32":
            kind = catalog.precision_names().get(about.stored, precision)
            recipe = self.plan.precisions.get(kind, catalog.precisions().get(kind, recipe))
        on_noise = about.noise_tolerances.get(precision, {}) if noise else {}
        return dict(recipe.tolerance) | on_noise | about.tolerances.get(precision, {})

    def _never(self, cell: Cell, status: str, reason: str) -> Row:
        return self._columns(cell) | {"round": None, "status": status, "reason": reason, "flags": []}

    def _columns(self, cell: Cell) -> Row:
        target = self.plan.targets[cell.target]
        subject = self.subjects.get(cell.model)
        scenario = self.plan.scenarios[cell.scenario]
        in_bursts = scenario.kind in ("latency", "device_resident")  # and then in windows, as the suite says
        return {
            "block_id": self.blocks.get(cell.id) or _block_of(cell),
            "cell_id": cell.id,
            "model": cell.model,
            "model_sha256": subject.sha256 if subject else None,
            "precision": cell.precision,
            "target": cell.target,
            "target_label": target.label,
            "runtime": target.runtime,
            "provider": target.provider,
            "device": target.device,
            "batch": cell.batch,
            "dims": json.dumps(dict(cell.dims), sort_keys=True),
            "threads": cell.threads,
            "side": cell.side or None,
            "concurrency": self.plan.protocol.concurrency if in_bursts else scenario.concurrency,
            "sessions": scenario.sessions,
            "scenario": cell.scenario,
            "scenario_kind": scenario.kind,
            "boundary": scenario.boundary,
            "cache": "none",
        }


def _had(variant: Variant) -> Variant:
    if variant.path is None:
        raise Failure(variant.status, variant.reason)
    return variant


def _block_of(cell: Cell) -> str:
    return f"{cell.model}/{conditions(cell.batch, cell.dims, cell.threads, cell.scenario)}"


def _with_cache(workload: Workload, target: Target, kind: str, folder: Path) -> Workload:
    """Return the workload of a cell that keeps what it compiles in `folder`."""
    own = target.cache_options if kind == target.cache else {}
    options = {name: value.replace("{folder}", str(folder)) for name, value in own.items()}
    return replace(workload, cache=kind, cache_dir=str(folder), options={**workload.options, **options})
