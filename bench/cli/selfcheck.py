"""`ortbench selfcheck`"""

import json
from dataclasses import asdict
from pathlib import Path

import click

from bench.cli.progress import Watcher
from bench.cli.run import interruptible
from bench.cli.tables import grid, say, show, text
from bench.console import err, out
from bench.contract.flags import MEANING, Flag
from bench.report import numbers
from bench.runner.selfcheck import ROUNDS, Selfcheck, selfcheck

FEWEST_ROUNDS = 12


@click.command(name="selfcheck")
@click.option("--rounds", type=click.IntRange(FEWEST_ROUNDS, 100), default=ROUNDS, show_default=True, metavar="N")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON, every round included.")
@click.option("--out", "folder", default="results", show_default=True, type=click.Path(path_type=Path))
def command(rounds: int, as_json: bool, folder: Path) -> None:
    """Find out what this machine lets a duel find, on two models whose difference is known.

    Measures a small network against itself and against one with 3% more layers, and tells from the rounds how often a
    gate would have raised a false alarm, how often it would have found the difference, and which preset suits this
    machine. What it finds goes into the metadata of every later run here.
    """
    console = err() if as_json else out()
    with interruptible(folder), Watcher(console) as watch:
        found = selfcheck(folder, rounds, watch=watch)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
        return
    console.print()
    for line in _told(found):
        say(console, text(line))
    table = grid(
        "What a duel would have said, in draws from these rounds",
        ["", "rounds", "false alarms", "finds 3%", "confirmed", "half-width", "finds from"],
    )
    for name, each in found.presets.items():
        least = found.smallest[name]
        table.add_row(
            text(name), str(round(each["rounds"])), _percent(each["alarms"]), _percent(each["found"]),
            _percent(each["confirmed"]), f"{100 * each['half_width']:.2f}%",
            "more than 30%" if least is None else f"{100 * least:g}%",
        )  # fmt: skip
    show(console, table)
    say(console, text(_advice(found), "bold"))


def _told(found: Selfcheck) -> list[str]:
    change = f"{100 * found.found:.1f}% ({100 * found.found_low:.1f} to {100 * found.found_high:.1f})"
    lines = [
        f"The canary takes {numbers.duration(found.latency_ns)} with {found.threads} threads. With 3% more layers it "
        f"was {change} slower; against itself, one round's ratio spread by {100 * found.spread:.2f}%."
    ]
    for flag, share in found.flags.items():
        lines.append(f"! {_percent(share)} of the trials {flag.replace('_', ' ')}: {MEANING[Flag(flag)]}")
    return lines


def _advice(found: Selfcheck) -> str:
    if found.suits:
        return f"On this machine `--preset {found.suits}` finds a change of 3%, without a false alarm in these draws."
    return (
        "On this machine, as it is now, no preset finds a change of 3% reliably. Make it quieter (other work, power "
        "saving, a shared host), or gate on larger changes with `--threshold`."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"
