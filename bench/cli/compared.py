"""A comparison in the terminal: `compare` and `duel` show the same."""

from collections import Counter

from rich.console import Console
from rich.text import Text

from bench.analysis.comparison.pairs import Comparison
from bench.cli.tables import grid, say, show, text
from bench.report.comparison.told import Line, Told, told
from bench.report.numbers import counted
from bench.report.words import State

COLOURS = {"regression": "bold red", "slower": "red", "faster": "green", "inconclusive": "yellow"}
COLOURS |= {"not comparable": "yellow", "no verdict": "dim"}
SOME = 8  # lines of what differs


def show_comparison(console: Console, found: Comparison) -> None:
    """Print a comparison: what it cannot show, caveats, the verdict, then every cell, the largest effects first."""
    view = told(found)
    say(console, text(view.title, "dim"))
    for name, words in view.sides:
        say(console, text(f"{name}  {words}", "dim"))
    if view.warning:
        say(console, text(f"! {view.warning}", "yellow"))
        say(console, text(f"! What decides: {view.command}", "yellow"))
    for note in view.notes:
        say(console, text(f"! {note}", "yellow"))
    for caveat in view.caveats:
        say(console, text(f"! {caveat.count} {caveat.name}: {caveat.meaning}", "yellow"))
    say(console, text(view.headline, "bold"))
    for sentence in view.more:
        say(console, sentence)
    counts = Text("  ").join(_marked(state, f"{count:,} {state.name}") for state, count in view.tally)
    say(console, Text.assemble(f"{counted(len(view.lines), 'cell')}: ", counts))
    console.print()
    _cells(console, view)
    _means(console, view)
    _changed(console, view)


def _marked(state: State, words: str) -> Text:
    return text(f"{state.shape} {words}", COLOURS.get(state.name, ""))


def _cells(console: Console, view: Told) -> None:
    """Pairs with a ratio in one table; those without, with their reasons, in another, alike ones in one line."""
    measured = [line for line in view.lines if line.change]
    if measured:
        [(usual, _)] = Counter(line.evidence for line in measured).most_common(1)
        title = f"B against A; bounds are a {usual}, unless told"
        table = grid(title, ["", "B takes", "A", "B", "caveats"], right=["A", "B"])
        for line in measured:
            why = "\n".join(filter(None, [line.why, line.caveats]))
            change = text("\n".join([line.change, line.bounds, *([line.evidence] if line.evidence != usual else [])]))
            name = Text.assemble(_marked(line.state, line.state.name), text(f"\n  {line.name}"))
            table.add_row(name, change, text(line.a), text(line.b), text(why))
        show(console, table)
    alike: dict[tuple[str, str], list[Line]] = {}
    for line in view.lines:
        if not line.change:
            alike.setdefault((line.state.name, line.why), []).append(line)
    if alike:
        table = grid("Without a ratio", ["", "cells", "why"])
        for (_, why), lines in alike.items():
            table.add_row(
                _marked(lines[0].state, lines[0].state.name), text("\n".join(line.name for line in lines)), text(why)
            )
        show(console, table)


def _means(console: Console, view: Told) -> None:
    if not view.means:
        return
    table = grid("Geometric means", ["", "B takes", "", "over"])
    for mean in view.means:
        table.add_row(text(mean.over), text(mean.change), text(mean.bounds), text(mean.count))
    show(console, table)


def _changed(console: Console, view: Told) -> None:
    if not view.changed:
        return
    table = grid("What differs between A and B", [""])
    for line in view.changed[:SOME]:
        table.add_row(text(line))
    if len(view.changed) > SOME:
        table.add_row(text(f"and {len(view.changed) - SOME} more; `--json` lists them all", "dim"))
    show(console, table)
