"""What the terminal shows. With `cli`, the only code that prints."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from rich.console import Console
from rich.text import Text

PLAIN_WIDTH = 200  # columns of a pipe or a log, which have no width of their own: no row is broken


@cache
def out() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


@cache
def err() -> Console:
    return Console(stderr=True, highlight=False)


@contextmanager
def progress(title: str) -> Iterator[Callable[[str], None]]:
    """Show that something goes on, with the last line it told; plain lines where there is no terminal."""
    if not err().is_terminal:
        err().print(title, markup=False)
        yield lambda line: err().print(f"  {line}", markup=False, soft_wrap=True)
        return
    with err().status(Text(title)) as status:
        yield lambda line: status.update(Text(f"{title}  {line}", overflow="ellipsis", no_wrap=True))


def size_text(count: int | None) -> str:
    """Return a number of bytes as people read it, in decimal units."""
    amount = float(count or 0)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
