"""`ortbench report RUN... -o DIR`"""

from pathlib import Path

import click

from bench.report import write_report


@click.command(name="report")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Folder to write; reports/ and the name of the first run unless told.",
)  # fmt: skip
def command(runs: tuple[Path, ...], output: Path | None) -> None:
    """Write one or more runs as one HTML page that opens from disk, with the data beside it."""
    click.echo(write_report(runs, output or Path("reports") / runs[0].stem))
