"""What uv's last words mean to the person who reads them."""

import re

from bench.errors import EnvironmentFailed

LINES = 6
REMEDIES = (  # (pattern in what uv said, what happened, what to do): the first that matches
    (
        r"No space left|os error 28\b|os error 112\b",
        "the disk is full",
        "Free some space, or set ORTBENCH_CACHE and UV_CACHE_DIR to folders on a disk with room.",
    ),
    (
        r"[Rr]ead-only file system|[Pp]ermission denied|os error 5\b|os error 13\b",
        "a folder cannot be written to",
        "Give yourself the right to write there, or set ORTBENCH_CACHE and UV_CACHE_DIR to folders that are yours.",
    ),
    (
        r"error sending request|Failed to fetch|Request failed|dns error|timed out|network was disabled",
        "a package index could not be reached",
        "Check the network; or name an index or a folder of wheels you can reach with "
        "`python -m pip config set global.find-links FOLDER` - ortbench hands pip's configuration to uv.",
    ),
    (
        r"no versions? of|not found in|No solution found|no wheels with a matching",
        "no set of packages fulfils its requirements here",
        "Check the names and versions with `python -m pip index versions NAME`; change them under `requirements` of "
        "the suite's target.",
    ),
)


def failed(label: str, said: list[str], code: int) -> EnvironmentFailed:
    """Return the error for an environment uv gave up on, with the end of what it said."""
    text = "\n".join(said)
    unknown = ("", f"uv ended with exit code {code}", "Read uv's words above; `--debug` shows where it was called.")
    _, what, hint = next((row for row in REMEDIES if re.search(row[0], text)), unknown)
    begins = next((at for at, line in enumerate(said) if line.startswith("error")), None)
    told = [line for line in (said[-LINES:] if begins is None else said[begins : begins + LINES]) if line.strip()]
    quoted = "".join(f"\n    {line.strip()}" for line in told)
    return EnvironmentFailed(f"The environment `{label}` could not be built: {what}.{quoted}", hint)
