"""Build environments with uv, once each, and throw away the ones nobody needs."""

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import psutil
from packaging.requirements import Requirement

from bench.environments.built import (
    MARKER,
    Environment,
    current_environment,
    environments_folder,
    found_environment,
    freeze_of,
    key_of,
    python_of,
    read_built,
    relabelled,
)
from bench.environments.commands import run_command
from bench.environments.explain import failed
from bench.environments.folders import disk_errors, finished_folder, locked, remove
from bench.environments.pip_config import cpu_torch, read_pip_config, uv_arguments, uv_variables
from bench.environments.spec import EnvironmentSpec
from bench.errors import BenchError, EnvironmentFailed

OnLine = Callable[[str], None]


def ensure(spec: EnvironmentSpec, on_line: OnLine | None = None) -> Environment:
    """Return the environment of `spec`, building it where it is missing, unfinished or damaged.

    `on_line` is given uv's lines as they come. Raises EnvironmentFailed, with the end of what uv said and what to do.
    """
    if spec.current:
        return current_environment()
    if spec.folder:
        return found_environment(spec.label, spec.folder)
    tell = on_line or (lambda line: None)
    folder = environments_folder() / key_of(spec)
    finished_folder(
        folder,
        make=lambda scratch: _build(spec, folder.name, scratch, tell),
        usable=lambda place: read_built(place) is not None,
        on_wait=lambda: tell(f"Another ortbench is building `{spec.label}`; waiting for it."),
    )
    built = read_built(folder)
    if built is None:
        raise EnvironmentFailed(
            f"The environment `{spec.label}` in {folder} was changed just after it was built.",
            "See that nothing else cleans that folder, and run this again.",
        )
    return relabelled(built, spec.label)


def clean(keys: Iterable[str] | None = None, keep: Iterable[str] = ()) -> list[str]:
    """Remove environments (all, or those of `keys`) but for those in `keep`, and what interrupted builds left.

    Returns the keys removed. Raises BenchError, before removing anything, where a process still runs in one.
    uv's own cache stays: other programs share it.
    """
    root = environments_folder()
    found = {entry.name.partition(".tmp-")[0] for entry in root.iterdir() if entry.is_dir()} if root.is_dir() else set()
    chosen = (found if keys is None else found & set(keys)) - set(keep)
    for key in sorted(chosen):
        _refuse_if_used(root / key)
    for key in sorted(chosen):
        with disk_errors(root), locked(root / key):
            for entry in (root / key, *root.glob(f"{key}.tmp-*")):
                remove(entry)
    return sorted(chosen)


def _build(spec: EnvironmentSpec, key: str, scratch: Path, tell: OnLine) -> None:
    began = time.monotonic()
    config = read_pip_config(scratch)
    environ = {**os.environ, **uv_variables(config)}
    requirements, torch_flags = _with_cpu_torch(spec, config)
    _uv(spec, ["venv", "--quiet", "--relocatable", "--no-python-downloads", "--python", sys.executable, "."],
        scratch, environ, tell)  # fmt: skip
    _uv(spec, ["pip", "install", "--python", str(python_of(scratch)), "--compile-bytecode", *uv_arguments(config),
               *torch_flags, *requirements], scratch, environ, tell)  # fmt: skip
    marker = {
        "label": spec.label,
        "key": key,
        "requirements": requirements,
        "freeze": freeze_of(scratch),
        "python": platform.python_version(),
        "built_s": round(time.monotonic() - began, 3),
        "built_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (scratch / MARKER).write_text(json.dumps(marker, indent=1), "utf-8")


def _with_cpu_torch(spec: EnvironmentSpec, config: dict[str, str]) -> tuple[list[str], list[str]]:
    """Keep gigabytes of CUDA out: a CPU build from pip's find-links, else uv's own index of CPU builds."""
    if not spec.torch_cpu:
        return list(spec.requirements), []
    found = {text: cpu_torch(text, config) for text in spec.requirements if Requirement(text).name == "torch"}
    requirements = [found.get(text) or text for text in spec.requirements]
    return requirements, [] if any(found.values()) else ["--torch-backend", "cpu"]


def _uv(spec: EnvironmentSpec, arguments: list[str], folder: Path, environ: dict[str, str], tell: OnLine) -> None:
    try:
        import uv

        command = [uv.find_uv_bin(), "--color", "never", *arguments]
    except (ImportError, FileNotFoundError) as error:
        raise EnvironmentFailed(
            "The program `uv`, which builds environments, is not installed beside ortbench.",
            f"Install it: {sys.executable} -m pip install uv",
        ) from error
    code, said = run_command(command, folder, environ, tell)
    if code != 0:
        raise failed(spec.label, said, code)


def _refuse_if_used(folder: Path) -> None:
    inside = f"{folder}{os.sep}"
    for process in psutil.process_iter(["pid", "cmdline"]):
        if (process.info["cmdline"] or [""])[0].startswith(inside):
            raise BenchError(
                f"Process {process.pid} still runs in the environment {folder}.",
                "Wait for that run to end, or end it, and clean again.",
            )
