"""A duel: every cell measured on two sides together, and what the second batch of rounds says of the first."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import exp
from typing import Any

import pandas as pd

from bench.analysis.comparison.clocks import cell_problem, run_problem
from bench.analysis.comparison.differences import Facts, Row, changes, hindering
from bench.analysis.comparison.judging import (
    by_cell,
    caveats_of,
    cost_of,
    did_not_run,
    label_of,
    means_of,
    precision_of,
    why_not,
)
from bench.analysis.comparison.pairs import LOCKSTEP, Comparison, Pair, Side, counted_changes, ordered
from bench.analysis.intervals import Interval, median_interval, whole_range
from bench.analysis.ratios import Effects, RoundKey, log_ratio
from bench.analysis.samples import trial_table
from bench.analysis.summary import summarize, threshold_of
from bench.analysis.verdicts import INCONCLUSIVE, NO_VERDICT, NOT_COMPARABLE, SLOWER, verdict
from bench.contract.flags import Flag
from bench.contract.purpose import Purpose
from bench.errors import UsageError
from bench.store import Run
from bench.suite.duel import AS_IS

MOST = 0.9  # of a pair's trials contended: no passing disturbance, but work that stays
# What a duel may differ in, by the columns in which its sides then differ: a duel of threads runs other threads.
FOLLOWS = {
    "threads": ("threads", "threads_effective"),
    "precision": ("precision_effective",),
    "model": ("precision_effective", "inputs"),  # another file; it is fed as the first one is
}
AXES = ("model", "precision", "target", "threads")


def is_duel(run: Run) -> bool:
    """Tell whether a run is a duel: its cells have sides."""
    return bool(run.trials["side"].notna().any())


def words_of(meta: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a duel's two sides are, as its user wrote them."""
    found = meta.get("duel") or (meta.get("suite") or {}).get("duel") or {}
    return str(found.get("a") or AS_IS), str(found.get("b") or AS_IS)


def compare_duel(run: Run, threshold: float | None = None) -> Comparison:
    """Return every pair of a duel with its verdict, or the reason why there is none.

    The ratio is taken round by round from both sides' neighbouring bursts. Estimate and verdict are of the first batch
    of rounds (planned, and the one that answers a bimodal trial); where that reads as slower, a second batch (purpose
    `confirm`) judges it alone: slower in both is a regression, slower in the first only is inconclusive. `threshold` is
    of the ratio; the run's own unless given. Raises UsageError where the run is no duel.
    """
    if run.trials.empty or not is_duel(run):
        raise UsageError(
            f"{run.path} is no duel: its cells have no sides." if len(run.trials) else f"{run.path} holds no trial.",
            "`ortbench duel` measures one; `ortbench compare` compares two stored runs.",
        )
    threshold = threshold_of(run.meta) if threshold is None else threshold
    facts, table = Facts.of(run.meta, run.trials), trial_table(run.trials)
    rows = by_cell(summarize(run.trials, run.meta))
    cells = {str(cell): trials for cell, trials in table.groupby("cell_id", sort=False)}
    problem = run_problem(run.meta)
    for cell, trials in cells.items():
        rows[cell]["clock"] = problem or cell_problem(trials, run.meta)
    pairs = ordered(_pair(a, b, cells, facts, threshold) for a, b in _paired(rows))
    a, b = words_of(run.meta)
    return Comparison(
        basis=LOCKSTEP,
        title=f"Duel of {b} against {a}",
        a=_side("A", a, run, facts),
        b=_side("B", b, run, facts),
        threshold=threshold,
        pairs=pairs,
        means=means_of(pairs, LOCKSTEP, threshold),
        changed=counted_changes(pairs),
        notes=tuple(_notes(run, problem, pairs)),
    )


def _side(name: str, words: str, run: Run, facts: Facts) -> Side:
    machine = str(facts.part("machine").get("name") or facts.machine_id or "unnamed machine")
    suite = str(facts.part("suite").get("suite") or "suite")
    return Side(name, words, run.path, suite, str(run.meta.get("started_at") or ""), machine)


