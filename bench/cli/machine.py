"""`ortbench machine`"""

import json
from dataclasses import asdict
from typing import Any

import click

from bench.cli.tables import grid, say, show, text
from bench.console import out, progress, size_text

STYLES = {"ready": "green", "to be had": "", "not here": "dim"}
SIGNS = {"ready": "\u25cf", "to be had": "\u25cb", "not here": "\u00d7"}


@click.command(name="machine")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def command(as_json: bool) -> None:
    """Tell what this machine is, and which targets it can measure.

    For each target of the catalog: ready (its environment is built, and its runtime offers it here), to be had (and the
    command that gets it), or not here, with the wheel, driver or device that is missing.
    """
    from bench.environments.machine import fingerprint
    from bench.runner.availability import availability

    found = []
    with progress("asking the runtimes") as tell:
        for each in availability():
            tell(each.label)
            found.append(each)
    about = fingerprint()
    if as_json:
        click.echo(json.dumps({"machine": about, "targets": [asdict(each) for each in found]}, indent=1))
        return
    say(out(), text(_told(about), "bold"))
    here = grid("Targets", ["", "target", "version", "devices", "environment"])
    missing = grid("Not here", ["", "target", "why"])
    for each in sorted(found, key=lambda each: list(SIGNS).index(each.state)):
        sign, style = text(SIGNS[each.state], STYLES[each.state]), STYLES[each.state]
        if each.state == "not here":
            missing.add_row(sign, text(each.target), text(each.why))
            continue
        how = each.version or each.why
        here.add_row(
            *(text(cell, style) for cell in (sign.plain, each.target, how, ", ".join(each.devices), each.environment))
        )
    show(out(), here)
    show(out(), missing)
    counts = {state: sum(each.state == state for each in found) for state in SIGNS}
    say(out(), text(f"{len(found)} targets: " + ", ".join(f"{n} {state}" for state, n in counts.items())))


def _told(about: dict[str, Any]) -> str:
    """Return the machine in one line."""
    cards = [str(card["name"]) for card in about["gpus"]] or ["no GPU"]
    parts = (about["name"], size_text(about["memory_bytes"]), about["os"], about["hypervisor"], *cards)
    return " \u00b7 ".join(str(part) for part in parts if part)
