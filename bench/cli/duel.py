"""`ortbench duel SUITE --a X --b Y`"""

from pathlib import Path

import click

from bench.cli.compare import share
from bench.cli.progress import Watcher
from bench.cli.run import interruptible
from bench.console import err, out
from bench.errors import BenchError
from bench.suite import LoadedSuite, load_suite, with_duel
from bench.suite.duel import AS_IS, FORMS, from_here

SUMMARY = "GITHUB_STEP_SUMMARY"  # the file in which GitHub's CI takes Markdown
REGRESSED = 1  # the gate's exit code


@click.command(name="duel")
@click.argument("suite", metavar="SUITE")
@click.option("--a", metavar="X", help="The side compared with; as-is, the suite unchanged, unless told.")
@click.option("--b", metavar="Y", help=f"The other side. A side is {FORMS}.")
@click.option("--gate", is_flag=True, help="Exit with 1 where a regression was confirmed by a second batch of rounds.")
@click.option(
    "--threshold", callback=share, metavar="SHARE", help="The smallest change that is worth a word; 1% unless told."
)
@click.option(
    "--summary", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", envvar=SUMMARY,
    help="Add the result to this file as Markdown; the CI's step summary unless told.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--out", "folder", default="results", show_default=True, type=click.Path(path_type=Path))
@click.option("--preset", type=click.Choice(["quick", "standard", "precise"]), help="Overrides the suite's own.")
@click.option(
    "--report/--no-report", "wants_report", default=True, show_default=True, help="Write the HTML report too."
)
@click.option("--reports", default="reports", show_default=True, type=click.Path(path_type=Path), help="Its folder.")
def command(
    suite: str,
    a: str | None,
    b: str | None,
    gate: bool,
    threshold: float | None,
    summary: Path | None,
    as_json: bool,
    folder: Path,
    preset: str | None,
    wants_report: bool,
    reports: Path,
) -> int:
    """Measure every cell of SUITE twice, side A against side B, together in lockstep.

    This is how to find out whether something got slower: two versions, options, models or files, in the same minutes
    on the same machine. What reads as slower is measured once more; only what is slower both times is a regression.
    """
    loaded = _with_threshold(_with_sides(load_suite(suite), a, b), threshold)
    for warning in loaded.warnings:
        err().print(f"! {warning}", markup=False, soft_wrap=True)
    from bench.runner import run

    with interruptible(folder), Watcher(err() if as_json else out()) as watch:
        path = run(loaded, folder, preset, watch)  # type: ignore[arg-type]  # click checked the choice
    return _conclude(path, reports if wants_report else None, summary, as_json, gate)


def _with_sides(loaded: LoadedSuite, a: str | None, b: str | None) -> LoadedSuite:
    """Return the suite as the duel that is asked for: by the options, else by itself."""
    own = loaded.suite.duel
    if b is None and own is None:
        raise click.UsageError("Name side b, such as `--b onnxruntime==1.32.0`. The other side is the suite as it is.")
    if a is None and b is None:
        return loaded
    here = {side: from_here(words, loaded.folder) for side, words in (("a", a), ("b", b)) if words is not None}
    given = {"a": AS_IS} | (own.model_dump() if own else {}) | here
    return with_duel(loaded, given["a"], given["b"])


def _with_threshold(loaded: LoadedSuite, threshold: float | None) -> LoadedSuite:
    return loaded if threshold is None else loaded.with_measure(threshold=threshold)


def _conclude(path: Path, reports: Path | None, summary: Path | None, as_json: bool, gate: bool) -> int:
    """Show what the duel says, in every form that was asked for; return the exit code."""
    from bench.analysis import compare_duel
    from bench.cli.compared import show_comparison
    from bench.cli.tables import to_json
    from bench.report import write_report
    from bench.report.comparison.markdown import to_markdown
    from bench.report.comparison.record import as_record
    from bench.store import read_run

    found = compare_duel(read_run(path))
    page = write_report([path], reports / path.stem) if reports else None
    if as_json:
        click.echo(to_json(as_record(found)))
    else:
        show_comparison(out(), found)
    if summary:
        _add(to_markdown(found), summary)
    err().print(" · ".join(map(str, filter(None, (path, page)))), markup=False, soft_wrap=True)
    if not gate:
        return 0
    failed = len(found.regressions)
    told = f"{failed} regression{'s' * (failed != 1)} confirmed" if failed else "no confirmed regression"
    err().print(f"gate: {told}", markup=False)
    return REGRESSED if failed else 0


def _add(text: str, summary: Path) -> None:
    """Other steps of a job write into the same file."""
    try:
        with summary.open("a", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        raise BenchError(
            f"The summary could not be added to {summary}: {error.strerror}.", "Name another file with `--summary`."
        ) from error
