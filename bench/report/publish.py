"""From run files to a folder one can publish: the page, and beside it the data it was made from."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from bench import __version__
from bench.analysis import compare_duel, is_duel, summarize
from bench.analysis.comparison.pairs import LOCKSTEP, Comparison
from bench.errors import UsageError
from bench.report import words
from bench.report.comparison.markdown import to_markdown
from bench.report.comparison.record import as_record
from bench.report.comparison.view import GLOSSARY, compare_view
from bench.report.details import Fact
from bench.report.scope import Scope, scope
from bench.report.view import Page, page
from bench.store import Run, read_run
from bench.store.durable import replacing

COMPARISON = {"JSON": "comparison.json", "Markdown": "comparison.md"}  # label -> file beside the page


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
    what = page([source.scope for source in sources], [source.files for source in sources])
    files = {source.files[label]: content for source in sources for label, content in _data(source).items()}
    if len(sources) == 1 and is_duel(sources[0].run):
        duel = compare_duel(sources[0].run)
        what = replace(what, title=duel.title, compared=compare_view(duel, COMPARISON), glossary=_glossary(what))
        files |= _comparison_data(duel)
    return _write(folder, files, render(what))


def write_comparison(found: Comparison, folder: Path) -> Path:
    """Write the page of a comparison, with its data and its runs beside it, and return the path of `index.html`.

    The folder is made where it is missing; each file takes its place whole, the page last. Raises BenchError where the
    folder cannot be written.
    """
    paths = {"run.parquet": found.a.path} if found.basis == LOCKSTEP else {}
    paths = paths or {"a.parquet": found.a.path, "b.parquet": found.b.path}
    stored = {name: path.read_bytes() for name, path in paths.items() if path.is_file()}
    labels = {name.removesuffix(".parquet").capitalize() + " (Parquet)": name for name in stored}
    view = compare_view(found, {**labels, **COMPARISON})
    what = Page(found.title, "", (), GLOSSARY, __version__, view)
    return _write(folder, {**stored, **_comparison_data(found)}, render(what))


def _glossary(what: Page) -> tuple[Fact, ...]:
    return tuple({**dict(what.glossary), **dict(GLOSSARY)}.items())


def _comparison_data(found: Comparison) -> dict[str, bytes]:
    record = json.dumps(as_record(found), indent=1, ensure_ascii=False, allow_nan=False, default=str)
    return {COMPARISON["JSON"]: record.encode(), COMPARISON["Markdown"]: to_markdown(found).encode()}


def _write(folder: Path, files: Mapping[str, bytes], text: str) -> Path:
    for name, content in files.items():
        with replacing(folder / name) as file:
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
