"""Plausible duels and pairs of stored runs, without measuring anything."""

from pathlib import Path
from typing import Any

from support.rows import TARGETS, Row, make_meta, make_rounds

from bench.store import Run, to_frame

A, B = "onnxruntime==1.31.0", "onnxruntime==1.32.0"
MACHINE = {"machine_id": "machine", "name": "testbox", "cpu": {"governor": "performance", "turbo": True}}
MACHINE |= {"conditions": {"power_source": "mains"}, "versions": {"ortbench": "0.1.0"}}


def stored(rows: list[Row], name: str = "a", **meta: Any) -> Run:
    """One finished run as it is read back; `meta` overrides."""
    about = {"run_id": name, "machine": MACHINE, "suite": {"suite": "suite", "seed": 0}, "environments": frozen()}
    return Run(Path(f"{name}.parquet"), make_meta(rows, **(about | meta)), to_frame(rows))


def frozen(**versions: str) -> dict[str, Any]:
    """Environments of the targets of `support.rows`, with some packages at other versions."""
    known = {"onnxruntime": "1.32.0", "onnxruntime-openvino": "1.24.1", "openvino": "2026.1.0"}
    versions = {name.replace("_", "-"): version for name, version in versions.items()}
    return {
        name: {"freeze": [f"{name}=={versions.get(name, version)}", f"numpy=={versions.get('numpy', '2.3.1')}"]}
        for name, version in known.items()
    }


def on_side(rows: list[Row], side: str, words: str = "", **columns: Any) -> list[Row]:
    """Trials of a sweep as side `side` of a duel has them: their own target and cell, the pair's block."""
    words = words or {"a": A, "b": B}[side]
    found = []
    for row in rows:
        target, pair = row["target"], row["cell_id"]
        label = f"{row['target_label']}, {side.upper()}: {words}"
        own: Row = {"side": side, "target": f"{target}@{side}", "target_label": label, "block_id": pair}
        if row["round"] is None:
            own["block_id"] = f"{row['model']}/b{row['batch']}/t{row['threads']}/{row['scenario']}"
        found.append(row | own | {"cell_id": pair.replace(f"/{target}/", f"/{target}@{side}/")} | columns)
    return found


def pair(slower: float = 1.0, again: float | None = None, rounds: int = 6, seed: int = 0, **columns: Any) -> list[Row]:
    """A duel's pair: side b takes `slower` times as long in the first batch of rounds, `again` times in a second."""
    rows = on_side(make_rounds(rounds, seed=seed, **columns), "a")
    rows += on_side(make_rounds(rounds, 1 / slower, seed=seed + 100, **columns), "b")
    if again is not None:
        second = on_side(make_rounds(rounds, seed=seed + 200, **columns), "a")
        second += on_side(make_rounds(rounds, 1 / again, seed=seed + 300, **columns), "b")
        rows += [row | {"round": row["round"] + rounds, "purpose": "confirm"} for row in second]
    return rows


def duel(rows: list[Row], name: str = "duel", **meta: Any) -> Run:
    """One finished duel of two versions of ONNX Runtime."""
    targets = {}
    for row in rows:
        about = TARGETS.get(row["target"].partition("@")[0], {"label": row["target"], "runtime": "x", "provider": None})
        words = {"a": A, "b": B}.get(row["side"], "")
        targets[row["target"]] = {**about, "label": row["target_label"], "requirements": [words] if words else []}
    about = {"duel": {"a": A, "b": B}, "targets": targets, "environments": {}}
    return stored(rows, name, **(about | meta))
