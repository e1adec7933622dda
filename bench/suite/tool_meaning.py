"""What is wrong with what a suite says of a program that measures by itself: placeholders, patterns, figures."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from bench import catalog
from bench.contract.tool import FIGURES, OF_INPUT, PLACEHOLDERS, TRANSFER, enough, names_in
from bench.suite.near import nearest
from bench.suite.reading import Mistake, Where

EXAMPLES = {"latency": "median_ms or mean_ms", "throughput": "inferences_per_s, or inferences and duration_ms"}
TEMPLATES = ("command", "reach", "send", "there", "check", "report", "comes_with")


def tool_mistakes(where: Where, target: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield what is wrong with a target's `tool`, and with options that its program has no place for."""
    base = catalog.targets().get(str(target.get("target")))
    given = target.get("tool")
    if base is None or (base.tool is None and given is None):
        return
    if base.tool is None:
        tools = ", ".join(catalog.tools())
        text = f"`{base.name}` is no program that measures by itself, expected `target` to be one of {tools}"
        yield Mistake((*where, "tool"), text, True)
        return
    own = given if isinstance(given, Mapping) else {}
    tool = asdict(base.tool) | {key: value for key, value in own.items() if value is not None}
    options = target.get("options")
    named = set(base.options) | (set(options) if isinstance(options, Mapping) else set())
    yield from _templates((*where, "tool"), own, tool, named)
    if isinstance(options, Mapping):
        yield from _idle((*where, "options"), options, base.options, tool)
    if tool["command"] or own:
        yield from _read((*where, "tool"), own, tool)
    if tool["reach"] and own and not (tool["send"] and tool["there"]):
        text = "found no `send` and `there`, expected how a model gets to where `reach` leads, and where to"
        yield Mistake((*where, "tool"), text, True)
    if tool["reach"] and tool["report"] and own:
        yield Mistake((*where, "tool"), "found a `report` that is written elsewhere, expected patterns in `read`", True)


def _templates(where: Where, own: Mapping[str, Any], tool: Mapping[str, Any], named: set[str]) -> Iterator[Mistake]:
    """Yield placeholders that stand for nothing, and braces that do not match."""
    lists = tool["lists"] if isinstance(tool["lists"], Mapping) else {}
    known = {"command": {*PLACEHOLDERS, *lists, *named}, "send": {*TRANSFER, *named}, "report": {"folder", *named}}
    for key in TEMPLATES:
        for place, text in _texts(own.get(key)):
            yield from _placeholders((*where, key, *place), text, known.get(key, named))
    for name, given in (own.get("lists") or {}).items() if isinstance(own.get("lists"), Mapping) else ():
        for key in ("each", "unnamed") if isinstance(given, Mapping) else ():
            if isinstance(given.get(key), str):
                yield from _placeholders((*where, "lists", name, key), given[key], OF_INPUT)
    if own.get("command") and isinstance(own["command"], list):
        words = " ".join(text for _, text in _texts(own["command"]))
        if "{model}" not in words:
            yield Mistake((*where, "command"), "found no {model}, expected the place where the model file is named")


def _placeholders(where: Where, text: str, known: Iterable[str]) -> Iterator[Mistake]:
    names = set(known)
    try:
        found = list(names_in(text))
    except ValueError as error:
        told = f"expected braces that match ({error}); a brace itself is {{{{ or }}}}"
        yield Mistake(where, f"found `{text[:60]}`, {told}")
        return
    for name in found:
        if name not in names:
            yield Mistake(where, f"found `{{{name}}}`, expected a placeholder{nearest(name, names)}")


def _idle(
    where: Where, options: Mapping[str, Any], known: Mapping[str, str], tool: Mapping[str, Any]
) -> Iterator[Mistake]:
    """Yield options that nothing of the program's call names."""
    texts = [text for key in TEMPLATES for _, text in _texts(tool[key])]
    for name in options:
        if name not in known and not any(f"{{{name}}}" in text for text in texts):
            told = nearest(name, known) if known else " (this program has none)"
            text = f"`{name}` stands nowhere in its command, expected an option of it{told}"
            yield Mistake((*where, name), text, True)


def _read(where: Where, own: Mapping[str, Any], tool: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield figures without a unit, patterns that are none, and a scenario of which nothing would be read."""
    read = own.get("read") if isinstance(own.get("read"), Mapping) else {}
    for key, pattern in (read or {}).items():
        place = (*where, "read", key)
        if key not in FIGURES:
            yield Mistake(place, f"found `{key}`, expected a figure with its unit{nearest(key, FIGURES)}", True)
        if isinstance(pattern, str) and not tool["report"]:
            yield from _pattern(place, pattern)
    read = tool["read"] if isinstance(tool["read"], Mapping) else {}
    kept = {FIGURES[key][0] for key in read if key in FIGURES}
    if tool["scenario"] in tuple(EXAMPLES) and not enough(dict.fromkeys(kept), tool["scenario"]):
        wanted = EXAMPLES[tool["scenario"]]
        place = (*where, "read") if own.get("read") else where
        yield Mistake(place, f"no {tool['scenario']} is read, expected {wanted}", not own.get("read"))


def _pattern(where: Where, pattern: str) -> Iterator[Mistake]:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        yield Mistake(where, f"found `{pattern[:60]}`, expected a regular expression: {error}")
        return
    if groups < 1:
        yield Mistake(where, f"found `{pattern[:60]}`, expected a group in it that is the number: ([\\d.]+)")


def _texts(value: object) -> Iterator[tuple[Where, str]]:
    """Yield the texts of a text or a list, with their places."""
    if isinstance(value, str):
        yield (), value
    for index, text in enumerate(value if isinstance(value, list) else []):
        if isinstance(text, str):
            yield (index,), text