def _paired(rows: Mapping[str, Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Yield side a and side b of every pair. Cells that never started are in no pair's block: found by what they are.

    An axis the sides have no value of in common is what the duel is about, and left out of what pairs them.
    """
    sides = {side: [row for row in rows.values() if row["side"] == side] for side in ("a", "b")}
    apart = [
        axis for axis in AXES if not {_bare(row, axis) for row in sides["a"]} & {_bare(row, axis) for row in sides["b"]}
    ]
    keys = {
        side: {
            (*(_bare(row, axis) for axis in AXES if axis not in apart), row["batch"], row["dims"], row["scenario"]): row
            for row in own
        }
        for side, own in sides.items()
    }
    for key in dict.fromkeys((*keys["a"], *keys["b"])):
        yield keys["a"].get(key), keys["b"].get(key)


def _bare(row: Row, axis: str) -> Any:
    """Return a value without the side that a duel adds to the names of targets and model files."""
    return row[axis].removesuffix(f"@{row['side']}") if isinstance(row[axis], str) else row[axis]


def _pair(a: Row | None, b: Row | None, cells: Mapping[str, pd.DataFrame], facts: Facts, threshold: float) -> Pair:
    known = _described([row for row in (a, b) if row], facts) | {"caveats": caveats_of(a, b)}
    if a is None or b is None:
        present, other = ("B", "A") if a is None else ("A", "B")
        return Pair(**known, reason=f"only on side {present}; side {other} has no such cell")
    own = {side: cells[row["cell_id"]] for side, row in (("a", a), ("b", b))}
    first = {side: trials[trials["purpose"] != Purpose.CONFIRM] for side, trials in own.items()}
    known |= {side: cost_of(trials["trial_median_ns"]) for side, trials in first.items()}
    known |= {"changed": changes(a, b, facts, facts)}
    ended = why_not(did_not_run(a), did_not_run(b))
    if ended:
        return Pair(**known, reason=ended)
    allowed = {kind for axis, kinds in FOLLOWS.items() if a[axis] != b[axis] for kind in kinds}
    differs = tuple(each for each in hindering(a, b, facts, facts) if each.kind not in allowed)
    invalid = why_not(*(row["clock"] or row["invalid_reason"] for row in (a, b)))
    known |= {"differs": differs}
    if differs:
        told = f"besides what the duel is about, {'; '.join(map(str, differs))}"
        return Pair(**known, verdict=NOT_COMPARABLE, reason=told + (f"; and {invalid}" if invalid else ""))
    if invalid:
        return Pair(**known, reason=invalid)
    return _judged(Pair(**known), b["effects"], pd.concat(own.values()), threshold)


def _judged(pair: Pair, effects: Effects, trials: pd.DataFrame, threshold: float) -> Pair:
    """Return the pair with the verdict of its first batch, and what the second one makes of it."""
    confirming = _rounds(trials[trials["purpose"] == Purpose.CONFIRM])
    batches = [{key: r for key, r in effects.items() if (key in confirming) == second} for second in (False, True)]
    contended = is_contended(trials)
    r, second = (batch_interval(batch.values(), contended) for batch in batches)
    word, why = verdict(r, threshold)
    if r.n == 0:
        why = "no round has both sides"
    elif word == INCONCLUSIVE and contended and verdict(log_ratio(batches[0]), threshold)[0] != INCONCLUSIVE:
        why = "other work took the processor, so that every round would have to agree, and not every one does"
    confirmed = None
    if word == SLOWER and not confirming:
        why = "slower in one batch of rounds; without a second one it is no regression"
    elif word == SLOWER:
        confirmed = verdict(second, threshold)[0] == SLOWER
        why = "" if confirmed else f"the first batch read as slower, the second {_told(second)} did not confirm it"
        word = SLOWER if confirmed else INCONCLUSIVE
    return replace(pair, ratio=r, verdict=word, reason=why, confirmed=confirmed, second=second, effects=batches[0])


def is_contended(trials: pd.DataFrame) -> bool:
    """Tell whether other work took the processor in nearly all of these trials (nine of ten)."""
    flagged = [Flag.CONTENDED in list(flags) for flags in trials["flags"] if flags is not None]
    return bool(flagged) and sum(flagged) >= MOST * len(flagged)


def batch_interval(effects: Iterable[float], contended: bool) -> Interval:
    """Return the interval that a batch of rounds is judged by: of their median, or the whole range of a contended one.

    Beside other work r can be off by tens of per cent in either direction. The interval of a median is then wrong once
    in 26 batches of 12 rounds, as it says; that all of 12 rounds lie on the wrong side happens once in 4,096.
    """
    return whole_range(effects) if contended else median_interval(effects)


def _rounds(trials: pd.DataFrame) -> set[RoundKey]:
    known = trials.dropna(subset=["group", "round"])
    return {(int(group), int(number)) for group, number in zip(known["group"], known["round"], strict=True)}


def _told(r: Interval) -> str:
    """Return a second batch in words: its rounds and its interval, as factors."""
    rounds = "1 round" if r.n == 1 else f"{r.n} rounds"
    if r.n == 0:
        return "of no usable round"
    level = "range" if r.level is None else f"{100 * r.level:.1f}% interval"
    return f"of {rounds} ({exp(r.estimate):.3f}×, {exp(r.low):.3f}–{exp(r.high):.3f}, {level})"


def _described(rows: list[Row], facts: Facts) -> dict[str, Any]:
    """Return what a pair is called; where its sides differ, both values with an arrow between them."""
    ids = [row["cell_id"].split("/") for row in rows]
    bare = [[part.removesuffix(f"@{row['side']}") for part in each] for each, row in zip(ids, rows, strict=True)]
    labels = [label_of(row).removesuffix(f", {row['side'].upper()}: {_words(row, facts)}") for row in rows]
    values: dict[str, list[Any]] = {axis: [_bare(row, axis) for row in rows] for axis in (*AXES, "scenario")}
    values["threads"] = [f"{value:g}" for value in values["threads"]]
    told = {name: " → ".join(dict.fromkeys(map(str, each))) for name, each in values.items()}
    told["precision_label"] = " → ".join(dict.fromkeys(precision_of(facts, row["precision"]) for row in rows))
    told["target_label"] = " → ".join(dict.fromkeys(labels))
    told["cell"] = "/".join("~".join(dict.fromkeys(parts)) for parts in zip(*bare, strict=False))
    one = rows[0]
    return told | {
        "batch": one["batch"],
        "dims": one["dims"] or "{}",
        "scenario_kind": one["scenario_kind"],
        "basis": LOCKSTEP,
    }


def _words(row: Row, facts: Facts) -> str:
    return words_of(facts.meta)[row["side"] == "b"]


def _notes(run: Run, problem: str, pairs: tuple[Pair, ...]) -> Iterator[str]:
    if problem:
        yield f"In this run {problem}. No verdict rests on it."
    if run.meta.get("interrupted"):
        yield "The run was interrupted: it holds only what had been measured by then."
    named = " ".join(words_of(run.meta)).lower()
    more = dict.fromkeys(
        change
        for pair in pairs
        for change in pair.changed
        if change.kind == "package" and change.what.lower() not in named
    )
    if more and "==" in named:
        yield f"The sides differ in more packages than the one named: {', '.join(map(str, more))}."
    if not any(pair.verdict not in (NO_VERDICT, NOT_COMPARABLE) for pair in pairs):
        yield "No pair could be judged; the table says why for each."
