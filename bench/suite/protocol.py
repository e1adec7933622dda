"""Presets, and how long a plan takes. Numbers and their reasons are in measurement.md."""

from dataclasses import replace

from bench.suite import schema
from bench.suite.cells import Block, Plan, Protocol

_STANDARD = Protocol(
    "standard", 6, 6, None, bursts=16, burst_ms=20, windows=4, window_ms=200, concurrency=2, trial_s=10
)
PRESETS: dict[str, Protocol] = {
    "quick": replace(_STANDARD, preset="quick", rounds=3, max_rounds=3, windows=2),
    "standard": _STANDARD,
    "precise": replace(_STANDARD, preset="precise", rounds=12, max_rounds=20, half_width=0.005),
}

START_S = 0.5  # a trial's process, import, session and first inference
WARM_S = 0.4  # its warm-up until two windows agree
CHECK_S = 0.5  # once a cell: outputs and placement, untimed
CONVERT_S = 3.0  # once a model and precision that is made by a recipe
REFERENCE_S = 2.0  # once a model and input shape
ENVIRONMENT_S = 10.0  # once an environment that does not exist yet, downloads apart


def protocol_of(suite: schema.Suite) -> Protocol:
    """Return the suite's preset with what its `measure` says instead."""
    given = suite.measure.model_dump(exclude_none=True)
    chosen = replace(PRESETS[suite.preset], **given)
    if "max_rounds" in given:
        return replace(chosen, rounds=min(chosen.rounds, chosen.max_rounds))
    most = PRESETS["precise"].max_rounds if chosen.half_width else chosen.rounds
    return replace(chosen, max_rounds=max(chosen.rounds, most))


def estimate_s(plan: Plan, built: frozenset[str]) -> float:
    """Return about how many seconds a run of the plan takes, without downloads.

    trials x (start + warm-up + bursts, within `trial_s`, + windows) + cells x check + conversions + references
    + environments not built yet. A plan that may stop early counts the rounds half-way between its bounds.
    """
    protocol = plan.protocol
    rounds = (protocol.rounds + protocol.max_rounds) / 2
    driven = min(protocol.bursts * protocol.burst_ms / 1000, protocol.trial_s)
    trial = START_S + WARM_S + driven + protocol.windows * protocol.window_ms / 1000
    measured = {cell.id: cell for block in plan.blocks for group in block.groups for cell in group}
    converted = {(cell.model, cell.precision) for cell in measured.values() if plan.precisions[cell.precision].method}
    shapes = {(block.model, block.batch, block.dims) for block in plan.blocks}
    return (
        _trials(plan.blocks) * rounds * trial
        + len(measured) * CHECK_S
        + len(converted) * CONVERT_S
        + len(shapes) * REFERENCE_S
        + len(plan.environments.keys() - built) * ENVIRONMENT_S
    )


def _trials(blocks: tuple[Block, ...]) -> int:
    """Return the trials of one round of everything; a baseline takes part in each of its groups."""
    return sum(len(group) for block in blocks for group in block.groups)
