"""Turn the cells of a resolved plan into lanes: inputs, reference, the file of each, compile caches."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter_ns

from bench import catalog
from bench.catalog import Scenario, Target
from bench.contract.job import Workload
from bench.contract.status import Failure, Status
from bench.environments import Environment, cache_root
from bench.environments.machine import on_this_machine
from bench.errors import BenchError
from bench.models.subject import Subject
from bench.models.variants import Workshop, key_of, reference
from bench.process import Worker
from bench.runner.feed import Feeder, Inputs
from bench.runner.forms import Forms
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
    feeder: Feeder
    forms: Forms
    subjects: Mapping[str, Subject]
    scratch: Path
    step: Callable[[str], None]
    note: Callable[[str], None]
    references: bool = True  # whether anybody reads them

    def make(self) -> tuple[list[Group], list[Row]]:
        """Return the groups to measure and a row, with its reason, for each cell that will not be started."""
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
        """Return the lane of a cell. Raises Failure where its file or its compile cache could not be made."""
        subject, target = self.subjects[cell.model], self.plan.targets[cell.target]
        environment = self.forms.loader(cell) or self.environments[cell.target]
        scenario = self.plan.scenarios[cell.scenario]
        kind = cold_start.cache_of(target)
        state = scenario.cache if scenario.kind == "cold_start" else ("warm" if target.cache_always else "none")
        cold_start.refuse(scenario, target, kind)
        form, source = self.forms.source(subject, target)
        workload, columns = self.forms.made(subject, cell, self._workload(subject, target, cell, form, source, fed))
        if state != "none":
            workload = _with_cache(workload, target, kind, self._cache_folder(cell, scenario, environment))
        provider = catalog.provider_of(target)
        recipe = self.plan.precisions[cell.precision]
        effective = recipe.effective if recipe.method else subject.description.stored
        twin = subject.description.row.twins.get(form, {}) if subject.description.row else {}
        calibrated = self.forms.calibrated.get((cell.model, cell.precision))
        lost = self.forms.lost(cell)
        whole = target.fixed_shapes or form not in ("onnx", "torch") or form not in target.formats
        lane = Lane(
            cell=cell,
            target=target,
            adapter=catalog.runtimes()[target.runtime].adapter,
            python=environment.python,
            workload=workload,
            columns=self._columns(cell) | {"group": number, "cache": state} | columns,
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
            lost_values=bool(lost),
            remark="; ".join(filter(None, (lost, self.forms.cut(cell), calibrated.remark if calibrated else ""))),
            scenario=scenario,
        )
        if state == "warm":
            self._fill_cache(lane)
        return lane

    def _workload(self, subject: Subject, target: Target, cell: Cell, form: str, source: str, fed: Fed) -> Workload:
        provider = catalog.provider_of(target)
        return Workload(
            model=source,
            format=form,
            precision=cell.precision,
            threads=cell.threads,
            provider=target.provider,
            device=target.device,
            mode=target.mode,
            options=catalog.options_of(target, cell.threads),
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

    def _tolerance(self, subject: Subject, precision: str, noise: bool) -> dict[str, float]:
        """Return the bounds of this cell: the model's own laid over the suite's and the recipe's.

        A file that somebody quantised is no FP32 although it runs as stored: it has the bounds of what it is.
        """
        about, recipe = subject.description, self.plan.precisions[precision]
        if not recipe.method and about.stored != "fp32":
            kind = catalog.precision_names().get(about.stored, precision)
            recipe = self.plan.precisions.get(kind, catalog.precisions().get(kind, recipe))
        on_noise = about.noise_tolerances.get(precision, {}) if noise else {}
        return catalog.bounds_over(recipe.tolerance, on_noise | about.tolerances.get(precision, {}))

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


def _block_of(cell: Cell) -> str:
    return f"{cell.model}/{conditions(cell.batch, cell.dims, cell.threads, cell.scenario)}"


def _with_cache(workload: Workload, target: Target, kind: str, folder: Path) -> Workload:
    """Return the workload of a cell that keeps what it compiles in `folder`."""
    own = target.cache_options if kind == target.cache else {}
    options = {name: value.replace("{folder}", str(folder)) for name, value in own.items()}
    return replace(workload, cache=kind, cache_dir=str(folder), options={**workload.options, **options})
