"""Where a model comes from: a file of the user's, a URL, or a file inside a package of a registry."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from bench import catalog
from bench.errors import UsageError
from bench.suite import schema


@dataclass(frozen=True)
class Source:
    """One file and how to recognise it. `location` is a path, a URL, or a package with its version."""

    kind: Literal["path", "url", "pypi", "npm"]
    location: str
    member: str = ""  # the file inside the package's archive; "" where the whole of it is unpacked
    sha256: str | None = None
    bytes: int | None = None
    folder: str = ""  # that is meant of what was unpacked

    @property
    def text(self) -> str:
        """The source in words, for messages and reports."""
        part = self.member or self.folder
        return f"{part} of {self.location} ({self.kind})" if part else self.location


def local(path: Path) -> Source:
    """Return a file of the user's, which is used where it lies. Raises UsageError where there is none."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder, not a model file.", "Name the .onnx file in it.")
    if not path.is_file():
        there = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        near = get_close_matches(path.name, there, n=3)
        told = (
            f"Near it lies {', '.join(near)}." if near else "Paths in a suite are relative to the suite's own folder."
        )
        raise UsageError(f"There is no file {path}.", told)
    return Source("path", str(path.absolute()))


def saved_model(folder: Path) -> Path:
    """Return a folder of the user's with a TensorFlow model. Raises UsageError where it holds none."""
    if not (folder / "saved_model.pb").is_file():
        raise UsageError(f"{folder} is no SavedModel: it holds no saved_model.pb.", "Name the folder that does.")
    return folder.absolute()


def catalog_source(name: str) -> Source:
    """Return where a catalog model comes from. Raises UsageError, with the nearest names, for an unknown one."""
    row = catalog_model(name)
    return _package(row.registry, row.package, row.file, row.sha256, row.bytes)


def twin_source(name: str, form: str) -> Source:
    """Return where the same weights in another format (`tflite`) come from. Raises UsageError where there are none."""
    row = catalog_model(name)
    twin: Mapping[str, Any] | None = row.twins.get(form)
    if twin is None:
        raise UsageError(
            f"The catalog knows no {form} file with the weights of `{name}`.", "Leave the targets that need it out."
        )
    registry, package = twin.get("registry", row.registry), twin.get("package", row.package)
    source = _package(registry, package, twin.get("file", ""), twin["sha256"], twin.get("bytes"))
    return replace(source, folder=twin.get("folder", ""))


def model_source(model: schema.Model, folder: Path) -> Source:
    """Return where a suite's model comes from; `folder` is the suite's own, which its paths are relative to.

    A model given by a factory alone has its module's file: `folder` is what to import it from, and the hash tells
    when that file changes. Raises UsageError where the suite does not say enough.
    """
    if model.path:
        found = local(folder / model.path)
        return Source("path", found.location, sha256=model.sha256)
    if model.url:
        return Source("url", model.url, sha256=model.sha256)
    if model.package:
        if not model.file:
            raise UsageError(
                f"The model from the package {model.package} does not say which file of it is meant.", "Add `file:`."
            )
        return _package(model.registry, model.package, model.file, model.sha256, None)
    if model.catalog:
        return catalog_source(model.catalog)
    if model.factory:
        return local(_module_file(model.factory, folder))
    raise UsageError(
        "A model of the suite says nothing about where it comes from.",
        "Give it one of `path`, `url`, `package`, `catalog` or `factory`.",
    )


def catalog_model(name: str) -> catalog.Model:
    """Return a row of the catalog. Raises UsageError, with the nearest names, where there is none."""
    rows = catalog.models()
    if name not in rows:
        near = get_close_matches(name, rows, n=3)
        told = f"Did you mean {' or '.join(near)}?" if near else "`ortbench models list` shows what there is."
        raise UsageError(f"The catalog has no model `{name}`.", told)
    return rows[name]


def _package(registry: str, package: str, file: str, sha256: str | None, size: int | None) -> Source:
    return Source("npm" if registry == "npm" else "pypi", package, file, sha256, size)


def _module_file(factory: str, folder: Path) -> Path:
    place = folder.joinpath(*factory.partition(":")[0].split("."))
    package = place / "__init__.py"
    return package if package.is_file() else place.with_suffix(".py")
