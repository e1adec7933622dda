"""YAML text to plain data with the place of every key and value. The text may come from anyone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bench.errors import SuiteError

MAX_BYTES = 256 * 1024  # the parser reads about 100 KiB a second
MAX_DEPTH = 64
MAX_NODES = 50_000  # once aliases are written out

Where = tuple[str | int, ...]  # the way to a value: ("matrix", "model", 0)
Place = tuple[int, int]  # line and column, both from 1

_TAG = "tag:yaml.org,2002:"
_SCALARS = {_TAG + kind for kind in ("str", "int", "float", "bool", "null")}


@dataclass(frozen=True)
class Mistake:
    """Something wrong at one place of a document; `at_key` where the key is wrong rather than its value."""

    where: Where
    text: str
    at_key: bool = False


@dataclass
class Document:
    """A file's data, and where each part of it was written."""

    name: str
    data: Any = None
    values: dict[Where, Place] = field(default_factory=dict)
    keys: dict[Where, Place] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)  # found while building the data

    def sentence(self, mistake: Mistake) -> str:
        """Return `file:line:column: path: text`."""
        line, column = self.place(mistake.where, mistake.at_key)
        path = spell(mistake.where)
        return f"{self.name}:{line}:{column}: {path + ': ' if path else ''}{mistake.text}"

    def place(self, where: Where, at_key: bool = False) -> Place:
        """Return the line and column of a value (or its key), or of the nearest thing around it."""
        if at_key and where in self.keys:
            return self.keys[where]
        while where and where not in self.values:
            where = where[:-1]
        return self.values.get(where, (1, 1))


def spell(where: Where) -> str:
    """Return a path as a reader would write it: `include[0].model`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).removeprefix(".")


def read_document(text: str, name: str) -> Document:
    """Return the data of a YAML 1.2 text. Raises SuiteError for a text that is not YAML, or is built to do harm."""
    yaml = YAML(typ="safe", pure=True)
    try:
        _refuse_harm(yaml.parse(text), name)
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        raise SuiteError(
            [f"{name}:{place}: this is not YAML: {_first_line(error.problem or error.context)}"]
        ) from error
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        # the parser meets some texts with whatever its own code happens to raise
        raise SuiteError([f"{name}:1:1: this is not YAML: {_first_line(error)}"]) from error
    if root is None:
        raise SuiteError([f"{name}:1:1: the file is empty"], "A suite starts with `suite: its-name`.")
    document = Document(name)
    document.data = _Builder(document, yaml).value(root, ())
    return document


def _first_line(problem: object) -> str:
    return next(iter(str(problem).splitlines()), "") or "it cannot be parsed"


@dataclass
class _Open:
    anchor: str | None
    size: int = 1
    height: int = 1  # levels below and with this one, aliases written out


def _refuse_harm(events: Iterable[Event], name: str) -> None:
    """Walk over parser events, before anything is built of them, and refuse depth, expansion and cycles."""
    root = _Open(None)
    stack = [root]
    closed: dict[str, _Open] = {}
    for event in events:
        if isinstance(event, CollectionEndEvent):
            node = stack.pop()
        elif isinstance(event, CollectionStartEvent):
            _refuse_anchor_twice(event, closed, stack, name)
            stack.append(_Open(event.anchor))
            _refuse_size(stack, stack[-1], event, name)
            continue
        elif isinstance(event, AliasEvent):
            if any(node.anchor == event.anchor for node in stack):
                raise _harm(event, name, f"the alias *{event.anchor} stands inside the value it names")
            node = closed.get(event.anchor, _Open(None))
        elif isinstance(event, NodeEvent):
            _refuse_anchor_twice(event, closed, stack, name)
            node = _Open(event.anchor)
        else:
            if isinstance(event, DocumentStartEvent):
                closed.clear()
            continue
        _refuse_size(stack, node, event, name)
        stack[-1].size += node.size
        stack[-1].height = max(stack[-1].height, node.height + 1)
        if node.anchor:
            closed[node.anchor] = node


def _refuse_anchor_twice(event: NodeEvent, closed: dict[str, _Open], stack: list[_Open], name: str) -> None:
    if event.anchor and (event.anchor in closed or any(node.anchor == event.anchor for node in stack)):
        raise _harm(event, name, f"the anchor &{event.anchor} is defined twice")


def _refuse_size(stack: list[_Open], node: _Open, event: Event, name: str) -> None:
    if len(stack) - 1 + node.height > MAX_DEPTH + 1:
        raise _harm(event, name, f"this is nested more than {MAX_DEPTH} levels deep")
    if sum(part.size for part in stack) + node.size > MAX_NODES:
        raise _harm(event, name, f"with its aliases written out, the document holds more than {MAX_NODES:,} values")


def _harm(event: Event, name: str, text: str) -> SuiteError:
    mark = event.start_mark
    return SuiteError([f"{name}:{mark.line + 1}:{mark.column + 1}: {text}"], "Write the values out, without aliases.")


@dataclass
class _Builder:
    document: Document
    yaml: YAML

    def value(self, node: Node, where: Where) -> Any:
        self.document.values[where] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, MappingNode) and node.tag == _TAG + "map":
            return self.mapping(node, where)
        if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
            return [self.value(item, (*where, index)) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode) and node.tag in _SCALARS:
            try:
                return self.yaml.constructor.construct_object(node)
            except (YAMLError, ValueError, LookupError) as error:
                return self.mistake(where, f"`{node.value[:60]}` cannot be read: {_first_line(error)}")
        if isinstance(node, ScalarNode) and node.tag == _TAG + "timestamp":
            return node.value  # no field of a suite is a date: it is text that looks like one
        return self.mistake(where, f"the tag {node.tag} is not allowed here, expected a plain value")

    def mapping(self, node: MappingNode, where: Where) -> dict[str, Any]:
        """Return a mapping; what `<<` merges into it is overridden by its own keys, whatever their order."""
        data: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                for source in self.merged(value, where):
                    data = {**self.mapping(source, where), **data}
        own: set[str] = set()
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                continue
            if not isinstance(key, ScalarNode):
                self.mistake(where, "a key is a list or a mapping, expected a word")
                continue
            inner = (*where, key.value)
            if key.value in own:
                line, column = key.start_mark.line + 1, key.start_mark.column + 1
                self.mistake(inner, f"this key is written twice, the second time on line {line}, column {column}", True)
                continue
            own.add(key.value)
            self.document.keys[inner] = (key.start_mark.line + 1, key.start_mark.column + 1)
            data[key.value] = self.value(value, inner)
        return data

    def merged(self, node: Node, where: Where) -> Iterator[MappingNode]:
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            if isinstance(source, MappingNode):
                yield source
            else:
                self.mistake(where, "`<<` merges mappings only, expected an alias of a mapping")

    def mistake(self, where: Where, text: str, at_key: bool = False) -> None:
        self.document.mistakes.append(Mistake(where, text, at_key))
