"""A verification as a table, with the verdict and the node first."""

from dataclasses import replace

from rich.console import Console

from bench.cli.tables import grid, say, show, text
from bench.runner.verify.findings import Check, Parting, Verdict, Verification

SHAPES = {
    Verdict.AGREES: ("●", "green"),
    Verdict.DIFFERS: ("×", "red"),
    Verdict.CRASHED: ("×", "yellow"),
    Verdict.CANNOT_RUN: ("○", "yellow"),
    Verdict.NOT_CONVERTED: ("○", "dim"),
    Verdict.NOT_HERE: ("○", "dim"),
}
REASON = 160  # characters of a reason in the table; JSON has it whole


def show_verification(console: Console, found: Verification) -> None:
    """Print the verdict, the notes and a table of every check."""
    at = ", ".join(f"{name} {size}" for name, size in found.sizes.items())
    say(console, text(f"{found.model} against {found.origin}", "bold"))
    say(console, text(f"{found.inputs} input sets, seed {found.seed}{f', at {at}' if at else ''}"))
    scales = {"root mean square": found.of_typical, "largest": found.of_largest}
    shares = [f"{share:g} of the {name}" for name, share in scales.items() if share]
    least = f"max({', '.join([f'{found.atol:g}', *shares])})" if shares else f"{found.atol:g}"
    bound = f"|d| <= {found.rtol:g} |reference| + {least}"
    say(console, text(f"An element agrees where {bound}."))
    for note in found.notes:
        say(console, text(f"! {note}", "yellow"))
    console.print()
    table = grid("", ["check", "verdict", "largest |d|", "of its bound", ""], right=["largest |d|", "of its bound"])
    for check in rows(found.checks):
        shape, colour = SHAPES[check.verdict]
        table.add_row(
            text(check.label), text(f"{shape} {check.verdict}", colour),
            "" if check.max_abs is None else f"{check.max_abs:.2g}", _share(check.excess), text(_told(check)),
        )  # fmt: skip
    show(console, table)
    say(console, text(verdict(found), "bold"))


def verdict(found: Verification) -> str:
    """Return the outcome as one sentence or two."""
    differing = [check for check in found.checks if check.verdict == Verdict.DIFFERS]
    agreeing = sum(check.verdict == Verdict.AGREES for check in found.checks)
    if not differing:
        others = len(found.checks) - agreeing
        left = f"; {others} could not be made, and say why" if others else ""
        return f"Everything that ran agrees: {agreeing} of {len(found.checks)} checks{left}."
    named = next((check.parting for check in differing if check.parting), None)
    where = f" They part at {named.node} ({named.op}), which makes {named.output}." if named else ""
    return f"{len(differing)} of {len(found.checks)} checks differ: {_names(differing)}.{where}"


def rows(checks: list[Check]) -> list[Check]:
    """Return the checks, those of an opset that say the same as one: the worst of them, and where it ran."""
    said: dict[tuple[object, ...], list[Check]] = {}
    for check in checks:
        said.setdefault((check.kind, check.name, check.verdict, check.reason, check.parting), []).append(check)
    return [_together(each) if each[0].kind == "opset" else each[0] for each in said.values()]


def _together(same: list[Check]) -> Check:
    worst = max(same, key=lambda each: each.excess or 0.0)
    if worst.verdict == Verdict.NOT_CONVERTED:
        return worst
    where = ", ".join(each.target or "as stored" for each in same)
    return replace(worst, target="", reason="; ".join(filter(None, (where, worst.reason))))


def _share(excess: float | None) -> str:
    """Return how much of its bound a difference takes: a percentage inside of it, a multiple beyond."""
    if excess is None:
        return ""
    if excess <= 1:
        return f"{100 * excess:.2g}%"
    return f"{excess:.2g}×" if excess < 100 else f"{excess:,.0f}×" if excess < 1e6 else "> 10⁶×"


def _names(checks: list[Check]) -> str:
    names = [check.label for check in checks]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _told(check: Check) -> str:
    parts = [_short(check.reason), _node(check.parting) if check.parting else ""]
    if check.verdict == Verdict.DIFFERS and check.output:
        parts.insert(0, f"at output {check.output}")
    return "; ".join(filter(None, parts))


def _node(parting: Parting) -> str:
    off = "" if parting.max_abs is None else f", off by {parting.max_abs:.2g}"
    reads = "all it reads agrees" if not parting.through else f"through {', '.join(parting.through[-4:])}"
    note = f" ({parting.note})" if parting.note else ""
    return (
        f"first at node {parting.node} ({parting.op}), output {parting.output}{off}; {reads}; found {parting.how}{note}"
    )


def _short(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= REASON else f"{line[:REASON].rsplit(' ', 1)[0]} ..."
