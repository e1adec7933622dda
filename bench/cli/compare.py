"""`ortbench compare A B`"""

from pathlib import Path

import click

from bench.analysis import compare_runs
from bench.cli.compared import show_comparison
from bench.cli.tables import to_json
from bench.console import err, out
from bench.report import write_comparison
from bench.report.comparison.markdown import to_markdown
from bench.report.comparison.record import as_record
from bench.store import read_run
from bench.store.durable import replacing

STDOUT = "-"


def share(_: click.Context, __: click.Parameter, written: str | None) -> float | None:
    """Read `1%` or `0.01`."""
    if written is None:
        return None
    try:
        found = float(written.strip().removesuffix("%")) / (100 if written.strip().endswith("%") else 1)
    except ValueError:
        found = -1.0
    if not 0 < found < 1:
        raise click.BadParameter(f"`{written}` is no threshold. Write 1% or 0.01, say: it lies between 0 and 100%.")
    return found


@click.command(name="compare")
@click.argument("a", metavar="A", type=click.Path(path_type=Path))
@click.argument("b", metavar="B", type=click.Path(path_type=Path))
@click.option(
    "--force", is_flag=True, help="Compare cells although machine, power, threads, inputs or precision differ."
)
@click.option(
    "--threshold", callback=share, default="1%", show_default=True, metavar="SHARE",
    help="The smallest change that is worth a word, such as 1% or 0.01.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
@click.option(
    "--markdown", is_flag=False, flag_value=STDOUT, metavar="[FILE]",
    help="Write it as Markdown, for a CI job's summary; to standard output without a file.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Write the comparison's HTML page into this folder too, with the data beside it.",
)  # fmt: skip
def command(
    a: Path, b: Path, force: bool, threshold: float, as_json: bool, markdown: str | None, output: Path | None
) -> None:
    """Compare two stored runs, A and B, cell by cell: what of B is slower or faster than in A.

    Runs of different times can show where to look, not that something changed; `ortbench duel` decides that.
    """
    found = compare_runs(read_run(a), read_run(b), threshold, force)
    if as_json:
        click.echo(to_json(as_record(found)))
    elif markdown == STDOUT:
        click.echo(to_markdown(found), nl=False)
    else:
        show_comparison(out(), found)
    if markdown not in (None, STDOUT):
        with replacing(Path(str(markdown))) as file:
            file.write(to_markdown(found).encode())
    if output:
        err().print(str(write_comparison(found, output)), markup=False, soft_wrap=True)
