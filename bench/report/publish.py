"""From run files to a folder one can publish: the page, and beside it the data it was made from."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from bench.analysis import summarize
from bench.errors import UsageError
from bench.report import words
from bench.report.scope import Scope, scope
from bench.report.view import Page, page
from bench.store import Run, read_run
from bench.store.durable import replacing


@dataclass(frozen=True)
class _Source:
    run: Run
    scope: Scope
    files: dict[str, str]  # label -> file name


def write_report(runs: Sequence[Path], folder: Path) -> Path:
    """Write one self-contained page about the runs, with their data beside it, and return the path of `index.html`.

    The folder is made where it is missing; each file takes its place whole, the page last. Raises UsageError without
    runs or where a run cannot be read, BenchError where the folder cannot be written.
    """
    if not runs:
        raise UsageError(
            "A report needs at least one run.", "Name run files: they lie under results/ and end in .parquet."
        )
    sources = [_source(Path(path), number, len(runs)) for number, path in enumerate(runs, start=1)]
    text = render(page([source.scope for source in sources], [source.files for source in sources]))
    for source in sources:
        for label, content in _data(source).items():
            with replacing(folder / source.files[label]) as file:
                file.write(content)
    with replacing(folder / "index.html") as file:
        file.write(text.encode())
    return folder / "index.html"


def _source(path: Path, number: int, total: int) -> _Source:
    run = read_run(path)
    frame = summarize(run.trials, run.meta)
    several = f"run{number}-" if total > 1 else ""
    files = {
        "Parquet": f"{several}run.parquet",
        "CSV": f"{several}cells.csv",
        "JSON": f"{several}cells.json",
        "Suite": f"{several}suite.yaml",
    }
    prefix = f"r{number}-" if total > 1 else ""
    return _Source(run, scope(run.meta, run.trials, frame, prefix), files)


def _data(source: _Source) -> dict[str, bytes]:
    frame = source.scope.frame.drop(columns=["effects", "trial_medians_ns"])  # in the Parquet file, as samples
    table = io.StringIO()
    frame.to_csv(table, index=False, lineterminator="\n")
    records = frame.to_json(orient="records", indent=1, double_precision=15)
    return {
        "Parquet": source.run.path.read_bytes(),
        "CSV": table.getvalue().encode(),
        "JSON": (records or "[]").encode(),
        "Suite": str(source.run.meta.get("suite_text", "")).encode(),
    }


def render(what: Page) -> str:
    """The page as HTML text. Everything that is not Markup is escaped."""
    environment = Environment(
        loader=PackageLoader("bench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("page.html").render(page=what)
    return words.printable(text)
