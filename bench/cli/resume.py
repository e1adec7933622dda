"""`ortbench resume [JOURNAL]`"""

from pathlib import Path

import click

from bench.cli.progress import Watcher
from bench.cli.run import conclude, interruptible
from bench.console import out
from bench.errors import UsageError


@click.command(name="resume")
@click.argument("journal", required=False, type=click.Path(path_type=Path))
@click.option(
    "--report/--no-report", "wants_report", default=True, show_default=True, help="Write the HTML report too."
)
@click.option("--reports", default="reports", show_default=True, type=click.Path(path_type=Path), help="Its folder.")
def command(journal: Path | None, wants_report: bool, reports: Path) -> None:
    """Finish a run that was interrupted: JOURNAL, or the newest one in results/."""
    path = journal or _newest()
    from bench.runner import resume

    with interruptible(path), Watcher(out()) as watch:
        finished = resume(path, watch)
    conclude(finished, reports if wants_report else None)


def _newest() -> Path:
    found = sorted(Path("results").glob("*.journal"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise UsageError(
            "There is no interrupted run in results/.", "Name its journal: `ortbench resume FOLDER/NAME.journal`."
        )
    return found[-1]
