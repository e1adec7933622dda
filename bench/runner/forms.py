"""The file a cell is measured with: the variant of its recipe, in the form its target takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench import catalog
from bench.catalog import Precision, Target
from bench.contract.job import Workload
from bench.contract.status import Failure, Status
from bench.environments import Environment
from bench.environments.machine.gpu import gpus
from bench.models.cache import sha256_of
from bench.models.inputs import shapes_of
from bench.models.subject import Subject
from bench.models.variants import Variant, Workshop, convert, fixed, translate
from bench.runner.feed import Feeder, Inputs
from bench.runner.lane import Row
from bench.suite.cells import Cell, Plan

TOLD = 3  # of what a conversion lost or cut, at most


@dataclass
class Forms:
    """Makes each file once, and keeps in `variants` what came of every recipe, by model and recipe."""

    plan: Plan
    shop: Workshop
    translators: Mapping[str, Environment | str]  # by target, for those that run a form of their own; or why not
    makers: Mapping[tuple[str, str], Environment | str]  # by target and precision, of runtimes' own recipes; or why not
    feeder: Feeder
    step: Callable[[str], None]
    note: Callable[[str], None]
    variants: dict[tuple[str, str], Variant] = field(default_factory=dict)
    calibrated: dict[tuple[str, str], Inputs] = field(default_factory=dict)  # of the variant made last

    def source(self, subject: Subject, target: Target) -> tuple[str, str]:
        """Return the format that a target reads, or is translated from, and where the model lies in it."""
        formats = (*target.formats, *target.translates)
        form = next(form for form in formats if form in subject.facts().formats)
        return form, str({"onnx": subject.onnx, "torch": subject.checkpoint, **subject.twins}[form] or "")

    def loader(self, cell: Cell) -> Environment | None:
        """Return the environment a cell needs in place of its target's: where its recipe is applied at load.

        Raises Failure where the tool of its recipe is not to be had.
        """
        recipe = self.plan.precisions[cell.precision]
        return self._maker(cell) if recipe.native and recipe.at_load else None

    def made(self, subject: Subject, cell: Cell, workload: Workload) -> tuple[Workload, Row]:
        """Return the workload, of the model as it is, with the file to load, and what a row says of that file.

        Raises Failure where it cannot be made.
        """
        target, recipe = self.plan.targets[cell.target], self.plan.precisions[cell.precision]
        form = workload.format
        columns: Row = {"model_bytes": _bytes(workload)}
        if form == "onnx" and not recipe.native:
            variant = self._variant(subject, recipe)
            workload = replace(workload, model=str(variant.path))
            columns["model_bytes"] = variant.bytes
        if target.fixed_shapes and form == "onnx":
            workload = self._fixed(subject, cell, workload)
        if form not in target.formats:
            own = self._translation(subject, cell, workload)
            workload = replace(workload, model=str(own.path))
            columns |= {"translate_ns": round(own.seconds * 1e9), "model_bytes": own.bytes}
        if recipe.native and recipe.at_load:
            workload = replace(workload, recipe=dict(recipe.options))
            columns["model_bytes"] = None  # known when it has been loaded
        elif recipe.native:
            shaped = cell if form not in target.formats else None  # made for its shapes: calibrated at them too
            quantised = self._quantised(subject, recipe, self._maker(cell), Path(workload.model), shaped)
            workload = replace(workload, model=str(quantised.path), format=recipe.format)
            columns["model_bytes"] = quantised.bytes
        return workload, columns

    def lost(self, cell: Cell) -> str:
        """Return in words what the conversion of a cell's file lost; empty where there was none, or all is there."""
        told = self._few(cell, "lost")
        return f"what the tool made lacks {told}, or has it with other values" if told else ""

    def cut(self, cell: Cell) -> str:
        """Return in words which values of a cell's file were cut to the range of its type; empty where none was."""
        told = self._few(cell, "cut")
        return f"values beyond the range of the type were cut to its largest: {told}" if told else ""

    def _few(self, cell: Cell, field_name: str) -> str:
        variant = self.variants.get((cell.model, cell.precision))
        found: list[str] = getattr(variant.conversion, field_name) if variant and variant.conversion else []
        return "; ".join(found[:TOLD]) + (f"; and {len(found) - TOLD} more" if len(found) > TOLD else "")

    def _variant(self, subject: Subject, recipe: Precision) -> Variant:
        """Return what ONNX Runtime's tools make of the file as stored. Raises Failure where they cannot."""
        key = (subject.name, recipe.name)
        if key not in self.variants:
            self.variants[key] = self._converted(subject, recipe, self.shop.tools, subject.onnx, subject.sha256)
            if self.variants[key].path is None:
                self.note(f"{subject.name} {recipe.name}: {self.variants[key].reason}")
        return _had(self.variants[key])

    def _maker(self, cell: Cell) -> Environment:
        """Return the environment that a recipe of a runtime's own is made in. Raises Failure where there is none."""
        maker = self.makers[cell.target, cell.precision]
        if isinstance(maker, str):
            raise Failure(Status.SKIPPED, maker)
        return maker

    def _quantised(
        self, subject: Subject, recipe: Precision, maker: Environment, source: Path, shaped: Cell | None
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
            self.calibrated[subject.name, recipe.name] = made_with
        sets, key = (made_with.sets, made_with.key + "c") if made_with else ([], "")
        return convert(maker, self.shop, source, sha256, recipe, sets, key)

    def _fixed(self, subject: Subject, cell: Cell, workload: Workload) -> Workload:
        shapes = {name: list(shape) for name, (shape, _) in shapes_of(subject, cell.batch, dict(cell.dims)).items()}
        model = fixed(self.shop, Path(workload.model), self._content(subject, cell), shapes)
        return replace(workload, model=str(model))

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
        source = self._content(subject, cell) if workload.format == "onnx" else subject.sha256
        self.step(f"{subject.name} for {target.label}")
        adapter = catalog.runtimes()[target.runtime].adapter
        if self.plan.precisions[cell.precision].native:  # made of the same form as FP32 is measured in
            workload = replace(workload, precision="fp32")
        return _had(translate(translator, self.shop, adapter, workload, source, made_for))

    def _content(self, subject: Subject, cell: Cell) -> str:
        """Return the SHA-256 of the ONNX file that a form of a cell is made from."""
        if self.plan.precisions[cell.precision].native:
            return subject.sha256
        return self.variants[subject.name, cell.precision].sha256


def _had(variant: Variant) -> Variant:
    if variant.path is None:
        raise Failure(variant.status, variant.reason)
    return variant


def _bytes(workload: Workload) -> int | None:
    """Return the size of the weights of a model as it is; None where a factory makes them."""
    if not workload.model:
        return None
    origin = Path(workload.model)
    files = [origin] if origin.is_file() else origin.rglob("*.safetensors" if workload.format == "torch" else "*")
    return sum(file.stat().st_size for file in files if file.is_file()) or None
