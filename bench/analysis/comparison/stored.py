"""Two finished runs, cell by cell: where to look, since runs of different times cannot tell more."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from bench.analysis.comparison.clocks import cell_problem, run_problem
from bench.analysis.comparison.command import deciding_command
from bench.analysis.comparison.differences import Facts, Row, changes, hindering
from bench.analysis.comparison.judging import (
    by_cell,
    caveats_of,
    cost_of,
    did_not_run,
    label_of,
    logged,
    means_of,
    precision_of,
    why_not,
)
from bench.analysis.comparison.pairs import (
    ABSOLUTE,
    JUDGED,
    RELATIVE,
    STORED,
    Comparison,
    Pair,
    Shift,
    Side,
    counted_changes,
    ordered,
)
from bench.analysis.intervals import NONE, Interval, difference
from bench.analysis.ratios import log_ratio
from bench.analysis.summary import summarize
from bench.analysis.verdicts import NO_VERDICT, NOT_COMPARABLE, THRESHOLD, verdict
from bench.errors import UsageError
from bench.store import Run, read_run

CANNOT_TELL = (
    "These runs were taken at different times. On shared machines, comparing stored runs of one and the same thing "
    "calls it changed in 15 to 99% of cases, whatever the test: this shows where to look, not that something changed."
)
ABOUT = ("runtime", "package", "options", "session", "target", "model", "variant", "precision")  # makes a cell another


@dataclass(frozen=True)
class Stored:
    """One of the two runs: its cells, and what is known beside them."""

    name: str  # A or B
    run: Run
    facts: Facts
    rows: Mapping[str, Row]
    baselines: Mapping[str, Row]  # block -> its baseline cell
    problem: str  # what is wrong with its clock as a whole


def compare(a: Run | Path | str, b: Run | Path | str, threshold: float = THRESHOLD, force: bool = False) -> Comparison:
    """Compare two finished runs, given as runs or as paths of their files; see `compare_runs`."""
    first, second = (found if isinstance(found, Run) else read_run(found) for found in (a, b))
    return compare_runs(first, second, threshold, force)


def compare_runs(a: Run, b: Run, threshold: float = THRESHOLD, force: bool = False) -> Comparison:
    """Return every cell of two stored runs, matched by its id, with a verdict or the reason why there is none.

    The ratio of a cell is the difference of two medians that are not paired (`difference`, whose level is stated).
    Where both runs hold the same baseline cell (environment, model and options alike) the verdict rests on the change
    of the cell's ratio to it, because a machine that was slower that day slows both; otherwise on its absolute times.
    `threshold` is of the ratio: 0.01 is 1%. With `force` cells are compared although machine, power state, threads,
    inputs or effective precision differ, and say so. Raises UsageError where a run holds no trial.
    """
    sides = [_stored(name, run) for name, run in (("A", a), ("B", b))]
    ids = dict.fromkeys(cell for side in sides for cell in side.rows)
    pairs = ordered(_pair(cell, sides[0], sides[1], threshold, force) for cell in ids)
    changed = counted_changes(pairs)
    return Comparison(
        basis=STORED,
        title=f"Stored runs: {b.path.stem} against {a.path.stem}",
        a=_side(sides[0]),
        b=_side(sides[1]),
        threshold=threshold,
        pairs=pairs,
        means=means_of(pairs, STORED, threshold),
        changed=changed,
        notes=tuple(_notes(sides[0], sides[1], pairs)),
        command=deciding_command(sides[0].facts, sides[1].facts, [change for change, _ in changed]),
        shift=_shift(pairs),
        forced=force,
    )


def _stored(name: str, run: Run) -> Stored:
    if run.trials.empty:
        raise UsageError(
            f"{run.path} holds no trial, so there is nothing to compare.", "Give a run in which cells were measured."
        )
    facts = Facts.of(run.meta, run.trials)
    rows = by_cell(summarize(run.trials, run.meta))
    for cell, trials in run.trials.groupby("cell_id", sort=False):
        rows[str(cell)]["clock"] = cell_problem(trials, run.meta)
    baselines = {row["block_id"]: row for row in rows.values() if row["is_baseline"]}
    return Stored(name, run, facts, rows, baselines, run_problem(run.meta))


def _side(side: Stored) -> Side:
    meta = side.run.meta
    return Side(
        name=side.name,
        words=side.run.path.stem,
        path=side.run.path,
        suite=str(side.facts.part("suite").get("suite") or "suite"),
        started_at=str(meta.get("started_at") or ""),
        machine=str(side.facts.part("machine").get("name") or side.facts.machine_id or "unnamed machine"),
    )


def _pair(cell: str, first: Stored, second: Stored, threshold: float, force: bool) -> Pair:
    a, b = first.rows.get(cell), second.rows.get(cell)
    one = a or b
    assert one is not None
    source = first if a else second
    known: dict[str, Any] = {"cell": cell, "target_label": label_of(one), "threads": f"{one['threads']:g}"}
    known["precision_label"] = precision_of(source.facts, one["precision"])
    known |= {name: one[name] for name in ("model", "precision", "target", "batch", "scenario", "scenario_kind")}
    known |= {"dims": one["dims"] or "{}", "basis": STORED, "caveats": caveats_of(a, b)}
    known |= {side: cost_of(row["trial_medians_ns"]) for side, row in (("a", a), ("b", b)) if row}
    if a is None or b is None:
        lacking, other, row = ("A", "B", b) if a is None else ("B", "A", a)
        assert row is not None
        more = f", where it has no result: {did_not_run(row)}" if did_not_run(row) else ""
        return Pair(**known, reason=f"only in {other}{more}; {lacking} has no such cell")
    known |= {"changed": changes(a, b, first.facts, second.facts)}
    ended = why_not(did_not_run(a), did_not_run(b))
    if ended:
        return Pair(**known, reason=ended)
    return _judged(known, (a, b), (first, second), threshold, force)


def _judged(
    known: dict[str, Any], rows: tuple[Row, Row], sides: tuple[Stored, Stored], threshold: float, force: bool
) -> Pair:
    """Return the pair of two cells that were both measured."""
    a, b = rows
    differs = hindering(a, b, sides[0].facts, sides[1].facts)
    invalid = why_not(
        *(side.problem or row["clock"] or row["invalid_reason"] for side, row in zip(sides, rows, strict=True))
    )
    known |= {"differs": differs, "forced": bool(differs) and force}
    if differs and not force:
        told = "; ".join(map(str, differs)) + (f"; besides, {invalid}" if invalid else "")
        return Pair(**known, verdict=NOT_COMPARABLE, reason=told)
    if invalid:
        return Pair(**known, reason=invalid)
    absolute = difference(logged(known["b"]), logged(known["a"]))
    relative = _relative(a, b, sides)
    r, rests_on = (absolute, ABSOLUTE) if relative is NONE else (relative, RELATIVE)
    word, why = verdict(r, threshold)
    if differs:
        why = f"forced: {'; '.join(map(str, differs))}" + (f"; {why}" if why else "")
    return Pair(**known, ratio=r, verdict=word, reason=why, absolute=absolute, relative=relative, rests_on=rests_on)


def _relative(a: Row, b: Row, sides: tuple[Stored, Stored]) -> Interval:
    """Return the change of a cell's ratio to the baseline of its block; NONE where it is no measure of the machine."""
    if a["is_baseline"] or _baseline_problem(a, b, sides):
        return NONE
    ratios = [log_ratio(row["effects"]) for row in (a, b)]
    return difference(ratios[1], ratios[0]) if all(ratio.n for ratio in ratios) else NONE


