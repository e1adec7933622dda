"""Environments on disk: which folder belongs to which spec, what is in it, and whether it can be trusted."""

import hashlib
import json
import platform
import sys
import sysconfig
from dataclasses import dataclass, replace
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from bench.environments.folders import cache_root
from bench.environments.spec import EnvironmentSpec
from bench.errors import EnvironmentFailed

MARKER = "ortbench-environment.json"


@dataclass(frozen=True)
class Environment:
    """A place to run workers in. `freeze` is what is really installed; `folder` is None for the current interpreter."""

    label: str
    key: str
    python: Path
    freeze: tuple[str, ...]
    folder: Path | None
    built_s: float
    built_at: str = ""  # ISO 8601, UTC
    python_version: str = platform.python_version()


def environments_folder() -> Path:
    return cache_root() / "environments"


def key_of(spec: EnvironmentSpec) -> str:
    """Return the name of a spec's folder: a hash of its requirements, this interpreter and this platform."""
    if spec.current:
        return "current"
    facts = {
        "requirements": sorted(spec.requirements),
        "torch_cpu": spec.torch_cpu,
        "python": [platform.python_implementation(), platform.python_version()],
        "abi": sysconfig.get_config_var("EXT_SUFFIX"),  # tells threads, C library and architecture apart
        "platform": sysconfig.get_platform(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def current_environment() -> Environment:
    """Return the interpreter ortbench runs in, with what is installed there."""
    found = {(canonicalize_name(row.name), row.version) for row in distributions() if row.name}
    freeze = tuple(sorted(f"{name}=={version}" for name, version in found))
    return Environment("current", "current", Path(sys.executable), freeze, None, 0.0)


def found_environment(label: str, folder: Path) -> Environment:
    """Return a virtual environment that somebody else made. Raises EnvironmentFailed where there is none."""
    python = python_of(folder)
    if not python.exists():
        raise EnvironmentFailed(
            f"{folder} is no virtual environment: there is no {python.relative_to(folder)} in it.",
            "Name the folder that `python -m venv` made, or leave out `environment`.",
        )
    freeze = freeze_of(folder)
    key = hashlib.sha256(json.dumps([str(folder), freeze]).encode()).hexdigest()[:16]
    return Environment(label, key, python, freeze, folder, 0.0, python_version=_version(folder))


def read_built(folder: Path) -> Environment | None:
    """Return the environment in `folder`, or None where it is unfinished, damaged or changed since it was built."""
    try:
        marker: dict[str, Any] = json.loads((folder / MARKER).read_text("utf-8"))
        found = Environment(
            label=marker["label"],
            key=marker["key"],
            python=python_of(folder),
            freeze=tuple(marker["freeze"]),
            folder=folder,
            built_s=marker["built_s"],
            built_at=marker["built_at"],
            python_version=marker["python"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # The venv's python is a link (or on Windows a launcher) to the interpreter it was made from, which may be gone.
    whole = found.key == folder.name and found.python.exists() and _home(folder).is_dir()
    return found if whole and freeze_of(folder) == found.freeze else None


def list_built() -> list[Environment]:
    """Return every usable environment in the cache, by label."""
    folder = environments_folder()
    found = [read_built(entry) for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
    return sorted((row for row in found if row), key=lambda row: (row.label, row.key))


def is_built(spec: EnvironmentSpec) -> bool:
    """Return whether a spec's environment is there and whole, so that nothing would have to be built."""
    return spec.current or bool(spec.folder) or read_built(environments_folder() / key_of(spec)) is not None


def relabelled(environment: Environment, label: str) -> Environment:
    """Two specs with the same requirements share a folder; each calls it by its own label."""
    return replace(environment, label=label)


def python_of(folder: Path) -> Path:
    name = "python.exe" if sys.platform == "win32" else "python"
    return Path(sysconfig.get_path("scripts", "venv", _venv_paths(folder))) / name


def freeze_of(folder: Path) -> tuple[str, ...]:
    """Return `name==version` of everything installed in a venv, from the names of its dist-info folders."""
    found = []
    for entry in Path(sysconfig.get_path("purelib", "venv", _venv_paths(folder))).glob("*.dist-info"):
        name, _, version = entry.name.removesuffix(".dist-info").rpartition("-")
        found.append(f"{canonicalize_name(name)}=={version}")
    return tuple(sorted(found))


def size_of(folder: Path) -> int:
    """Return the bytes of every file under `folder`. uv shares files between environments, so the disk holds less."""
    return sum(entry.lstat().st_size for entry in folder.rglob("*") if entry.is_file() and not entry.is_symlink())


def _venv_paths(folder: Path) -> dict[str, str]:
    short = ".".join(_version(folder).split(".")[:2])  # packages lie in a folder named after it
    return {"py_version_short": short} | {
        name: str(folder) for name in ("base", "platbase", "installed_base", "installed_platbase")
    }


def _home(folder: Path) -> Path:
    return Path(_settings(folder).get("home", folder / "no interpreter"))


def _version(folder: Path) -> str:
    """Return the Python a virtual environment was made of, which need not be ours, such as 3.11.2."""
    settings = _settings(folder)
    version = settings.get("version") or settings.get("version_info") or platform.python_version()
    return ".".join(version.split(".")[:3])


def _settings(folder: Path) -> dict[str, str]:
    file = folder / "pyvenv.cfg"
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}
