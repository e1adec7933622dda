"""A comparison as Markdown for a CI job's summary: the verdict, the worst ten, everything else folded away."""

import re
from collections.abc import Iterable, Sequence
from html import escape as html

from bench.analysis.comparison.pairs import Comparison
from bench.report.comparison.told import Line, told
from bench.report.numbers import counted

MOST_BYTES = 60_000  # hosts cut a summary off, or drop it whole, somewhat above
OPEN = 10  # cells that are not folded away
LONG = 300  # characters of one text; the report has the whole of it
SOME = 12  # entries of a list
SPECIAL = re.compile(r"([\\`*_\[\]~#|!])")
COLUMNS = ("", "Cell", "Change", "Bounds", "A", "B", "Why, caveats")


def to_markdown(found: Comparison) -> str:
    """Return a comparison as Markdown of less than 60,000 bytes, whatever it holds. What is left out is counted."""
    view = told(found)
    head = [f"## {escape(view.title)}", "", f"**{escape(view.headline, 1000)}**", ""]
    head += [f"- {name}: {escape(words)}" for name, words in view.sides]
    if view.warning:
        head += ["", f"> {escape(view.warning, 1000)}"]
    if view.command:
        head += ["> What decides is a duel, which measures both sides together:", "", _fenced(view.command)]
    head += ["", *(f"- {escape(line, 1000)}" for line in _some([*view.more, *view.notes]))]
    head += [f"- ! {escape(f'{each.count} {each.name}: {each.meaning}')}" for each in view.caveats]
    head += ["", " · ".join(f"{one.shape} {count:,} {one.name}" for one, count in view.tally), ""]
    if view.changed:
        head += ["<details><summary>What differs between A and B</summary>", ""]
        head += [*(f"- {escape(line)}" for line in _some(view.changed)), "", "</details>", ""]
    return _within("\n".join(head), view.lines)


def _within(head: str, lines: Sequence[Line]) -> str:
    """Add the tables: the first lines open, the others folded, as many as there is room for."""
    tail = "\n</details>\n"
    room = MOST_BYTES - _size(head) - 1000  # of headings, and of the sentence about what is left out
    rows, spent = [], 0
    for line in lines:
        row = _row(line)
        spent += _size(row) + 1
        if spent > room:
            break
        rows.append(row)
    parts = [head, *_table(rows[:OPEN]), ""]
    if rows[OPEN:]:
        title = f"{counted(len(rows) - OPEN, 'more cell')}"
        parts += [f"<details><summary>{html(title)}</summary>", "", *_table(rows[OPEN:]), tail]
    left = len(lines) - len(rows)
    if left:
        parts += [f"{counted(left, 'cell')} left out here for their size; the HTML page and `--json` have every one."]
    return "\n".join(parts).rstrip() + "\n"


def _table(rows: Iterable[str]) -> list[str]:
    return [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}", *rows]


def _row(line: Line) -> str:
    bounds = f"{line.bounds} ({line.evidence})" if line.bounds else ""
    cells = [f"{line.state.shape} {line.state.name}", line.name, line.change, bounds, line.a, line.b]
    return f"| {' | '.join(escape(each) for each in [*cells, '; '.join(filter(None, [line.why, line.caveats]))])} |"


def escape(text: str, most: int = LONG) -> str:
    """Return text that Markdown shows as it is, on one line and not longer than `most` characters."""
    flat = " ".join(text.split())
    flat = flat if len(flat) <= most else f"{flat[: most - 1]}…"
    return SPECIAL.sub(r"\\\1", html(flat, quote=False))


def _fenced(text: str) -> str:
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 0)
    return f"{fence}sh\n{' '.join(text.split())}\n{fence}"


def _some(lines: Sequence[str]) -> list[str]:
    left = len(lines) - SOME
    return [*lines[:SOME], *([f"and {left:,} more"] if left > 0 else [])]


def _size(text: str) -> int:
    return len(text.encode())
