"""`ortbench recommend RUN`"""

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench.analysis import Choice, recommend, summarize
from bench.cli.tables import grid, records, say, show, text, to_json
from bench.console import out
from bench.report import numbers, words
from bench.report.scope import Scope, axis_text, comparison, plain, scope
from bench.store import read_run

NOTHING = (
    "This run has no cell of the scenarios latency and throughput, which is what a choice is made by; "
    "`ortbench show RUN` has what it measured."
)
UNSURE = "Fewer than six rounds stand behind this: ranges, not intervals. The preset `standard` gives a firm answer."


@click.command(name="recommend")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--max-latency",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MS",
    help="Highest median latency, in milliseconds.",
)
@click.option(
    "--max-error", type=click.FloatRange(min=0), metavar="X",
    help="Largest error of any output element, as a share of the reference output's largest element: 0.01 is 1%.",
)  # fmt: skip
@click.option(
    "--max-memory", type=click.FloatRange(min=0, min_open=True), metavar="MB",
    help="Highest peak resident memory of the process, in MB of 1,000,000 bytes.",
)  # fmt: skip
@click.option("--batch", type=click.IntRange(min=1), metavar="N", help="Look at this batch size only.")
@click.option("--json", "as_json", is_flag=True, help="Print the choices as JSON.")
def command(
    run: Path,
    max_latency: float | None,
    max_error: float | None,
    max_memory: float | None,
    batch: int | None,
    as_json: bool,
) -> None:
    """Name the fastest valid choice for each model and batch size, and what cannot be told apart from it.

    A cell whose output was wrong, that ran on another provider or in another precision than asked, or that failed in
    any round is never chosen; nor is one where a figure with a limit is not known.
    """
    found = read_run(run)
    frame = summarize(found.trials, found.meta)
    choices = recommend(frame, max_latency, max_error, max_memory, batch)
    if as_json:
        click.echo(to_json([_as_record(choice) for choice in choices]))
        return
    view, console = scope(found.meta, found.trials, frame, ""), out()
    if not choices:
        say(console, text(NOTHING))
        return
    latency = [choice for choice in choices if choice.goal == "latency"]
    _table(console, view, f"Lowest latency, speedup against {view.baseline}", latency)
    _table(
        console, view, "Most items a second, at any batch size", [choice for choice in choices if choice not in latency]
    )
    if any(choice.winner and not choice.certain for choice in choices):
        say(console, text(f"! {UNSURE}\n", "yellow"))


def _table(console: Console, view: Scope, title: str, choices: list[Choice]) -> None:
    columns = ["", "choose", "it takes", "speedup", "not told apart from", "ruled out"]
    if not choices:
        return
    table = grid(title, columns)
    for choice in choices:
        ruled_out = "\n".join(f"{count} {reason.replace('_', ' ')}" for reason, count in choice.ruled_out.items())
        if choice.winner is None:
            table.add_row(text(_case(choice)), text("none", "bold red"), "", "", "", text(ruled_out))
            continue
        winner = {name: plain(value) for name, value in choice.winner.items()}
        peers = "\n".join(_name(view, peer, choice) for peer in choice.peers) or numbers.UNKNOWN
        against = comparison(winner)
        table.add_row(
            text(_case(choice)),
            text(_name(view, winner, choice), "bold green"),
            text(_figures(winner, choice.goal)),
            text(
                "\n".join(filter(None, [words.outcome(against), words.bounds(against) * (not winner["is_baseline"])]))
            ),
            text(peers),
            text(ruled_out),
        )
    show(console, table)


def _case(choice: Choice) -> str:
    dims = axis_text("dims", choice.dims) if choice.dims else ""
    return "\n".join(filter(None, [choice.model, dims, "" if choice.batch is None else f"batch {choice.batch}"]))


def _name(view: Scope, cell: dict[str, Any], choice: Choice) -> str:
    name = view.name(cell)
    if "threads" in view.varying:
        name += f", {axis_text('threads', cell['threads'])}"
    if choice.batch is not None:
        return name
    if cell["concurrency"] is not None and ("concurrency" in view.varying or cell["concurrency"] > 1):
        name += f", {cell['concurrency']:g} in flight"
    if "scenario" in view.varying:
        name += f" ({cell['scenario']})"
    return f"{name}, batch {cell['batch']}"


def _figures(cell: dict[str, Any], goal: str) -> str:
    if goal == "throughput":
        bounds = (cell["throughput_items_s"], cell["throughput_low_items_s"], cell["throughput_high_items_s"])
        return f"{numbers.rate(bounds[0])} items/s\n{numbers.factor_range(*bounds)}"
    bounds = (cell["latency_ns"], cell["latency_low_ns"], cell["latency_high_ns"])
    return f"{numbers.duration(bounds[0])}\n{numbers.duration_range(*bounds)}"


def _as_record(choice: Choice) -> dict[str, Any]:
    import pandas as pd

    told = {
        name: getattr(choice, name) for name in ("model", "goal", "dims", "batch", "certain", "ruled_out", "reason")
    }
    winner = records(pd.DataFrame([choice.winner]))[0] if choice.winner else None
    return told | {"winner": winner, "cannot_be_told_apart": [peer["cell_id"] for peer in choice.peers]}
