"""`ortbench models list | fetch NAME... | show NAME`"""

import json
from typing import Any

import click
from rich.table import Table

from bench import catalog
from bench.console import err, out, progress, size_text
from bench.models import cached, catalog_model, catalog_source, fetch_catalog, fetch_twin, twin_source
from bench.models.origins import Source
from bench.models.real_inputs import fetch_real


@click.group(name="models")
def command() -> None:
    """List, fetch and show models."""


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_models(as_json: bool) -> None:
    """List the models of the catalog."""
    rows = [_facts(row) for row in catalog.models().values()]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    table = Table("model", "task", "size", "formats", "licence", "cached", box=None, header_style="bold")
    for row in rows:
        size = size_text(row["bytes"]) if row["bytes"] else "?"
        formats = ", ".join(row["formats"])
        here = {0: "no", len(row["files"]): "yes"}.get(len(row["cached"]), "partly")
        table.add_row(row["name"], row["task"], size, formats, row["licence"], here)
    out().print(table)


@command.command(name="fetch")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def fetch_models(names: tuple[str, ...]) -> None:
    """Download models, their twins in other formats, and what their inputs are made of, into the cache."""
    rows = [catalog_model(name) for name in names]  # an unknown name stops before anything is downloaded
    for row in rows:
        with progress(f"fetching {row.name}"):
            found = [fetch_catalog(row.name), *(fetch_twin(row.name, form) for form in row.twins), *fetch_real(row)]
        for each in found:
            came = "already in the cache" if each.from_cache else f"downloaded in {each.seconds:.1f} s"
            err().print(f"{row.name}: {each.source}: {size_text(each.bytes)}, {came}", markup=False, soft_wrap=True)
            click.echo(each.path)


@command.command(name="show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_model(name: str, as_json: bool) -> None:
    """Show where a model comes from, its inputs, and where it lies."""
    facts = _facts(catalog_model(name))
    if as_json:
        click.echo(json.dumps(facts, indent=1))
        return
    table = Table(box=None, show_header=False)
    for key, value in facts.items():
        if key == "inputs":
            text = "\n".join(_input_text(each, fill) for each, fill in value.items())
        elif key == "files":
            text = "\n".join(f"{form}: {file['source']}\n  sha256 {file['sha256']}" for form, file in value.items())
        elif isinstance(value, dict):
            text = ", ".join(f"{each} = {what}" for each, what in value.items())
        else:
            text = ", ".join(value) if isinstance(value, list) else str(value)
        if value not in (None, {}, []):
            table.add_row(key, text)
    out().print(table, markup=False)


def _facts(row: catalog.Model) -> dict[str, Any]:
    sources: dict[str, Source] = {"checkpoint" if row.factory else "onnx": catalog_source(row.name)}
    sources |= {form: twin_source(row.name, form) for form in row.twins}
    here = {form: cached(source) for form, source in sources.items()}
    return {
        "name": row.name,
        "task": row.task,
        "bytes": row.bytes,
        "licence": row.licence,
        "stored": row.stored,
        "formats": (["onnx", "torch"] if row.factory else ["onnx"]) + list(row.twins),
        "batch": row.batch,
        "dims": row.dims,
        "inputs": {name: {"shape": row.shapes.get(name)} | fill for name, fill in row.inputs.items()},
        "output_kind": row.output_kind,
        "constant_output": row.constant_output,
        "factory": row.factory,
        "files": {form: {"source": source.text, "sha256": source.sha256} for form, source in sources.items()},
        "cached": {form: str(path) for form, path in here.items() if path},
    }


def _input_text(name: str, facts: dict[str, Any]) -> str:
    shape = facts["shape"]
    told = " x ".join(map(str, shape)) or "scalar" if shape is not None else "shape as in the file"
    return f"{name}: {told}, " + ", ".join(f"{kind} {value}" for kind, value in facts.items() if kind != "shape")
