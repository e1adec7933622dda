"""What the terminal shows. With `cli`, the only code that prints."""

from functools import cache

from rich.console import Console


@cache
def out() -> Console:
    return Console(highlight=False)


@cache
def err() -> Console:
    return Console(stderr=True, highlight=False)
