"""Put the findings in order: what each explains of the difference, what remains, and what cannot be told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from bench.analysis.ratios import through_baseline
from bench.analysis.summary import BASELINE_PRECISION, threshold_of
from bench.analysis.verdicts import BASELINE, NO_VERDICT, SLOWER, Judged, judged, leaning
from bench.analysis.why.evidence import Evidence, evidence
from bench.analysis.why.findings import ACROSS, FINDERS, WORTH_TELLING, Finding
from bench.analysis.why.operators import COMPUTING, FAMILIES, Operator, named, operators_of, spent, time
from bench.contract.flags import MEANING, Flag

Row = dict[str, Any]
EXPLAINED = 0.5  # of the difference: where the reasons explain less, that is said
FAR = 2.0  # between what a profile adds up to and what was measured
OLD = "This run was measured by an ortbench that kept no times of operators: run the suite again to learn why."
OF_INFERENCES = ("latency", "device_resident", "idle", "throughput")  # kinds of scenario whose cost is an inference's
OTHER_KIND = "Operators are timed in an inference, and this is no measurement of one: they tell nothing of {kind}."
NOT_TOLD = "{runtime} does not tell which operators it ran, so there is nothing to learn why from."


@dataclass(frozen=True)
class Reason:
    """A full sentence with its evidence; `share` of the difference it explains, None where that cannot be computed."""

    name: str
    text: str
    share: float | None = None


@dataclass(frozen=True)
class Explanation:
    """One cell beside the one it is compared with: the same target's FP32, or of an FP32 cell the run's baseline.

    `slower` tells whether it is, or ran slower by the same rule where it has no verdict: in too few rounds, or not
    valid. `doubt` is why no verdict could be given whatever the rounds: one of both is not valid, or they were not
    measured side by side. `basis` tells how the times of operators stand to what was measured.
    """

    row: Row
    base: Row | None
    against: Judged
    slower: bool = False
    doubt: str = ""
    reasons: tuple[Reason, ...] = ()
    basis: str = ""


def slower_variants(rows: Sequence[Row], meta: Mapping[str, Any]) -> list[Explanation]:
    """Return every variant that is slower than FP32 on the same target in the same block, with its reasons."""
    found = [explain(row, rows, meta) for row in rows if row["precision"] != BASELINE_PRECISION]
    return [one for one in found if one.slower]


def explain(row: Row, rows: Iterable[Row], meta: Mapping[str, Any]) -> Explanation:
    """Compare a cell (a row of `analysis.summarize`) with its FP32 among `rows`, and say why it differs."""
    base = _compared_with(row, rows)
    if base is None:
        none = Judged(NO_VERDICT, reason="its FP32 was not measured here")
        return Explanation(row, None, Judged(BASELINE) if row["is_baseline"] else none)
    if row["status"] != "ok" or base["status"] != "ok":
        whose = "it has no result" if row["status"] != "ok" else "its FP32 has no result"
        return Explanation(row, base, Judged(NO_VERDICT, reason=whose))
    r, indirect = through_baseline(dict(base["effects"]), dict(row["effects"]))
    doubt = _doubt(row, base, indirect and r.n > 0)
    threshold = threshold_of(meta)
    against = judged(r, threshold, row["scenario_kind"], doubt)
    reasons, basis = _reasons(evidence(row, base, meta), against.ratio)
    return Explanation(row, base, against, leaning(r, threshold) == SLOWER, doubt, reasons, basis)


def _doubt(row: Row, base: Row, indirect: bool) -> str:
    """Return why two cells that both have a result give no verdict; empty where nothing stands against one."""
    if not row["valid"]:
        return f"it is not valid: {row['invalid_reason']}"
    if not base["valid"]:
        return f"what it is compared with is not valid: {base['invalid_reason']}"
    return MEANING[Flag.INDIRECT] if indirect else ""


def _compared_with(row: Row, rows: Iterable[Row]) -> Row | None:
    """Return the FP32 cell of the same block, side and target; of an FP32 cell the run's baseline in that block."""
    for other in rows:
        beside = other["block_id"] == row["block_id"] and other["side"] == row["side"] and other is not row
        same = other["target"] == row["target"] and other["precision"] == BASELINE_PRECISION
        if beside and (other["is_baseline"] if row["precision"] == BASELINE_PRECISION else same):
            return other
    return None


def _reasons(e: Evidence, ratio: float | None) -> tuple[tuple[Reason, ...], str]:
    """Return the reasons, the one that explains most first, and what they rest on."""
    if e.row["scenario_kind"] not in OF_INFERENCES:
        kind = str(e.row["scenario_kind"]).replace("_", " ")
        return (Reason("not_told", OTHER_KIND.format(kind=kind)),), ""
    missing = [row for row in (e.row, e.base) if not operators_of(row)]
    if missing:  # an older run has null there, a runtime that tells no operators an empty table
        old = any(row.get("operators") is None and row.get("placement") for row in missing)
        return (Reason("not_told", OLD if old else NOT_TOLD.format(runtime=missing[0]["target_label"])),), ""
    if ratio is None:
        return (), _basis(e)
    return (_slower(e) if ratio < 1 else _faster(e)), _basis(e)


