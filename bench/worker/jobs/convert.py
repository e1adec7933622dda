"""Make a variant of a model by a recipe of the catalog. A recipe that changes nothing makes none, and says why."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.contract.conversion import Conversion
from bench.contract.status import Failure, Status
from bench.worker.jobs.recipes import METHODS

TOLD = 4  # reasons for nothing, at most


def run(
    model: str, destination: str, method: str, options: dict[str, Any], calibration: list[dict[str, str]], before: int
) -> dict[str, Any]:
    """Write the variant to `destination`, in a folder of its own; returns its size and the report of the conversion.

    It runs in the environment of the recipe's tool. `model` may be prepared for the method (jobs/prepare.py); `before`
    is the size of the model as it is stored. Where nothing was quantised the status is unsupported, with the reasons,
    and there is no file. Raises Failure: conversion_failed with the tool's words.
    """
    try:
        made = METHODS[method](model, destination, options, calibration)
    except (Failure, MemoryError):
        raise
    except Exception as error:
        raise Failure(Status.CONVERSION_FAILED, f"{method}: {type(error).__name__}: {str(error)[:800]}") from error
    if not made.quantised:
        Path(destination).unlink(missing_ok=True)
        reason = f"nothing_quantised: {_why(made)}"
        kept = replace(made, bytes_before=before).to_wire()
        return {"status": Status.UNSUPPORTED, "reason": reason, "conversion": kept}
    size = sum(file.stat().st_size for file in Path(destination).parent.rglob("*") if file.is_file())
    return {"bytes": size, "conversion": replace(made, bytes_before=before, bytes_after=size).to_wire()}


def _why(conversion: Conversion) -> str:
    """Return why every operator was left, the most frequent first."""
    found = [(nodes, operator, reason) for operator, why in conversion.left.items() for reason, nodes in why.items()]
    found.sort(key=lambda each: -each[0])
    if not found:
        return "it has no operator that the tool takes"
    told = [f"{nodes} {operator}: {reason}" for nodes, operator, reason in found[:TOLD]]
    return "; ".join(told) + (f"; and {len(found) - TOLD} more" if len(found) > TOLD else "")