def _baseline_problem(a: Row, b: Row, sides: tuple[Stored, Stored]) -> str:
    """Return why the baseline cell of a block cannot stand for the machine in both runs; empty where it can."""
    base = [side.baselines.get(row["block_id"]) for side, row in zip(sides, (a, b), strict=True)]
    for side, found in zip(sides, base, strict=True):
        if found is None:
            return f"{side.name} has no baseline cell in that block"
        if not found["valid"] or found["clock"]:
            return f"the baseline of {side.name} has no valid result ({found['clock'] or found['invalid_reason']})"
    assert base[0] is not None and base[1] is not None
    if base[0]["cell_id"] != base[1]["cell_id"]:
        return f"the baselines are different cells ({base[0]['cell_id']} and {base[1]['cell_id']})"
    moved = [each for each in changes(base[0], base[1], sides[0].facts, sides[1].facts) if each.kind in ABOUT]
    return f"the baseline changed too ({moved[0]})" if moved else ""


def _shift(pairs: tuple[Pair, ...]) -> Shift:
    found = [pair.absolute.estimate for pair in pairs if pair.verdict in JUDGED and not pair.forced]
    found = [r for r in found if isfinite(r)]
    return Shift(float(np.median(found)), len(found)) if len(found) > 1 else Shift()


def _notes(first: Stored, second: Stored, pairs: tuple[Pair, ...]) -> Iterator[str]:
    """What a reader must know before any number of the comparison, each in a sentence."""
    if first.run.meta.get("run_id") == second.run.meta.get("run_id") and first.run.trials.equals(second.run.trials):
        yield "A and B are one and the same run."
    for side in (first, second):
        if side.problem:
            yield f"In {side.name} {side.problem}. No verdict rests on it."
        if side.run.meta.get("interrupted"):
            yield f"{side.name} was interrupted: it holds only what had been measured by then."
    if not any(pair.cell in first.rows and pair.cell in second.rows for pair in pairs):
        yield "The two runs have no cell in common: model, precision, target, batch, threads and scenario make a cell."
    for basis, count in _baselines(first, second, pairs).items():
        cells = "1 cell is" if count == 1 else f"{count:,} cells are"
        yield f"{cells} judged by absolute times, not against the baseline: {basis}."


def _baselines(first: Stored, second: Stored, pairs: tuple[Pair, ...]) -> dict[str, int]:
    """Return why cells are not judged against the baseline, each reason with its cells."""
    found: dict[str, int] = {}
    for pair in pairs:
        a, b = first.rows.get(pair.cell), second.rows.get(pair.cell)
        if pair.rests_on != ABSOLUTE or a is None or b is None or a["is_baseline"]:
            continue
        why = _baseline_problem(a, b, (first, second)) or "a run has no round of both"
        found[why] = found.get(why, 0) + 1
    return found


__all__ = ["CANNOT_TELL", "NO_VERDICT", "compare", "compare_runs"]
