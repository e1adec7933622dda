"""The command in this process, and what it prints as one line."""

from click.testing import CliRunner, Result

from bench import console
from bench.cli import group


def ortbench(*arguments: object) -> Result:
    """Run the command; its consoles are made anew, for the streams of this call."""
    console.out.cache_clear()
    console.err.cache_clear()
    return CliRunner().invoke(group, [str(argument) for argument in arguments])


def flat(text: str) -> str:
    """The text without its line breaks and its spaces that do not break."""
    return " ".join(text.replace("\u00a0", " ").split())
