"""`ortbench env list | build [TARGET...] | clean [--all]`"""

import json
from difflib import get_close_matches
from fnmatch import fnmatch
from typing import Any

import click
from rich.table import Table

from bench import catalog
from bench.console import err, out, progress, size_text
from bench.environments import EnvironmentSpec, clean, ensure, key_of, list_built, spec_for, tools_spec
from bench.environments.built import size_of
from bench.environments.machine import devices, platform_name
from bench.errors import EnvironmentFailed, UsageError


@click.group(name="env")
def command() -> None:
    """List, build and clean the runtimes' environments."""


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with everything installed in each.")
def list_environments(as_json: bool) -> None:
    """List the environments that are built, and those of the catalog that are not."""
    rows: list[dict[str, Any]] = [
        {
            "label": found.label,
            "key": found.key,
            "bytes": size_of(found.folder) if found.folder else None,
            "built_at": found.built_at,
            "built_s": found.built_s,
            "python": found.python_version,
            "freeze": list(found.freeze),
            "folder": str(found.folder),
        }
        for found in list_built()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    table = Table("environment", "state", "size", "packages", "built", "key", box=None, header_style="bold")
    for row in rows:
        table.add_row(
            row["label"], "built", size_text(row["bytes"]), str(len(row["freeze"])), row["built_at"], row["key"]
        )
    keys = {row["key"] for row in rows}
    for spec in _catalog_specs():
        if key_of(spec) not in keys:
            table.add_row(spec.label, "not built", "", "", "", key_of(spec))
    out().print(table)


@command.command(name="build")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
def build_environments(targets: tuple[str, ...]) -> None:
    """Build the environments of these targets; without any, all that this machine can use."""
    specs = _wanted(targets)
    failures: list[tuple[str, EnvironmentFailed]] = []
    for spec in specs:
        with progress(f"environment {spec.label}") as tell:
            try:
                found = ensure(spec, tell)
            except EnvironmentFailed as error:
                failures.append((spec.label, error))
                continue
        err().print(f"{spec.label}: {len(found.freeze)} packages, {found.folder}", markup=False, soft_wrap=True)
    if len(failures) == 1:
        raise failures[0][1]
    if failures:
        told = "\n".join(f"{error.message}\n    next: {error.hint}" for _, error in failures)
        raise EnvironmentFailed(
            f"{len(failures)} of {len(specs)} environments could not be built.\n{told}",
            "Build one at a time: `ortbench env build TARGET`.",
        )


@command.command(name="clean")
@click.option("--all", "everything", is_flag=True, help="Remove those the catalog still needs, too.")
def clean_environments(everything: bool) -> None:
    """Remove environments that no target of the catalog needs any more, and what interrupted builds left."""
    keep = [] if everything else [key_of(spec) for spec in _catalog_specs()]
    removed = clean(keep=keep)
    err().print(f"{len(removed)} environment{'s' if len(removed) != 1 else ''} removed.")


def _catalog_specs() -> list[EnvironmentSpec]:
    """Return the environments of the catalog that have wheels for this machine, each once."""
    here, found = platform_name(), devices()
    specs = {key_of(tools_spec()): tools_spec()}
    for target in catalog.targets().values():
        runtime = catalog.runtimes()[target.runtime]
        fits = not runtime.platforms or any(fnmatch(here, pattern) for pattern in runtime.platforms)
        if fits and (runtime.needs is None or runtime.needs in found):
            spec = spec_for(target)
            specs.setdefault(key_of(spec), spec)
    return list(specs.values())


def _wanted(names: tuple[str, ...]) -> list[EnvironmentSpec]:
    if not names:
        return _catalog_specs()
    known: dict[str, Any] = {**catalog.targets(), "tools": None}
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=3)
            told = f"Did you mean {' or '.join(near)}?" if near else f"Targets are {', '.join(known)}."
            raise UsageError(f"There is no target `{name}`.", told)
    specs = [spec_for(known[name]) if known[name] else tools_spec() for name in names]
    return list({key_of(spec): spec for spec in specs}.values())
