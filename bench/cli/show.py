"""`ortbench show RUN`"""

from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from bench.analysis import compare_duel, is_duel, summarize
from bench.cli.compared import show_comparison
from bench.cli.scenarios import show_scenarios
from bench.cli.tables import grid, marked, records, say, show, text, to_json, width
from bench.console import out
from bench.report import headline, kinds, numbers, results, why, words
from bench.report.comparison.record import as_record
from bench.report.details import machine_name, method
from bench.report.entries import effective
from bench.report.headline import Mean
from bench.report.scope import Row, Scope, comparison, scope
from bench.store import read_run

RATE, FIGURES = "items/s", ["error", "memory", "computed in", "caveats"]
LATENCY = "latency"
CASE_COLUMNS, TARGET_COLUMNS = 26, 20  # what a column takes in the table of speedups
MOST_SLOWER = 3
NOTE = "error: the largest of any output element over the largest of the reference; memory: the peak of the process"


@click.command(name="show")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--all", "every", is_flag=True, help="A line for every measured cell, with everything known of it.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict, the caveats and every cell as JSON.")
def command(run: Path, every: bool, as_json: bool) -> None:
    """Show a finished run: what is fastest, what stands in the way of believing it, and every cell that failed."""
    found = read_run(run)
    if is_duel(found) and not every:  # what its reader came for; `--all` shows the cells of both sides
        duel = compare_duel(found)
        if as_json:
            click.echo(to_json(as_record(duel)))
        else:
            show_comparison(out(), duel)
        return
    frame = summarize(found.trials, found.meta)
    view = scope(found.meta, found.trials, frame, "")
    means = headline.means(frame)
    if as_json:
        told = headline.headline(view, means)
        caveats = [vars(caveat) for caveat in results.caveats(view)]
        click.echo(to_json({"verdict": told.sentence, "more": told.more, "caveats": caveats, "cells": records(frame)}))
        return
    console = out()
    _answer(console, view, means)
    if every:
        _cells(console, view)
    else:
        for precision in view.precisions if view.kind == LATENCY else ():
            _speedups(console, view, precision, [mean for mean in means if mean.precision == precision])
        show_scenarios(console, view)
    _slower(console, view, run)
    _reasons(console, view)
    more = "" if every else f"; `ortbench show {run} --all` shows every cell"
    say(console, f"{run}{more}; `ortbench recommend {run}` names what to deploy")


def _answer(console: Console, view: Scope, means: tuple[Mean, ...]) -> None:
    """The caveats, the verdict, the count of cells and how they were taken."""
    started = str(view.meta.get("started_at", ""))[:10]
    say(console, text(f"{view.meta['suite']['suite']} · {started} · {machine_name(view.meta)}", "dim"))
    for caveat in results.caveats(view):
        say(console, text(f"! {caveat.count} {caveat.name}: {caveat.meaning}", "yellow"))
    told = headline.headline(view, means)
    say(console, text(told.sentence, "bold"))
    for sentence in told.more:
        say(console, sentence)
    counts = Text("  ").join(marked(state, f"{count} {state.name}") for state, count in results.tally(view))
    say(console, Text.assemble(f"{numbers.counted(len(view.rows), 'cell')}: ", counts))
    say(console, text(f"{method(view)}\n", "dim"))


