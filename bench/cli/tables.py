"""Tables for a terminal 80 columns wide or more, and for a pipe: text is folded, never cut off."""

import json
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.report.scope import plain
from bench.report.words import State

PIPED = 100  # columns of a table where there is no terminal to ask
COLOURS = {"ok": "green", "unstable": "yellow", "not valid": "yellow", "failed": "red", "skipped": "dim"}
IN_MEMORY = ["effects", "trial_medians_ns"]  # columns of a summary that the trials' samples hold already


def width(console: Console) -> int:
    return console.width if console.is_terminal else PIPED


def text(found: str, style: str = "") -> Text:
    """Text without markup. What a runtime's message may hold to control a terminal is made harmless."""
    return Text("".join(c if c.isprintable() or c in "\n\u00a0" else "\ufffd" for c in found), style)


def marked(state: State, words: str) -> Text:
    """A shape and words, coloured where there are colours."""
    return text(f"{state.shape} {words}", COLOURS[state.name])


def grid(title: str, columns: Iterable[str], right: Iterable[str] = ()) -> Table:
    """An empty table with a heading line; columns named in `right` are aligned there."""
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0), show_edge=False
    )
    for name in columns:
        table.add_column(text(name, "dim"), justify="right" if name in set(right) else "left", overflow="fold")
    return table


def show(console: Console, table: Table) -> None:
    """Print a table with an empty line under it."""
    console.print(table, width=width(console))
    console.print()


def say(console: Console, line: Text | str) -> None:
    """Print a line; on a terminal folded at word ends where it is long."""
    console.print(line if isinstance(line, Text) else text(line), soft_wrap=not console.is_terminal)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON values under the same names: null for what is not known, whole numbers whole."""
    rows = frame.drop(columns=IN_MEMORY, errors="ignore").to_dict("records")
    return [{str(name): as_json(value) for name, value in row.items()} for row in rows]


def as_json(value: Any) -> Any:
    value = plain(value)
    if isinstance(value, Mapping):
        return {str(name): as_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    if isinstance(value, float):
        return None if not isfinite(value) else int(value) if value.is_integer() else value
    return value.isoformat() if hasattr(value, "isoformat") else value


def to_json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
