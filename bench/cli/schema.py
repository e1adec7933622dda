"""`ortbench schema`: the suite's JSON Schema, for editors."""

import json

import click

from bench.suite import json_schema


@click.command()
def command() -> None:
    """Print the suite's JSON Schema, for editors."""
    click.echo(json.dumps(json_schema(), indent=2))
