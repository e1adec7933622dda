"""How a cell ended, and whether it may win."""

from collections import Counter
from math import isfinite
from typing import Any

import pandas as pd

from bench.contract.flags import MEANING, Flag
from bench.contract.status import Status
from bench.store.columns import EQUAL_DB

# A cell with one of these ran, but its latency is not that of what was asked for.
DISQUALIFYING = (
    Flag.WRONG_OUTPUT,
    Flag.LOST_VALUES,
    Flag.NO_REFERENCE,
    Flag.PARTIAL_FALLBACK,
    Flag.PRECISION_DIFFERS,
    Flag.SIMULATOR,
    Flag.SOFTWARE_ADAPTER,
    Flag.OTHER_METHOD,
)


def ending(cell: pd.DataFrame) -> dict[str, Any]:
    """Return `status`, `reason`, `rounds` (ok trials) and `failed_trials` of one cell.

    A cell is ok where more of its trials ended well than did not. Otherwise it has the ending most of its failed
    trials had. The reason is that of the last trial that ended otherwise, also where the cell is ok; else what its
    trials tell (outputs of another shape, say).
    """
    trials = list(zip(cell["round"], cell["status"], cell["reason"], strict=True))
    started = sorted((trial for trial in trials if trial[0] == trial[0]), key=lambda trial: float(trial[0]))
    if not started:
        _, status, reason = trials[-1]
        return {"status": str(status), "reason": reason or "", "rounds": 0, "failed_trials": 0}
    failed = [trial for trial in started if trial[1] != Status.OK]
    good = len(started) - len(failed)
    reason = next((reason for _, _, reason in reversed(failed or started) if reason), "")
    status = Status.OK if good > len(failed) else Counter(status for _, status, _ in failed).most_common(1)[0][0]
    return {"status": str(status), "reason": reason, "rounds": good, "failed_trials": len(failed)}


def output_verdict(ok: pd.DataFrame) -> bool | None:
    """Return False where the output of any of the ok trials was wrong, True where all were right, else None."""
    if (ok["output_ok"] == False).any():  # noqa: E712 a null is neither
        return False
    return True if len(ok) and ok["output_ok"].notna().all() else None


def why_invalid(row: dict[str, Any]) -> str:
    """Return in words why a cell may not win; empty where it may.

    `row` holds what is known of the cell so far: status, reason, failed_trials, flags, output_ok, cosine, sqnr_db,
    threads, threads_effective, cost_ns.
    """
    if row["status"] != Status.OK:
        return f"{row['status']}: {row['reason']}" if row["reason"] else str(row["status"])
    if not isfinite(row["cost_ns"]):
        return "no samples were kept"
    if row["output_ok"] is False:
        return _how_wrong(row)
    for flag in DISQUALIFYING:
        if flag in row["flags"]:
            return MEANING[flag]
    if row["output_ok"] is None:
        return MEANING[Flag.NO_REFERENCE]
    threads = row["threads_effective"]
    if threads > 0 and threads != row["threads"]:  # unknown (NaN) is no difference
        return f"it ran with {threads:.0f} threads where {row['threads']:.0f} were asked for"
    return ""


def _how_wrong(row: dict[str, Any]) -> str:
    """Return which bounds the outputs are outside of, as their trials tell; those of old runs tell numbers alone."""
    text = MEANING[Flag.WRONG_OUTPUT]
    if row["reason"] and not row["failed_trials"]:
        return f"{text}: {row['reason']}"
    if isfinite(row["cosine"]) and row["sqnr_db"] < EQUAL_DB:  # what is wrong beside equal numbers is no number
        return f"{text}: cosine {row['cosine']:.3g}, signal to error {row['sqnr_db']:.1f} dB"
    return text
