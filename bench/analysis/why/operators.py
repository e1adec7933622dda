"""The operators that a cell ran, as its row tells them, and what kind of work each is."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# What an operator does, by its name in ONNX Runtime, OpenVINO or PyTorch. The first that fits is taken.
CONVOLUTIONS, PRODUCTS, RECURRENCES, ATTENTION = "convolutions", "matrix products", "recurrences", "attention"
TYPES, LAYOUTS, OTHERS = "changes of type", "changes of layout", "other operators"
FAMILIES = {
    TYPES: r"^(Cast|Convert|FakeQuantize|(Dynamic)?QuantizeLinear|DequantizeLinear|_to_copy.*|to\..*)$",
    LAYOUTS: r"^(Reorder|ReorderInput|ReorderOutput)$",
    CONVOLUTIONS: r"[Cc]onv(?!ert)",
    ATTENTION: r"Attention|MHA|SDPA|attention",
    PRODUCTS: r"MatMul|Gemm|FullyConnected|inner_product|matmul|linear|^(add|b|badd)?mm\b|^mkldnn_linear",
    RECURRENCES: r"LSTM|GRU|RNN|lstm|gru|rnn",
}
COMPUTING = (CONVOLUTIONS, PRODUCTS, RECURRENCES, ATTENTION)
INTEGER = re.compile(r"^QLinear|^Q(Gemm|Attention)$|Integer|^DynamicQuantize(MatMul|LSTM)$|NBits|Bnb4")
LOW = ("int8", "int4")
WEIGHT_ONLY = (
    "MatMulNBits",
    "MatMulBnb4",
)  # their weights have few bits; they multiply in whatever the runtime chooses


@dataclass(frozen=True)
class Operator:
    """All nodes of one operator on one provider; `ns` an inference, None where they were not timed.

    `precision` is what it ran in where the runtime names that (`Convolution int8`), else empty.
    """

    provider: str
    kind: str
    precision: str
    nodes: int
    ns: int | None

    @property
    def name(self) -> str:
        return f"{self.kind} {self.precision}".strip()

    @property
    def key(self) -> str:
        return f"{self.provider}/{self.name}"

    @property
    def family(self) -> str:
        return next((family for family, names in FAMILIES.items() if re.search(names, self.kind)), OTHERS)

    @property
    def computes(self) -> bool:
        """Whether it does the heavy work: convolutions, matrix products, recurrences, attention."""
        return self.family in COMPUTING

    @property
    def low(self) -> bool:
        """Whether it computes on integers of 8 bits, or on weights of as few or fewer."""
        return self.precision in LOW or bool(INTEGER.search(self.kind))

    @property
    def weight_only(self) -> bool:
        """Whether only its weights are known to have few bits: nothing multiplies in 4."""
        return self.precision == "int4" or self.kind in WEIGHT_ONLY


def operators_of(row: Mapping[str, Any]) -> tuple[Operator, ...]:
    """Return what a row's column `operators` tells, the longest first; nothing where it is null or not there."""
    found = json.loads(row.get("operators") or "{}")
    table = []
    for key, (nodes, ns) in found.items():
        provider, _, name = key.partition("/")
        kind, _, precision = name.partition(" ")
        table.append(Operator(provider, kind, precision, int(nodes), None if ns is None else int(ns)))
    return tuple(sorted(table, key=lambda one: (-(one.ns or 0), one.key)))


def spent(operators: Iterable[Operator]) -> int:
    """Return the ns an inference that operators take together."""
    return sum(one.ns or 0 for one in operators)


def nodes(operators: Iterable[Operator]) -> int:
    return sum(one.nodes for one in operators)


def time(ns: float) -> str:
    """Write a time: `4.1 ms`, `52 µs`."""
    unit, size = ("s", 1e9) if ns >= 1e9 else ("ms", 1e6) if ns >= 1e6 else ("µs", 1e3)
    value = ns / size
    return f"{value:.0f} {unit}" if value >= 100 or unit == "µs" else f"{value:.3g} {unit}"


def named(operators: Iterable[Operator], most: int = 4) -> str:
    """Write which operators: `80 Conv and 3 QLinearConv`, the longest first."""
    counts: dict[str, int] = {}
    for one in operators:
        counts[one.name] = counts.get(one.name, 0) + one.nodes
    told = [f"{count:,} {name}" for name, count in list(counts.items())[:most]]
    told += [f"{len(counts) - most} other operators"] if len(counts) > most else []
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}" if told else "none"
