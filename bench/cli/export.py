"""`ortbench export RUN --to csv|json`"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import pandas as pd

from bench.analysis import summarize
from bench.analysis.samples import trial_table
from bench.cli.tables import IN_MEMORY, as_json, records
from bench.console import err
from bench.store import Run, read_run
from bench.store.columns import COLUMNS
from bench.store.durable import replacing

LISTS = [name for name, kind in COLUMNS.items() if kind.startswith("list") and name != "flags"]


@click.command(name="export")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--to", "form", type=click.Choice(["csv", "json"]), required=True, help="The form to write.")
@click.option(
    "--what", type=click.Choice(["trials", "cells"]),
    help="One row a trial, or one a cell with its estimates. Unless told, CSV has cells and JSON has trials.",
)  # fmt: skip
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to; standard output unless told.",
)
def command(run: Path, form: str, what: str | None, output: Path | None) -> None:
    """Write a run as CSV or JSON, under the column names of the Parquet file.

    JSON holds the run's meta and, with trials, every raw sample. CSV of trials leaves the samples out and has each
    trial's median (`trial_median_ns`) in their place.
    """
    found = read_run(run)
    what = what or ("cells" if form == "csv" else "trials")
    if form == "json":
        _write(_json(found, what), output)
    else:
        trials = trial_table(found.trials).drop(columns=[*LISTS, "kept"])
        _write(_csv(summarize(found.trials, found.meta) if what == "cells" else trials), output)
    if form == "csv" and what == "trials":
        err().print("CSV leaves the raw samples out; `--to json` has them.")


def _write(pieces: Iterable[str], output: Path | None) -> None:
    if output is None:
        for piece in pieces:
            click.echo(piece, nl=False)
        return
    with replacing(output) as file:
        for piece in pieces:
            file.write(piece.encode())


def _csv(frame: pd.DataFrame) -> Iterator[str]:
    """A line a row: nothing for what is not known, flags with semicolons between them."""
    lines = io.StringIO()
    rows = records(frame)
    writer = csv.DictWriter(lines, [name for name in frame.columns if name not in IN_MEMORY], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(row | {"flags": ";".join(row["flags"] or [])})
    yield lines.getvalue()


def _json(run: Run, what: str) -> Iterator[str]:
    """One row at a time: the samples of a long run need not be in memory as text."""
    frame = summarize(run.trials, run.meta) if what == "cells" else run.trials
    yield f'{{"meta": {json.dumps(as_json(run.meta), ensure_ascii=False)},\n"{what}": ['
    for number in range(len(frame)):
        row = records(frame.iloc[number : number + 1])[0]
        yield f"{',' if number else ''}\n{json.dumps(row, ensure_ascii=False, allow_nan=False)}"
    yield "\n]}\n"
