"""What is known of a variant beside its FP32 cell: the operators of both, its conversion, its recipe, the processor."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.analysis.why.operators import Operator, nodes, operators_of, spent
from bench.contract.words import subnormal_in_words

DOT_PRODUCTS = {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"}  # as Linux names them
OF_A_KIND = {"x86-64": "sse2", "ARM": "asimd"}  # a flag that every processor of the kind has
AS_STORED = "fp32"  # what recipes without a method are said to compute in, and no recipe with one

Wanted = Callable[[Operator], bool]


@dataclass(frozen=True)
class Evidence:
    """`now` are the operators of the cell in question, `was` those of the one it is compared with."""

    row: Mapping[str, Any]
    base: Mapping[str, Any]
    now: tuple[Operator, ...]
    was: tuple[Operator, ...]
    conversion: Mapping[str, Any]  # the fields of contract/conversion.py; empty where there is no report
    recipe: Mapping[str, Any]  # the row of the precision
    asked: str  # the precision that it should be computed in
    subnormal: str  # in words, of the FP32 file's weights; empty where there are none
    flags: frozenset[str] | None  # of the processor; None where they are not known

    @property
    def more(self) -> int:
        """By how many ns the operators of the cell take longer, all together."""
        return spent(self.now) - spent(self.was)

    @property
    def processor(self) -> str:
        """`x86-64`, `ARM`, or nothing where its flags are not known."""
        return next((kind for kind, flag in OF_A_KIND.items() if flag in (self.flags or ())), "")

    @property
    def dot_products(self) -> bool | None:
        """Whether the processor multiplies and adds bytes in one instruction; None where that is not known."""
        return bool(DOT_PRODUCTS & self.flags) if self.flags and self.processor else None

    def both(self, wanted: Wanted) -> tuple[tuple[Operator, ...], tuple[Operator, ...]]:
        """Return the operators that fit, of the cell and of the one it is compared with."""
        return tuple(filter(wanted, self.now)), tuple(filter(wanted, self.was))

    def of_family(self, family: str) -> tuple[tuple[Operator, ...], tuple[Operator, ...]]:
        return self.both(lambda one: one.family == family)

    def of_kind(self, kind: str) -> tuple[tuple[Operator, ...], tuple[Operator, ...]]:
        return self.both(lambda one: one.kind == kind)

    def gained(self, kinds: Iterable[str]) -> tuple[Operator, ...]:
        """Return the cell's operators of these kinds, where it has more of them than the other."""
        return tuple(
            one
            for one in self.now
            if one.kind in set(kinds) and one.nodes > nodes(old for old in self.was if old.key == one.key)
        )


def evidence(row: Mapping[str, Any], base: Mapping[str, Any], meta: Mapping[str, Any]) -> Evidence:
    """Gather what a run knows of a cell beside another one."""
    known = (meta.get("machine") or {}).get("cpu")
    flags = known.get("flags") if isinstance(known, Mapping) else None
    return Evidence(
        row,
        base,
        operators_of(row),
        operators_of(base),
        report_of(meta, row),
        meta.get("precisions", {}).get(row["precision"]) or {},
        asked_of(meta, row),
        subnormal_of(meta, row),
        frozenset(flags) if flags else None,
    )


def asked_of(meta: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """Return the precision that a cell should be computed in: its recipe's, or of a file as stored that of the file."""
    recipe = meta.get("precisions", {}).get(row["precision"]) or {}
    effective = str(recipe.get("effective") or row["precision"].split("-")[0])
    if effective != AS_STORED:
        return effective
    return str((meta.get("models", {}).get(row["model"]) or {}).get("stored") or effective)


def subnormal_of(meta: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """Return what a model's subnormal weights mean; empty where it has none, or the run is too old to know."""
    model = meta.get("models", {}).get(row["model"]) or {}
    return subnormal_in_words(model["subnormal"], model["weights"]) if model.get("subnormal") else ""


def report_of(meta: Mapping[str, Any], row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the report of the conversion that made a cell's variant; empty where a run holds none."""
    variant = (meta.get("models", {}).get(row["model"], {}).get("convert") or {}).get(row["precision"]) or {}
    return variant.get("conversion") or variant
