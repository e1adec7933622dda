"""What stands around the numbers: each model's facts, the machine, the method, the environments."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.contract.words import subnormal_in_words
from bench.report import numbers, words
from bench.report.kinds import KINDS
from bench.report.scope import Scope, comparison

FEW = 6  # operators that are named
LONG = 140  # characters: beyond, a fact is folded away
Fact = tuple[str, str]


@dataclass(frozen=True)
class Conversion:
    precision: str
    outcome: str
    changed: tuple[str, ...]  # in words: what was converted, what was left and why, what was put in between
    size: str
    seconds: str


@dataclass(frozen=True)
class Environment:
    label: str
    summary: str
    freeze: tuple[str, ...]


def fastest(scope: Scope, model: str) -> tuple[str, ...]:
    """One sentence for each case of a model: its fastest valid configuration, or why there is none."""
    told, kind = [], KINDS[scope.kind]
    answering = {row["block_id"] for row in scope.answering}
    for case, label in scope.cases.items():
        if case not in answering:
            continue
        at = label.removeprefix(model).removeprefix(" · ")
        rows = [row for row in scope.of(block_id=case, model=model) if row["valid"] and row["speedup"] is not None]
        if not rows:
            continue
        best = max(rows, key=lambda row: (row["speedup"], row["is_baseline"]))
        over = f"{'in' if best['scenario'] in at else 'at'} {at}" if at else ""
        if best["is_baseline"]:
            told.append(f"Nothing valid is {kind.beats} the baseline {scope.baseline}{f', {over}' if over else ''}.")
        else:
            told.append(f"{words.headline(comparison(best), scope.name(best), scope.baseline, over)}.")
    return tuple(told) or (f"No valid comparison with {scope.baseline}.",)


def selfcheck(meta: Mapping[str, Any]) -> tuple[Fact, ...]:
    """What the last `ortbench selfcheck` on this machine found; nothing where there was none."""
    found = meta.get("selfcheck")
    if not found:
        return ()
    preset = f"`{found['suits']}` finds" if found.get("suits") else "no preset finds"
    share = f"{100 * float(found['planted']):g}%"
    told = f"{preset} a change of {share} here; one round's ratio spread by {100 * float(found['spread']):.2f}%"
    return (("Selfcheck", f"{told}, {str(found['at'])[:10]}"),)


def model_facts(scope: Scope, model: str) -> tuple[Fact, ...]:
    found = scope.meta.get("models", {}).get(model, {})
    facts = [
        ("task", found.get("task")),
        ("file", numbers.size(found["bytes"]) if found.get("bytes") else None),
        ("stored as", scope.precisions.get(found.get("stored", ""), found.get("stored"))),
        ("licence", found.get("licence")),
        ("source", found.get("source")),
        ("sha256", found.get("sha256")),
    ]
    if found.get("constant_output"):
        facts.append(("note", "its output does not depend on its input, so correctness cannot be judged"))
    if found.get("subnormal"):
        facts.append(("note", subnormal_in_words(found["subnormal"], found["weights"])))
    return tuple((name, str(value)) for name, value in facts if value)


def conversions(scope: Scope, model: str) -> tuple[Conversion, ...]:
    found = scope.meta.get("models", {}).get(model, {}).get("convert") or {}
    return tuple(
        Conversion(
            scope.precisions.get(name, name),
            _outcome(row),
            tuple(_changed(row.get("conversion") or {})),
            _size(row.get("bytes"), (row.get("conversion") or {}).get("bytes_before")),
            numbers.seconds(row.get("seconds")),
        )
        for name, row in found.items()
    )


def _outcome(row: Mapping[str, Any]) -> str:
    status = words.STATUS_WORDS.get(row.get("status", ""), "?")
    said = row.get("reason") or (row.get("conversion") or {}).get("problem")
    return f"{status}: {said}" if said else status


def _changed(conversion: Mapping[str, Any]) -> Iterator[str]:
    taken: Mapping[str, int] = conversion.get("quantised") or {}
    if taken:
        most = sorted(taken.items(), key=lambda each: -each[1])
        told = [f"{nodes} {operator}" for operator, nodes in most[:FEW]]
        yield "converted: " + ", ".join(told) + (f", {len(most) - FEW} more operators" if len(most) > FEW else "")
        for operator, why in (conversion.get("left") or {}).items():
            yield from (f"left: {nodes} {operator}, {reason}" for reason, nodes in why.items())
    if conversion.get("casts"):
        yield f"{numbers.counted(conversion['casts'], 'node')} between types put in"


def _size(after: float | None, before: float | None) -> str:
    """A file's size, and its share of the file it was made of."""
    share = f", {numbers.percent(after / before)}" if after and before else ""
    return f"{numbers.size(after)}{share}"


