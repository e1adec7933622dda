"""`ortbench explain RUN [CELL]`"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench.analysis import summarize
from bench.analysis.why import Explanation, Operator, explain, operators_of, slower_variants
from bench.cli.tables import as_json, grid, say, show, text, to_json
from bench.console import out
from bench.errors import UsageError
from bench.report import numbers, results, why
from bench.report.entries import MEASURED
from bench.report.scope import Row, Scope, scope
from bench.store import read_run
from bench.suite.near import nearest

LISTED = 12  # cells that a mistake lists
OPERATORS = 12  # lines of the table
KEPT = ["cell_id", "status", "reason", "valid", "flags", "precision_effective", "latency_ns", "nodes_total"]
KEPT += ["nodes_on_provider", "time_on_provider", "output_ok", "max_rel_error", "cosine", "sqnr_db", "top1_agreement"]


@click.command(name="explain")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("cell", metavar="[CELL]", required=False)
@click.option("--json", "as_record", is_flag=True, help="Print what was found as JSON, every operator included.")
def command(run: Path, cell: str | None, as_record: bool) -> None:
    """Say why a cell is slower or faster than FP32, from what both ran.

    CELL is the id of a cell, or a part of it that no other has: `magika/int8-static/cpu`. Without it, every variant
    that is slower than FP32 on the same target.
    """
    found = read_run(run)
    view = scope(found.meta, found.trials, summarize(found.trials, found.meta), "")
    if cell is None:
        explained = slower_variants(view.rows, view.meta)
    else:
        explained = [explain(_named(cell, view.rows), view.rows, view.meta)]
    if as_record:
        records = [_record(view, one) for one in explained]
        click.echo(to_json(records if cell is None else records[0]))
        return
    console = out()
    for one in explained:
        _head(console, view, one)
        if cell is not None:
            _facts(console, view, one)
            _operators(console, one)
        _reasons(console, one)
    if cell is None:
        _close(console, view, explained, run)


def _named(asked: str, rows: Sequence[Row]) -> Row:
    """Return the one row whose id is, holds, or has all parts of what was asked. Raises UsageError."""
    ids = {str(row["cell_id"]): row for row in rows}
    parts = asked.lower().strip("/").split("/")
    fitting = [
        [name for name in ids if name == asked],
        [name for name in ids if f"/{asked.lower().strip('/')}/" in f"/{name.lower()}/"],
        [name for name in ids if asked.lower() in name.lower()],
        [name for name in ids if all(part in name.lower().split("/") for part in parts)],
    ]
    found = next(filter(None, fitting), [])
    if len(found) == 1:
        return ids[found[0]]
    if not found:
        near = {"/".join(name.split("/")[: len(parts)]) for name in ids}
        raise UsageError(
            f"This run has no cell `{asked}`{nearest(asked, near)}.", "`ortbench show RUN --all` has them all."
        )
    more = f"\n  and {len(found) - LISTED} more" if len(found) > LISTED else ""
    listed = "".join(f"\n  {name}" for name in found[:LISTED])
    raise UsageError(f"{len(found)} cells have `{asked}` in their names:{listed}{more}", "Name one of them.")


def _head(console: Console, view: Scope, one: Explanation) -> None:
    state = results.state(one.row)
    say(console, text(f"{one.row['cell_id']}  {state.shape} {state.name}", "dim"))
    if one.row["status"] != "ok":
        say(console, text(results.reason_of(one.row), "bold"))
    say(console, text(" ".join(filter(None, [why.verdict(view, one), why.doubt(one)])), "bold"))
    if one.row["status"] == "ok":
        say(console, why.computed(view, one.row))


def _facts(console: Console, view: Scope, one: Explanation) -> None:
    """Latency, output, placement, flags, and what the conversion did, a line each."""
    row = one.row
    if row["status"] == "ok":
        for column, write in MEASURED:
            entry = write(view, row)
            if column.name in ("Measured", "Output SQNR", "Placement", "Caveats") and entry.text:
                small = f" ({entry.small})" if entry.small else ""
                say(console, f"{column.name}: {entry.text}{small}")
    for name, told in why.conversion(view, row):
        say(console, f"{name}: {told}")
    console.print()


def _operators(console: Console, one: Explanation) -> None:
    """Operators by time, those of the other cell beside them."""
    now, was = operators_of(one.row), operators_of(one.base or {})
    if not now:
        return
    mine = one.row["target_label"], one.row["precision"]
    other = (one.base["target_label"], one.base["precision"]) if one.base else ("", "")
    columns = [
        "operator",
        *(f"{what} {of}" for of in (_label(mine, other), _label(other, mine)) for what in ("nodes", "time")),
    ]
    table = grid("Operators by time", columns[: 5 if was else 3], right=columns[1:])
    by_key, shown = {_key(each, one): each for each in was}, set()
    longest = sorted([*now, *was], key=lambda each: -(each.ns or 0))
    mine_by_key = {_key(each, one): each for each in now}
    for key in list(dict.fromkeys(_key(each, one) for each in longest))[:OPERATORS]:
        shown.add(key)
        cells = [*_figures(mine_by_key.get(key)), *(_figures(by_key.get(key)) if was else ())]
        table.add_row(text(key), *map(text, cells))
    rest = len({*by_key, *mine_by_key} - shown)
    if rest:
        table.add_row(text(f"{rest} more", "dim"))
    show(console, table)


def _label(own: tuple[str, str], other: tuple[str, str]) -> str:
    return own[1] if own[0] == other[0] or not other[0] else own[0]


def _key(operator: Operator, one: Explanation) -> str:
    """An operator's name, with its provider where that is not the cell's own."""
    own = {one.row["provider"], one.base["provider"] if one.base else None, operator.provider.upper()}
    return operator.name if operator.provider in own else f"{operator.name} on {operator.provider}"


def _figures(operator: Operator | None) -> tuple[str, str]:
    if operator is None:
        return numbers.UNKNOWN, numbers.UNKNOWN
    return f"{operator.nodes:,}", numbers.duration(operator.ns)


def _reasons(console: Console, one: Explanation) -> None:
    for reason in one.reasons:
        say(console, f"- {reason.text}")
    if one.basis:
        say(console, text(one.basis, "dim"))
    console.print()


def _close(console: Console, view: Scope, explained: Sequence[Explanation], run: Path) -> None:
    variants = [row for row in view.rows if row["precision"] != "fp32" and row["status"] == "ok"]
    if not explained:
        told = f"None of {numbers.counted(len(variants), 'measured variant')} is slower than its FP32."
        say(console, told if variants else "This run measured no variant besides FP32.")
        return
    told = f"{len(explained)} of {numbers.counted(len(variants), 'measured variant')}"
    say(
        console,
        f"{told} ran slower than FP32 on the same target; `ortbench explain {run} CELL` shows one with its operators",
    )


def _record(view: Scope, one: Explanation) -> dict[str, Any]:
    kept = {name: as_json(one.row[name]) for name in KEPT}
    told = {name: as_json(value) for name, value in asdict(one.against).items() if name not in ("reason", "kind")}
    return {
        **kept,
        "compared_with": one.base and one.base["cell_id"],
        **told,
        "basis": one.basis,
        "no_verdict": one.against.reason,
        "computed": why.computed(view, one.row),
        "conversion": dict(why.conversion(view, one.row)),
        "operators": [asdict(each) for each in operators_of(one.row)],
        "compared_operators": [asdict(each) for each in operators_of(one.base or {})],
        "reasons": [asdict(reason) for reason in one.reasons],
    }