def _basis(e: Evidence) -> str:
    """Operators are timed in a session of their own, which the profile slows down."""

    shares = []

    def one(row: Mapping[str, Any], operators: tuple[Operator, ...]) -> str:
        measured = row["latency_ns"] or row["cost_ns"]
        if not measured:
            return time(spent(operators))
        shares.append(spent(operators) / measured)
        return f"{time(spent(operators))} ({shares[-1]:.0%} of what was measured without it)"

    told = f"There they add up to {one(e.row, e.now)}, {_whose(e)} to {one(e.base, e.was)}."
    far = any(not 1 / FAR < share < FAR for share in shares)
    doubt = " They lie far apart, so something disturbed one of them: take the shares for a hint." if far else ""
    return f"Operators are timed in a session of their own, with a profile. {told}{doubt}"


def _slower(e: Evidence) -> tuple[Reason, ...]:
    """Return what made it slower. An operator's change of time goes to the first finding that claims it."""
    shares, standing, taken = [], [], set[str]()
    for find in FINDERS if _same_target(e) else ACROSS:
        for finding in find(e):
            keys = {one.key for one in finding.claims} - taken
            more = _more(e, keys)
            if _shows(e) and more >= WORTH_TELLING * e.more:
                taken |= keys
                shares.append(_reason(finding, more / e.more))
            elif finding.stands:
                standing.append(_reason(finding))
    shares += _others(e, taken)
    shares.sort(key=lambda reason: -(reason.share or 0))
    return (*shares, *standing, *_untold(e, sum(reason.share or 0 for reason in shares), bool(shares or standing)))


def _shows(e: Evidence) -> bool:
    """Whether the profile saw it slower at all, by more than two profiles of one session differ."""
    return e.more >= WORTH_TELLING * spent(e.was)


def _more(e: Evidence, keys: set[str]) -> int:
    return sum(sign * spent(one for one in found if one.key in keys) for sign, found in ((1, e.now), (-1, e.was)))


def _reason(finding: Finding, share: float | None = None) -> Reason:
    told = "" if share is None else f" ({share:.0%} of the difference)"
    if share is not None and share > 1:
        told = " (more than the whole difference: others got faster)"
    return Reason(finding.name, f"{finding.text}{told}.{finding.remark and ' '}{finding.remark}", share)


def _others(e: Evidence, taken: set[str]) -> list[Reason]:
    """Return what no finding speaks of and got slower by enough to tell: heavy work by family, the rest by operator."""
    if not _shows(e):
        return []
    found = []
    work = _work if _same_target(e) else attrgetter("family")  # operators of two runtimes have names of their own
    for what in dict.fromkeys(work(one) for one in (*e.now, *e.was) if one.key not in taken):
        now, was = (tuple(one for one in side if work(one) == what and one.key not in taken) for side in (e.now, e.was))
        more = spent(now) - spent(was)
        if more >= WORTH_TELLING * e.more:
            before = (
                f"where {_whose(e)} {named(was)} took {time(spent(was))}" if was else f", of which {_who(e)} has none"
            )
            finding = Finding("operators", f"{named(now)} took {time(spent(now))} {before}".replace(" ,", ","))
            found.append(_reason(finding, more / e.more))
    return sorted(found, key=lambda reason: -(reason.share or 0))[:3]


def _work(one: Operator) -> str:
    return one.family if one.computes else one.name


def _untold(e: Evidence, share: float, any_reason: bool) -> tuple[Reason, ...]:
    if not _shows(e):
        text = f"In the profile its operators took {time(spent(e.now))}, {_whose(e)} {time(spent(e.was))}"
        return (Reason("not_told", f"{text}: it does not show where the time goes that was measured."),)
    if share >= EXPLAINED:
        return ()
    return (Reason("not_told", f"The profile does not tell {'the rest of the difference' if any_reason else 'why'}."),)


def _faster(e: Evidence) -> tuple[Reason, ...]:
    """Return the family of operators that saved most; of weights that FP32's kernels are slow with, that too."""
    best, saved = None, WORTH_TELLING * spent(e.was)
    for family in FAMILIES if _same_target(e) else COMPUTING:
        now, was = e.of_family(family)
        if now and spent(was) - spent(now) > saved:
            best, saved = (now, was), spent(was) - spent(now)
    if best is None:
        return (Reason("not_told", "The profile does not tell what got faster."),)
    now, was = best
    text = f"{named(now)} took {time(spent(now))} where {_whose(e)} {named(was)} took {time(spent(was))}"
    stored = (Reason("subnormal", f"As stored, {e.subnormal}."),) if e.subnormal else ()
    return (Reason("faster", f"What got faster: {text}."), *stored)


def _same_target(e: Evidence) -> bool:
    return bool(e.base["target"] == e.row["target"])


def _who(e: Evidence) -> str:
    return "FP32" if _same_target(e) else str(e.base["target_label"])


def _whose(e: Evidence) -> str:
    return f"{_who(e)}'s"