def flattened(found: Mapping[str, Any], before: str = "") -> Iterator[Fact]:
    """A nested dict as pairs of a readable name and a value: `{"memory": {"total_bytes": 8e9}}` is `memory total`."""
    for name, value in found.items():
        label = f"{before} {name}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            if name.endswith("_bytes"):
                label = label.removesuffix(" bytes")
                value = {f"{part} bytes": count for part, count in value.items()}
            yield from flattened(value, label)
        elif isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            for number, part in enumerate(value):
                yield from flattened(part, f"{label} {number + 1}" if len(value) > 1 else label)
        elif value not in (None, "", [], ()):
            yield _readable(label, value)


def _readable(label: str, value: Any) -> Fact:
    if isinstance(value, bool):
        return label, "yes" if value else "no"
    if isinstance(value, list | tuple):
        return label, ", ".join(str(part) for part in value)
    if isinstance(value, int | float) and label.endswith(" bytes"):
        return label.removesuffix(" bytes"), numbers.size(value)
    if isinstance(value, int | float) and label.endswith(" ns"):
        return label.removesuffix(" ns"), numbers.duration(value)
    return label, f"{value:g}" if isinstance(value, float) else str(value)


def machine_name(meta: Mapping[str, Any]) -> str:
    return str((meta.get("machine") or {}).get("name") or "unnamed machine")


def method(scope: Scope) -> str:
    """How the run was taken, in one line."""
    protocol = scope.meta.get("protocol", {})
    rounds = {int(row["rounds"]) for row in scope.rows if row["rounds"]}
    timed = scope.answering if scope.kind == "latency" else ()
    samples = sorted(int(row["samples"]) for row in timed if row["samples"])
    told = [f"preset {protocol['preset']}"] if protocol.get("preset") else []
    if rounds:
        span = str(max(rounds)) if len(rounds) == 1 else f"{min(rounds)} to {max(rounds)}"
        told.append(f"{span} {'round' if rounds == {1} else 'rounds'}, a fresh process for each cell in each")
    if samples:
        at = " of latency" if len({row["scenario"] for row in scope.rows}) > 1 else ""
        told.append(f"{samples[len(samples) // 2]:,} samples a cell{at}")
    return ", ".join([*told, "side by side in lockstep"])


def spent(meta: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Where the wall clock of the run went."""
    found = meta.get("seconds") or {}
    phases = found.get("phases") or {}
    shares = ", ".join(f"{name} {numbers.seconds(value)}" for name, value in phases.items() if value >= 0.05)
    facts = [
        (name.replace("_", " "), numbers.seconds(value))
        for name, value in found.items()
        if isinstance(value, int | float)
    ]
    facts += [("by phase", shares)] if shares else []
    if found.get("measure") and found.get("in_workers") is not None:
        facts.append(("share of measuring inside workers", numbers.percent(found["in_workers"] / found["measure"])))
    return tuple(facts)


def environments(meta: Mapping[str, Any]) -> tuple[Environment, ...]:
    found = []
    for label, row in (meta.get("environments") or {}).items():
        freeze = tuple(str(line) for line in row.get("freeze") or ())
        parts = [f"Python {row['python']}" if row.get("python") else "", numbers.counted(len(freeze), "package")]
        parts.append(f"built in {numbers.seconds(row['built_s'])}" if row.get("built_s") else "")
        found.append(Environment(label, ", ".join(part for part in parts if part), freeze))
    return tuple(found)


def versions(scope: Scope) -> tuple[Fact, ...]:
    """Every target with the version of its runtime, as the runtime told it."""
    found: dict[str, set[str]] = {}
    for row in scope.rows:
        if row["runtime_version"]:
            found.setdefault(row["target"], set()).add(str(row["runtime_version"]))
    return tuple((scope.targets[name], ", ".join(sorted(seen))) for name, seen in found.items())
