"""Why variants are slower than FP32, in the words of the report and of `ortbench explain`."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.analysis.verdicts import BASELINE
from bench.analysis.why import Explanation, asked_of, operators_of, report_of, slower_variants
from bench.contract.flags import FINENESS
from bench.report import numbers, words
from bench.report.scope import Row, Scope

WEIGHTS = "int4"
AS_ASKED, RAISED, LOWERED = "as asked", "higher than asked: emulated", "lower than asked"


@dataclass(frozen=True)
class Told:
    """One variant: a sentence on how much slower it is, what it was computed in, and the reasons."""

    verdict: str
    doubt: (
        str  # a sentence on why the ratio carries no verdict, whatever the rounds; empty where nothing stands against
    )
    computed: str
    reasons: tuple[str, ...]
    basis: str  # how the times behind them stand to what was measured


def told(scope: Scope, model: str) -> tuple[Told, ...]:
    """Every variant of a model that is slower than FP32 on its target, or ran slower where rounds give no verdict."""
    rows = scope.of(model=model)
    return tuple(
        Told(
            verdict=verdict(scope, one),
            doubt=doubt(one),
            computed=computed(scope, one.row),
            reasons=tuple(reason.text for reason in one.reasons),
            basis=one.basis,
        )
        for one in slower_variants(rows, scope.meta)
    )


def verdict(scope: Scope, found: Explanation) -> str:
    """A sentence: `ORT CPU INT8 dynamic is 3.70× slower than ORT CPU FP32 (...)`, or why there is none."""
    if found.base is None or found.against.ratio is None:
        none = f"It has no ratio: {found.against.reason}."
        return "It is the baseline." if found.against.verdict == BASELINE else none
    case = scope.cases[found.row["block_id"]].removeprefix(found.row["model"]).removeprefix(" · ")
    over = f"at {case}" if case else ""
    return f"{words.headline(found.against, scope.name(found.row), scope.name(found.base), over)}."


def doubt(found: Explanation) -> str:
    """Why a ratio carries no verdict, whatever the rounds, as a sentence; empty where nothing stands against one."""
    return f"No verdict: {found.doubt}." if found.doubt else ""


def computed(scope: Scope, row: Row) -> str:
    """What was asked for, what it was computed in, and how that is known."""
    asked, found = bits(asked_of(scope.meta, row)), row["precision_effective"]
    if found is None:
        return f"Asked for {asked}; what it computed in is not known, since {row['target_label']} does not tell."
    how = raised(scope, row) or AS_ASKED
    if found == WEIGHTS:
        told = f"in most of the heavy work its weights are {found.upper()}, {how}"
        return f"Asked for {asked}; {told}, and what they are multiplied in is not known{few_bits(row)}."
    return f"Asked for {asked}, most of the heavy work computed in {found.upper()}, {how}{few_bits(row)}."


def bits(precision: str) -> str:
    """`INT8`; `INT4 weights`, since nothing multiplies in so few bits."""
    return f"{precision.upper()} weights" if precision == WEIGHTS else precision.upper()


def raised(scope: Scope, row: Row) -> str:
    """Whether it computed in more or fewer bits than asked for; empty where it did neither, or is not known."""
    step = FINENESS.get(row["precision_effective"] or "", 0) - FINENESS.get(asked_of(scope.meta, row), 0)
    return "" if row["precision_effective"] is None or not step else RAISED if step > 0 else LOWERED


def few_bits(row: Row) -> str:
    """How many of the nodes that compute do so on few bits, where some do and some do not."""
    heavy = [one for one in operators_of(row) if one.computes]
    few = [one for one in heavy if one.low]
    low, total = sum(one.nodes for one in few), sum(one.nodes for one in heavy)
    on = "on weights of few bits" if all(one.weight_only for one in few) else "on integers"
    return f" ({low} of {total} heavy nodes {on})" if 0 < low < total else ""


def conversion(scope: Scope, row: Row) -> tuple[tuple[str, str], ...]:
    """What the conversion did, as pairs of a name and words; empty of a file as stored, or without a report."""
    report = report_of(scope.meta, row)
    before, after = report.get("bytes_before"), report.get("bytes_after")
    size = f"{numbers.size(before)} to {numbers.size(after)}" if before and after else ""
    facts = (
        ("Quantised", ", ".join(f"{count} {kind}" for kind, count in (report.get("quantised") or {}).items())),
        ("Left as they were", "; ".join(_left(report.get("left") or {}))),
        ("Put in between", numbers.counted(report.get("casts") or 0, "cast") if report.get("casts") else ""),
        ("File", size),
        ("Cut to the largest of its type", "; ".join(report.get("cut") or [])),
        ("Lost, or with other values", "; ".join(report.get("lost") or [])),
        ("Problem", str(report.get("problem") or "")),
    )
    return tuple((name, told) for name, told in facts if told)


def _left(left: Mapping[str, Mapping[str, int]]) -> list[str]:
    return [f"{count} {kind}: {why}" for kind, reasons in left.items() for why, count in reasons.items()]
