"""Presets, and how long a plan takes. Numbers and their reasons are in measurement.md."""

from dataclasses import replace
from math import ceil

from bench import catalog
from bench.catalog import Scenario
from bench.contract.flags import Flag
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

SLOW = {Flag.SIMULATOR, Flag.SOFTWARE_ADAPTER}  # seconds an inference: a trial ends where its time does
WARM_S = 0.4  # its warm-up until two windows agree
PROBES, QUERY_S = 7, 0.007  # rates a server's bisection tries, and a query of one
CYCLE_S = 0.08  # to open and close a session
LEAD_IN_S = 0.01  # before each pause, and the inference after it
CACHE_S = 1.0  # once a cell whose compile cache is filled beforehand
LEAST_WINDOWS = 6  # of a trial of a throughput scenario: what a round's effect is the median over
CHECK_S = 0.5  # once a cell: outputs and placement, untimed
CONVERT_S = 3.0  # once a model and precision that is made by a recipe
REFERENCE_S = 2.0  # once a model and input shape
ENVIRONMENT_S = 10.0  # once an environment that does not exist yet, downloads apart


def protocol_of(suite: schema.Suite) -> Protocol:
    """Return the suite's preset with what its `measure` says instead."""
    given = {"confirm": suite.duel is not None, **suite.measure.model_dump(exclude_none=True)}
    chosen = replace(PRESETS[suite.preset], **given)
    if "max_rounds" in given:
        return replace(chosen, rounds=min(chosen.rounds, chosen.max_rounds))
    most = PRESETS["precise"].max_rounds if chosen.half_width else chosen.rounds
    return replace(chosen, max_rounds=max(chosen.rounds, most))


def protocol_in(protocol: Protocol, scenario: Scenario) -> Protocol:
    """Return the protocol of a scenario's blocks: as many rounds as it wants fresh processes, at least."""
    rounds = max(protocol.rounds, scenario.processes)
    return replace(protocol, rounds=rounds, max_rounds=max(protocol.max_rounds, rounds))


def tool_s(protocol: Protocol, kind: str) -> int:
    """Return the whole seconds a program that measures by itself is told to measure for: about what others are driven.

    It knows one of two kinds of scenario, and takes part in no other.
    """
    windows = max(LEAST_WINDOWS, protocol.windows) * protocol.window_ms
    return ceil((windows if kind == "throughput" else protocol.bursts * protocol.burst_ms) / 1e3)


def estimate_s(plan: Plan, built: frozenset[str]) -> float:
    """Return about how many seconds a run of the plan takes, without downloads and translations.

    How long a runtime's own compiler takes to translate a model is not known beforehand: from a second to minutes.
    rounds x trials of what their scenario drives + cells x check + conversions + references + environments not built
    yet. A plan that may stop early counts the rounds half-way between its bounds.
    """
    measured = {cell.id: cell for block in plan.blocks for group in block.groups for cell in group}
    converted = {(cell.model, cell.precision) for cell in measured.values() if plan.precisions[cell.precision].method}
    shapes = {(block.model, block.batch, block.dims) for block in plan.blocks}
    return (
        sum(_block_s(block, plan) for block in plan.blocks)
        + len(measured) * CHECK_S
        + len(converted) * CONVERT_S
        + len(shapes) * REFERENCE_S
        + len(plan.environments.keys() - built) * ENVIRONMENT_S
    )


def _block_s(block: Block, plan: Plan) -> float:
    """Return about how many seconds all rounds of a block take; a baseline takes part in each of its groups."""
    scenario = plan.scenarios[block.scenario]
    protocol = protocol_in(plan.protocol, scenario)
    bursts = min(protocol.bursts * protocol.burst_ms / 1000, protocol.trial_s)
    bursts_and_windows = WARM_S + bursts + protocol.windows * protocol.window_ms / 1000
    driven = {
        "latency": bursts_and_windows,
        "device_resident": bursts_and_windows,
        "throughput": WARM_S + max(protocol.windows, LEAST_WINDOWS) * protocol.window_ms / 1000,
        "server": WARM_S + PROBES * scenario.queries * QUERY_S,
        "cold_start": 0.0,
        "churn": scenario.cycles * CYCLE_S,
        "idle": WARM_S + scenario.pauses * (scenario.pause_ms / 1000 + LEAD_IN_S),
    }
    targets = [plan.targets[cell.target] for group in block.groups for cell in group]
    filled = len(targets) * CACHE_S if scenario.cache == "warm" else 0.0
    of_a_round = 0.0
    for target in targets:
        of_a_round += catalog.runtimes()[target.runtime].start_s
        if target.tool:
            of_a_round += tool_s(protocol, scenario.kind)
        else:
            slow = driven[scenario.kind] and SLOW & set(target.flags)
            of_a_round += protocol.trial_s if slow else driven[scenario.kind]
    return filled + (protocol.rounds + protocol.max_rounds) / 2 * of_a_round
