"""The batch of an ONNX file, read from the few bytes that tell it: no runtime, no weights in memory.

ONNX is protobuf. The numbers below are the fields of onnx.proto: a model's graph, a graph's inputs and initializers,
and the way from an input to the sizes of its shape.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

from bench.errors import UsageError

GRAPH = 7
INITIALIZER, INPUT = 5, 11
TENSOR_NAME = 8
NAME, TYPE = 1, 2
TENSOR_TYPE, SHAPE, DIM = 1, 2, 1
SIZE = 1

Span = tuple[int, int]


def fixed_batch(path: Path) -> int | None:
    """Return the batch the file was made for: its first input's first size, where every input's is a number.

    None where a batch can be chosen. Raises UsageError for what is not an ONNX file.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            sizes = list(_first_sizes(data))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error
    except (ValueError, IndexError) as error:  # ValueError: empty, or not protobuf; IndexError: it ends too soon
        raise UsageError(
            f"{path} is not an ONNX file, or is cut short.", "Give the path of a whole .onnx file."
        ) from error
    return sizes[0] if sizes and all(sizes) else None


def _first_sizes(data: mmap.mmap) -> Iterator[int]:
    """Yield the first size of each input that has one, 0 where it is open. Weights listed as inputs are left out."""
    graphs = _inside(data, (0, len(data)), GRAPH)
    if len(graphs) != 1:
        raise ValueError("a model has one graph")
    fields = list(_fields(data, graphs[0]))
    weights = {_text(data, span, TENSOR_NAME) for number, span, _ in fields if number == INITIALIZER}
    for number, span, _ in fields:
        if number == INPUT and _text(data, span, NAME) not in weights:
            spans = [span]
            for step in (TYPE, TENSOR_TYPE, SHAPE, DIM):
                spans = [inner for outer in spans for inner in _inside(data, outer, step)]
            if spans:
                yield next((value for number, _, value in _fields(data, spans[0]) if number == SIZE), 0)


def _text(data: mmap.mmap, span: Span, number: int) -> bytes:
    return b"".join(data[start:end] for start, end in _inside(data, span, number))


def _inside(data: mmap.mmap, span: Span, number: int) -> list[Span]:
    return [inner for found, inner, _ in _fields(data, span) if found == number]


def _fields(data: mmap.mmap, span: Span) -> Iterator[tuple[int, Span, int]]:
    """Yield (field number, where its bytes are, its value where it is a number) of one protobuf message."""
    at, end = span
    while at < end:
        key, at = _varint(data, at)
        value, start, wire = 0, at, key & 7
        if wire == 0:
            value, at = _varint(data, at)
        elif wire == 2:
            length, start = _varint(data, at)
            at = start + length
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at > end or key < 8:
            raise ValueError("a field leaves its message")
        yield key >> 3, (start, at), value


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("a number of more than 64 bits")
