"""`ortbench plan`: what a suite would measure, what it would skip and why, and how long that takes."""

import json
from dataclasses import asdict

import click
from rich.table import Table
from rich.text import Text

from bench.console import err, out
from bench.contract.words import counted
from bench.suite import Cell, Facts, LoadedSuite, Plan, load_suite, plan
from bench.suite.expand import conditions

EXAMPLES = 3  # cells named behind a reason


@click.command()
@click.argument("suite", metavar="SUITE")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def command(suite: str, as_json: bool) -> None:
    """Show what a suite would measure, and what it would skip and why."""
    loaded = load_suite(suite)
    made = plan(loaded, machine_facts())
    if as_json:
        click.echo(json.dumps({**asdict(made), "warnings": loaded.warnings}, indent=2))
        return
    for warning in loaded.warnings:
        err().print(f"! {warning}", markup=False, soft_wrap=True)
    show(loaded, made)


def machine_facts() -> Facts:
    """Return what is known of this machine without starting a runtime."""
    from bench.environments import list_built, machine

    return Facts(
        platform=machine.platform_name(),
        cores=machine.usable_cores(),
        devices=machine.devices(),
        built=frozenset(environment.label for environment in list_built()),
    )


def show(loaded: LoadedSuite, made: Plan) -> None:
    """Print a plan for people: blocks, environments, unknowns, skips, the time it takes."""
    if loaded.path is None:
        _say(loaded.text)
    measured = [cell for cell in made.cells if not cell.skip]
    if measured:
        out().print(_blocks(made))
    _say("\nEnvironments")
    for label, targets in made.environments.items():
        _say(f"  {label}: {', '.join(targets) or 'prepares models'}")
    _reasons("Unknown until prepared", [(cell.unknown, cell) for cell in measured if cell.unknown])
    _reasons("Skipped", [(cell.skip.reason, cell) for cell in made.cells if cell.skip])
    _say(
        f"\n{made.suite}: {counted(len(measured), 'cell')} to measure in {counted(len(made.blocks), 'block')}, "
        f"{len(made.cells) - len(measured)} skipped · {made.protocol.preset}, {_rounds(made)} · "
        f"about {_duration(made.estimate_s)}, {_apart(made)} apart"
    )


def _blocks(made: Plan) -> Table:
    """Return a table with a row for each precision of a block, and its targets in the order of the plan."""
    table = Table(title=f"Cells by block; {made.baseline} at FP32 is the baseline of each", title_justify="left")
    for name in ("model", "batch, threads, scenario", "precision", "targets"):
        table.add_column(name, overflow="fold")
    for block in made.blocks:
        by_precision: dict[str, list[Cell]] = {}
        for cell in {cell.id: cell for group in block.groups for cell in group}.values():
            by_precision.setdefault(cell.precision, []).append(cell)
        where = (block.model, conditions(block.batch, block.dims, block.threads, block.scenario))
        for index, (precision, cells) in enumerate(by_precision.items()):
            targets = ", ".join(cell.target + ("?" if cell.unknown else "") for cell in cells)
            first = where if index == 0 else ("", "")
            label = made.precisions[precision].label
            table.add_row(*map(Text, (*first, label, targets)), end_section=index == len(by_precision) - 1)
    return table


def _reasons(title: str, found: list[tuple[str, Cell]]) -> None:
    by_reason: dict[str, list[str]] = {}
    for reason, cell in found:
        by_reason.setdefault(reason, []).append(cell.id)
    if by_reason:
        _say(f"\n{title}")
    for reason, ids in by_reason.items():
        more = f" and {len(ids) - EXAMPLES} more" if len(ids) > EXAMPLES else ""
        _say(f"  {reason}\n    {', '.join(ids[:EXAMPLES])}{more}")


def _apart(made: Plan) -> str:
    """Return what the estimate leaves out, since nobody can tell it beforehand."""
    measured = (made.targets[cell.target] for cell in made.cells if not cell.skip)
    return "downloads and translations" if any(target.translates for target in measured) else "downloads"


def _rounds(made: Plan) -> str:
    least, most = made.protocol.rounds, made.protocol.max_rounds
    return counted(least, "round") if least == most else f"{least} to {most} rounds"


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _say(text: str) -> None:
    out().print(text, markup=False, soft_wrap=True)