def _speedups(console: Console, view: Scope, precision: str, means: list[Mean]) -> None:
    """One precision: a line a case, a column a target; as many tables as it takes for the width."""
    own = view.of(precision=precision, scenario_kind=LATENCY)
    cells = {(row["block_id"], row["target"]): row for row in own}
    targets = [target for target in view.targets if any(target == of for _, of in cells)]
    fit = max(1, (width(console) - CASE_COLUMNS) // TARGET_COLUMNS)
    for start in range(0, len(targets), fit):  # none where the precision has no latency
        some = targets[start : start + fit]
        labels = [view.targets[target] for target in some]
        table = grid(f"{view.precisions[precision]}, speedup against {view.baseline}", ["", *labels])
        for block, case in view.cases.items():
            if any((block, target) in cells for target in some):
                table.add_row(text(case), *(_speedup(cells.get((block, target))) for target in some))
        by_target = {mean.target: mean for mean in means}
        if len(view.models) > 1:
            table.add_row(text("geometric mean", "bold"), *(_mean(by_target.get(target)) for target in some))
        show(console, table)


def _speedup(row: Row | None) -> Text:
    """What one cell says: its latency where it is the baseline, its ratio, or why there is none."""
    if row is None:
        return text("")
    state = results.state(row)
    if row["status"] != "ok" or state is words.INVALID:
        return marked(state, state.name if row["status"] == "ok" else words.STATUS_WORDS[row["status"]])
    found = comparison(row)
    if found.ratio is None or row["is_baseline"]:
        return marked(state, kinds.written(row))
    return Text.assemble(marked(state, words.outcome(found)), text(f"\n  {words.bounds(found)}", "dim"))


def _mean(mean: Mean | None) -> Text:
    if mean is None or mean.found is None:
        return text(numbers.UNKNOWN)
    of = f"of {numbers.counted(mean.models, 'model')}"
    if mean.found.verdict == "baseline":
        return text(f"  baseline\n  {of}")
    return Text.assemble(
        text(f"  {words.outcome(mean.found)}", "bold"), text(f"\n  {words.bounds(mean.found)}\n  {of}")
    )


def _cells(console: Console, view: Scope) -> None:
    """Every measured cell, a table a case."""
    for block, case in view.cases.items():
        rows = [row for row in view.of(block_id=block) if row["status"] == "ok"]
        if not rows:
            continue
        kind = kinds.kind_of(rows[0])
        against = "speedup" if rows[0]["scenario_kind"] == LATENCY else "against baseline"
        rates = [RATE] if any(row["throughput_items_s"] is not None for row in rows) else []
        columns = ["", kind.figure.lower(), against, *rates, *FIGURES]
        table = grid(case, columns, right=columns[1:-2])
        for row in rows:
            told, caveats = comparison(row), ", ".join(words.flag_word(flag) for flag in row["flags"])
            outcome = "no verdict" if not row["valid"] else words.outcome(told)
            bounds = words.bounds(told) if row["valid"] and not row["is_baseline"] else ""
            table.add_row(
                marked(results.state(row), view.name(row)),
                text("\n".join(_figure(row))),
                text(f"{outcome}\n{bounds}"),
                *(text(numbers.rate(row["throughput_items_s"])) for _ in rates),
                text(numbers.error(row["max_rel_error"])),
                text(numbers.size(row["peak_rss_bytes"])),
                text(effective(view, row).text),
                text(caveats),
            )
        show(console, table)
    say(console, text(f"{NOTE}\n", "dim"))


def _figure(row: Row) -> Iterator[str]:
    """What a cell measured, with its bounds; of sessions that come and go also what a cycle leaves behind."""
    yield from filter(None, [kinds.written(row), kinds.bounds(row)])
    if row["growth_bytes"] is not None:
        told, bounds = kinds.growth(row)
        yield from filter(None, [f"{told} a cycle", bounds])


def _slower(console: Console, view: Scope, run: Path) -> None:
    """The variants that fewer bits made slower, and the first reason of each."""
    found = [one for model in view.models for one in why.told(view, model)]
    if not found:
        return
    say(console, text("Slower than FP32", "bold"))
    for one in found[:MOST_SLOWER]:
        say(console, " ".join(filter(None, [one.verdict, one.doubt, *one.reasons[:1]])))
    rest = f"{numbers.counted(len(found) - MOST_SLOWER, 'other')} and " if len(found) > MOST_SLOWER else ""
    say(console, text(f"`ortbench explain {run}` tells {rest}all that is known of why.\n", "dim"))


def _reasons(console: Console, view: Scope) -> None:
    """Every cell without a valid result: what, where, and why. What has one reason stands together."""
    alike: dict[tuple[str, str, str], list[Row]] = {}  # of one configuration in several cases
    for row in view.rows:
        if row["status"] != "ok" or not row["valid"]:
            alike.setdefault((view.name(row), results.state(row).name, _why(row)), []).append(row)
    if not alike:
        return
    together: dict[tuple[str, str, str], list[str]] = {}  # and of several configurations in the same cases
    for (name, state, reason), rows in alike.items():
        cases = list(dict.fromkeys(view.cases[row["block_id"]] for row in rows))
        where = "everywhere" if len(cases) == len(view.cases) > 2 else "\n".join(_first(cases))
        together.setdefault((state, where, reason), []).append(name)
    states = {state.name: state for state in words.STATES}
    table = grid("Without a valid result", ["", "where", "why"])
    for (state, where, reason), names in together.items():
        listed = Text("\n").join(marked(states[state], name) for name in names)
        table.add_row(listed, text(where), text(reason))
    show(console, table)


def _why(row: Row) -> str:
    return str(row["invalid_reason"]) if row["status"] == "ok" else results.reason_of(row)


def _first(cases: list[str], most: int = 6) -> Iterator[str]:
    yield from cases[:most]
    if len(cases) > most:
        yield f"and {len(cases) - most} more"
