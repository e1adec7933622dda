"""Variants, references and exports: jobs with a time limit, kept by content, each failure a typed outcome."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from bench.catalog import Precision
from bench.contract.conversion import Conversion
from bench.contract.job import Workload
from bench.contract.status import Failure, Status
from bench.environments import Environment
from bench.environments.machine.cpu import cpu_flags, cpu_model
from bench.models.cache import sha256_of, stored
from bench.process import run_job

PREPARED = {"quantize_dynamic", "quantize_static"}  # methods whose tool takes a model that was prepared for it
FILES = {"onnx": "model.onnx", "openvino": "model.xml", "tflite": "model.tflite"}  # of a variant, by its format
PASSING = (Status.TIMEOUT, Status.OUT_OF_MEMORY)  # the machine's doing: worth another try


@dataclass(frozen=True)
class Variant:
    """A model at a precision, or in a runtime's own form.

    `path` is None where it could not be made; then `status` and `reason` say why.
    """

    precision: str
    path: Path | None
    status: Status
    reason: str = ""
    bytes: int | None = None
    seconds: float = 0.0
    sha256: str = ""
    conversion: Conversion | None = None  # None where no recipe made it, or its job ended before it could tell


@dataclass(frozen=True)
class Workshop:
    """What jobs run in: the tools environment, the worker's folder, and the limits by phase."""

    tools: Environment
    folder: Path
    limits_s: dict[str, float]

    def job(self, op: str, **arguments: Any) -> Any:
        return run_job(self.tools.python, self.folder, op, limits_s=self.limits_s, **arguments)


