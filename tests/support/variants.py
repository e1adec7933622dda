"""A variant beside its FP32, of which both ran given operators, and what is said of why it differs."""

import json
from typing import Any

from support.rows import Row, make_meta, make_rounds

from bench.analysis import summarize
from bench.analysis.why import Explanation, explain
from bench.report.scope import scope
from bench.store import to_frame

CPU, VINO = "CPUExecutionProvider", "OpenVINOExecutionProvider"


VNNI = ["sse2", "avx2", "avx512_vnni"]


NO_VNNI = ["sse2", "avx2"]


FP32 = {"Conv": (13, 500), "MatMul": (2, 300), "Add": (9, 100), "Softmax": (1, 100)}


def operators(found: dict[str, tuple[int, int | None]], provider: str = CPU) -> str:
    """Operators as a row has them, of nodes and µs."""
    return json.dumps(
        {
            name if "/" in name else f"{provider}/{name}": [nodes, None if us is None else us * 1000]
            for name, (nodes, us) in found.items()
        }
    )


def explained(
    now: dict[str, Any],
    was: dict[str, Any] | None = None,
    speedup: float = 0.25,
    rounds: int = 6,
    target: str = "cpu",
    flags: list[str] | None = None,
    report: Row | None = None,
    options: Row | None = None,
    precision: str = "int8-static",
    model: Row | None = None,
    **columns: Any,
) -> Explanation:
    """One variant at a fraction of the speed of FP32, of which both ran these operators."""
    about = {"target": target}
    rows = make_rounds(rounds, operators=operators(was or FP32), **about)
    rows += make_rounds(rounds, speedup, seed=1, precision=precision, operators=operators(now), **about, **columns)
    meta = make_meta(rows, baseline=target)
    meta["machine"] = {"cpu": {"flags": flags}}
    meta["models"]["magika"] |= model or {}
    meta["models"]["magika"]["convert"] = {precision: {"status": "ok", "conversion": report}}
    meta["precisions"][precision] = {"effective": precision.split("-")[0], "options": options or {}}
    return explain(*one_and_all(rows, meta), meta)


def one_and_all(rows: list[Row], meta: Row) -> tuple[Row, tuple[Row, ...]]:
    """The cell that is no FP32, or else the last, and all of them."""
    trials = to_frame(rows)
    found = scope(meta, trials, summarize(trials, meta), "").rows
    return next((row for row in found if row["precision"] != "fp32"), found[-1]), found


def names(found: Explanation) -> list[str]:
    return [reason.name for reason in found.reasons]


def text(found: Explanation, name: str) -> str:
    return next(reason.text for reason in found.reasons if reason.name == name)


def share(found: Explanation, name: str) -> float | None:
    return next(reason.share for reason in found.reasons if reason.name == name)
