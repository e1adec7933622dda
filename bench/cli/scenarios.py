"""Scenarios other than plain latency in a terminal: a table each, in the words of the report."""

from rich.console import Console

from bench.cli.tables import grid, marked, say, show, text
from bench.report import scenarios
from bench.report.entries import Entry
from bench.report.scenarios import ScenarioView
from bench.report.scope import Scope


def show_scenarios(console: Console, view: Scope) -> None:
    """Print what each of them measured, against the baseline, with its caveats; cells that failed come last of all."""
    for name in scenarios.names(view):
        _table(console, scenarios.tabled(view, name))


def _table(console: Console, one: ScenarioView) -> None:
    """A line a configuration, with its case where there are several; the settings and the verdict above them."""
    several = len({line.entries[0].text for line in one.lines}) > 1
    columns = one.columns[2:]
    right = [column.name.lower() for column in columns if column.numeric]
    say(console, text(one.title, "bold"))
    for sentence in filter(None, (one.settings, one.sentence)):
        say(console, text(sentence, "dim" if sentence == one.settings else ""))
    if all(line.reason for line in one.lines):
        say(console, text("No cell gave a figure; the reasons are below.\n"))
        return
    table = grid("", ["", *(column.name.lower() for column in columns)], right=right)
    table.title = None
    for line in one.lines:
        if not line.reason:
            head = marked(line.state, line.entries[1].text + (f"\n  {line.entries[0].text}" if several else ""))
            table.add_row(head, *(text(_lines(entry)) for entry in line.entries[2:]))
    show(console, table)


def _lines(found: Entry) -> str:
    return "\n".join(filter(None, [found.text, found.small]))