def key_of(*parts: Any) -> str:
    """Return a short stable hash of what decides a result."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def inspect(shop: Workshop, model: Path, sha256: str) -> dict[str, Any]:
    """Return what the file takes and gives (worker/jobs/inspect_model.py), from the cache if it was seen before."""

    def make(folder: Path) -> None:
        found = shop.job("inspect", model=str(model))
        (folder / "inspection.json").write_text(json.dumps(found), "utf-8")

    folder = stored(key_of("inspect", sha256, shop.tools.key, shop.folder.name), make)
    result: dict[str, Any] = json.loads((folder / "inspection.json").read_text("utf-8"))
    return result


def convert(
    maker: Environment,
    shop: Workshop,
    model: Path,
    sha256: str,
    recipe: Precision,
    calibration: list[dict[str, str]],
    inputs_key: str,
) -> Variant:
    """Make the variant of `recipe` in `maker`, the environment of its tool, or take it from the cache.

    `model` is the file, of content `sha256`, in the form the tool takes. `inputs_key` tells the content of
    `calibration`: a recipe that takes samples depends on it, and any variant is tried on the first of its sets. What
    that finds is the `problem` of its conversion, and the variant is kept. What the conversion itself does wrong is an
    outcome.
    """
    size = sum(file.stat().st_size for file in (model, *_beside(model)))
    if not recipe.method:
        return Variant(recipe.name, model, Status.OK, bytes=size, sha256=sha256)
    sets = calibration if recipe.samples else []
    of_sets = inputs_key if sets else ""
    key = key_of("convert", sha256, recipe.method, recipe.options, of_sets, maker.key, shop.folder.name)

    def job(folder: Path) -> dict[str, Any]:
        source = prepared(shop, model, sha256) if recipe.method in PREPARED else model
        sent = {"model": str(source), "destination": str(folder / FILES[recipe.format]), "before": size}
        sent |= {"method": recipe.method, "options": recipe.options, "calibration": sets}
        found: dict[str, Any] = run_job(maker.python, shop.folder, "convert", limits_s=shop.limits_s, **sent)
        return found | ({} if "status" in found else {"file": FILES[recipe.format], "sha256": _content(folder)})

    made = _made(key, recipe.name, recipe.method, job)
    if made.path is None or made.conversion is None:
        return made
    problem = _problem(maker, shop, made, recipe.format, calibration[:1], inputs_key)
    return replace(made, conversion=replace(made.conversion, problem=problem))


def prepared(shop: Workshop, model: Path, sha256: str) -> Path:
    """Return the model as the quantisers want it, made once for all recipes that start from it. Raises Failure."""

    def make(folder: Path) -> None:
        shop.job("prepare", model=str(model), destination=str(folder / "model.onnx"))

    return stored(key_of("prepare", sha256, shop.tools.key, shop.folder.name), make) / "model.onnx"


def _problem(
    maker: Environment, shop: Workshop, made: Variant, form: str, inputs: list[dict[str, str]], inputs_key: str
) -> str:
    """Return what is wrong with a variant where it was made, kept by its content and that of the inputs.

    Another runtime may well take it. That time or memory was short is the machine's doing, and not kept.
    """

    def make(folder: Path) -> None:
        sent = {"model": str(made.path), "format": form, "inputs": inputs[0] if inputs else {}}
        try:
            found = str(run_job(maker.python, shop.folder, "validate", limits_s=shop.limits_s, **sent))
        except Failure as failure:
            if failure.status in PASSING:
                raise
            found = f"what loads it did not come to an end: {failure.status}: {failure.reason}"
        (folder / "problem.txt").write_text(found, "utf-8")

    try:
        key = key_of("validate", made.sha256, inputs_key if inputs else "", maker.key, shop.folder.name)
        return (stored(key, make) / "problem.txt").read_text("utf-8")
    except Failure as failure:
        return f"not checked: {failure.status}: {failure.reason}"


def _content(folder: Path) -> str:
    """Return the SHA-256 of what was made: of its file, or of those of all its files together."""
    each = [sha256_of(file) for file in sorted(folder.rglob("*")) if file.is_file()]
    return each[0] if len(each) == 1 else hashlib.sha256("".join(each).encode()).hexdigest()


def translate(
    translator: Environment, shop: Workshop, adapter: str, workload: Workload, sha256: str, made_for: Any
) -> Variant:
    """Make the file a runtime takes by its adapter's `translate`, or take it from the cache. Failures are outcomes.

    `workload` holds the model as it is, of content `sha256`; `made_for` is what the form depends on besides: the
    shapes of its inputs, and the number of threads where that is compiled in.
    """
    about = (workload.format, workload.mode, workload.factory, workload.precision, workload.options, workload.session)
    compiled_for = cpu_model(), cpu_flags()  # some compile for the processor they run on, and a cache may be shared
    key = key_of("translate", adapter, sha256, about, made_for, compiled_for, translator.key, shop.folder.name)

    def job(folder: Path) -> dict[str, Any]:
        sent = {"adapter": adapter, "workload": workload.to_wire(), "folder": str(folder)}
        found: dict[str, Any] = run_job(translator.python, shop.folder, "translate", limits_s=shop.limits_s, **sent)
        return found

    return _made(key, workload.precision, translator.label, job)


def fixed(shop: Workshop, model: Path, sha256: str, shapes: dict[str, list[int]]) -> Path:
    """Return the model with these shapes of its inputs, and no dimension left open. Raises Failure."""

    def make(folder: Path) -> None:
        shop.job("fix_shapes", model=str(model), shapes=shapes, destination=str(folder / "model.onnx"))

    return stored(key_of("fix_shapes", sha256, shapes, shop.tools.key, shop.folder.name), make) / "model.onnx"


def _made(key: str, precision: str, tool: str, job: Callable[[Path], dict[str, Any]]) -> Variant:
    """Return what `job(folder)` made, kept by `key`; what it could not make is kept too, with the reason."""

    def make(folder: Path) -> None:
        start = monotonic()
        outcome: dict[str, Any] = {"status": Status.OK, "reason": "", "file": "model.onnx"}
        try:
            outcome |= job(folder)
        except Failure as failure:
            known = failure.status in (Status.UNSUPPORTED, Status.CONVERSION_FAILED)
            status = failure.status if known else Status.CONVERSION_FAILED
            reason = failure.reason if known else f"{tool}: {failure.status}: {failure.reason}"
            outcome |= {"status": status, "reason": reason}
            if failure.status in PASSING:
                raise _Passing(Variant(precision, None, status, reason, seconds=monotonic() - start)) from failure
        outcome["seconds"] = monotonic() - start
        (folder / "outcome.json").write_text(json.dumps(outcome), "utf-8")

    try:
        folder = stored(key, make)
    except _Passing as passing:
        return passing.variant
    outcome = json.loads((folder / "outcome.json").read_text("utf-8"))
    made = outcome["status"] == Status.OK
    return Variant(
        precision=precision,
        path=folder / outcome["file"] if made else None,
        status=Status(outcome["status"]),
        reason=outcome["reason"],
        bytes=outcome.get("bytes"),
        seconds=outcome["seconds"],
        sha256=outcome.get("sha256", ""),
        conversion=Conversion.from_wire(outcome["conversion"]) if "conversion" in outcome else None,
    )


class _Passing(Exception):
    """An outcome that is not kept."""

    def __init__(self, variant: Variant) -> None:
        super().__init__(variant.reason)
        self.variant = variant


def _beside(model: Path) -> list[Path]:
    """Return the files of weights that lie beside a model, by the usual names."""
    return [file for suffix in (".data", "_data") if (file := model.with_name(model.name + suffix)).is_file()]


def reference(
    shop: Workshop, model: Path, sha256: str, input_sets: list[dict[str, str]], inputs_key: str, state: dict[str, str]
) -> list[dict[str, str]]:
    """Return the reference outputs (name -> .npy) of every set, and of the state-fed sequence. Raises Failure."""

    def make(folder: Path) -> None:
        sets = shop.job("reference", model=str(model), input_sets=input_sets, state=state, folder=str(folder))
        names = [{name: Path(path).name for name, path in outputs.items()} for outputs in sets]
        (folder / "outputs.json").write_text(json.dumps(names), "utf-8")

    folder = stored(key_of("reference", sha256, inputs_key, state, shop.tools.key, shop.folder.name), make)
    names = json.loads((folder / "outputs.json").read_text("utf-8"))
    return [{name: str(folder / file) for name, file in outputs.items()} for outputs in names]


def export(python: Environment, folder: Path, limits_s: dict[str, float], origin_key: str, **arguments: Any) -> Path:
    """Export a torch module to ONNX in the torch environment, kept by `origin_key`. Raises Failure."""

    def make(place: Path) -> None:
        run_job(python.python, folder, "export", limits_s=limits_s, destination=str(place / "model.onnx"), **arguments)

    return stored(key_of("export", origin_key, python.key, folder.name), make) / "model.onnx"


def as_json(variant: Variant) -> dict[str, Any]:
    """Return what a run's metadata keeps of a conversion."""
    return {k: v for k, v in asdict(variant).items() if k not in ("path", "precision")}
