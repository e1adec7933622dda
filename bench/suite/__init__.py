"""From YAML to a plan: `load_suite` reads and checks a suite whole, `plan` expands it with the facts at hand."""

from bench.suite.cells import Block, Cell, Plan, Protocol, Skip
from bench.suite.facts import Facts, InputFacts, ModelFacts
from bench.suite.load import LoadedSuite, load_suite, load_text, shipped_suites, with_duel
from bench.suite.planner import environment_label, plan, plan_hash
from bench.suite.protocol import estimate_s
from bench.suite.published import json_schema
from bench.suite.resolve import catalog_facts

__all__ = [
    "Block",
    "Cell",
    "Facts",
    "InputFacts",
    "LoadedSuite",
    "ModelFacts",
    "Plan",
    "Protocol",
    "Skip",
    "catalog_facts",
    "environment_label",
    "estimate_s",
    "json_schema",
    "load_suite",
    "load_text",
    "plan",
    "plan_hash",
    "shipped_suites",
    "with_duel",
]
