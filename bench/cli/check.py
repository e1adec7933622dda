"""`ortbench check`: is this a suite, and what does it hold?"""

import click

from bench.console import err, out
from bench.contract.words import counted
from bench.errors import SuiteError, UsageError
from bench.suite import LoadedSuite, catalog_facts, load_suite
from bench.suite.expand import expand


@click.command()
@click.argument("suites", metavar="SUITE...", nargs=-1, required=True)
def command(suites: tuple[str, ...]) -> None:
    """Check suites and report every mistake at once."""
    problems: list[str] = []
    hints: list[str] = []
    for source in suites:
        try:
            loaded = load_suite(source)
        except UsageError as error:
            problems += error.problems if isinstance(error, SuiteError) else [error.message]
            hints.append(error.hint)
            continue
        for warning in loaded.warnings:
            err().print(f"! {warning}", markup=False, soft_wrap=True)
        out().print(f"{source}: {describe(loaded)}", markup=False, soft_wrap=True)
    if problems:
        raise SuiteError(problems, " ".join(dict.fromkeys(filter(None, hints))))


def describe(loaded: LoadedSuite) -> str:
    """Return in one line what a suite holds. Baseline cells nobody listed are not counted."""
    cells = expand(loaded.suite, catalog_facts(loaded.suite), cores=1)
    counts = ", ".join(
        counted(len({getattr(cell, axis) for cell in cells}), axis, plural)
        for axis, plural in (("model", "models"), ("target", "targets"), ("precision", "precisions"))
    )
    batches = ", ".join(str(batch) for batch in sorted({cell.batch for cell in cells}))
    return f"{loaded.suite.suite} holds {counted(len(cells), 'cell')}: {counts}, batch {batches}"
