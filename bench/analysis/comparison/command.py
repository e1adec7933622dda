"""From what differs between two stored runs to the duel that decides whether it matters."""

import shlex
from collections.abc import Iterable, Sequence
from itertools import pairwise

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench import catalog
from bench.analysis.comparison.differences import ABSENT, Facts
from bench.analysis.comparison.pairs import Difference

UNKNOWN = ["--a", "onnxruntime==OLD", "--b", "onnxruntime==NEW"]  # nothing that was recorded tells the runs apart
VERBS = ("run", "duel")


def deciding_command(first: Facts, second: Facts, changed: Sequence[Difference]) -> str:
    """Return the `ortbench duel` that measures what differs between two runs, with both sides in the same minutes.

    Of several changes the likeliest cause comes first: a runtime's package, then a model's file, then a setting. Where
    nothing recorded differs the command has words to fill in.
    """
    sides = _package(first, second, changed) or _file(changed) or _setting(changed) or UNKNOWN
    return shlex.join(["ortbench", "duel", _suite(second), *sides])


def _suite(side: Facts) -> str:
    """Return what the suite was called on the command line; its name where that is not known."""
    try:
        words = shlex.split(str(side.meta.get("command") or ""))
    except ValueError:
        words = []
    for verb, word in pairwise(words):
        if verb in VERBS and not word.startswith("-"):
            return word
    return str(side.part("suite").get("suite") or "SUITE")


def _package(first: Facts, second: Facts, changed: Iterable[Difference]) -> list[str]:
    found = {str(canonicalize_name(each.what)): each for each in changed if each.kind == "package"}
    for name in _held(first, second):
        each = found.get(name)
        if each and ABSENT not in (each.a, each.b):
            return ["--a", _requirement(each.what, each.a), "--b", _requirement(each.what, each.b)]
    return []


def _held(first: Facts, second: Facts) -> list[str]:
    """Return the packages a duel can change: those the runtimes of both runs ask for, the runtimes themselves first."""
    used = {row.get("runtime") for side in (first, second) for row in side.part("targets").values()}
    asked = [runtime.requirements for name, runtime in catalog.runtimes().items() if name in used]
    places = max(map(len, asked), default=0)
    listed = [texts[place] for place in range(places) for texts in asked if place < len(texts)]
    return list(dict.fromkeys(canonicalize_name(Requirement(text).name) for text in listed))


def _requirement(name: str, version: str) -> str:
    return f"{name} @ {version}" if "://" in version else f"{name}=={version}"


def _file(changed: Iterable[Difference]) -> list[str]:
    return ["--a", "OLD.onnx", "--b", "NEW.onnx"] if any(each.kind == "model" for each in changed) else []


def _setting(changed: Iterable[Difference]) -> list[str]:
    for each in changed:
        if each.kind in ("options", "session") and ABSENT not in (each.a, each.b):
            return ["--a", f"{each.what}={each.a}", "--b", f"{each.what}={each.b}"]
        if each.kind in ("options", "session") and each.b != ABSENT:
            return ["--b", f"{each.what}={each.b}"]
        if each.kind == "target" and each.what == "device":
            return ["--a", f"device={each.a}", "--b", f"device={each.b}"]
    return []
