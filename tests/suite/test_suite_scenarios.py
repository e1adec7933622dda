"""Scenarios of a suite's own: made from a kind of the catalog, with the settings that mean something to it."""

from dataclasses import replace

import pytest

from bench import plan
from bench.catalog import scenario_settings, scenarios
from bench.errors import SuiteError
from bench.suite import Facts, Plan, load_text, plan_hash
from bench.suite.schema import Scenario

HERE = Facts("linux-x86_64", cores=2)
ONE = "suite: s\nmatrix: {model: magika, target: cpu, scenario: %s}\n"


def planned(scenario: str, own: str = "") -> Plan:
    return plan(load_text(ONE % scenario + own), HERE)


def problem(text: str) -> str:
    with pytest.raises(SuiteError) as caught:
        load_text(text, "s.yaml")
    (found,) = caught.value.problems
    return found


def test_a_scenario_of_the_suite_is_a_kind_of_the_catalog_with_settings_of_its_own():
    own = "scenarios: {busy: {scenario: server, limit_ms: 20, queries: 600, label: rush hour}}"
    made = planned("[latency, busy]", own)
    assert [cell.id.rpartition("/")[2] for cell in made.cells] == ["latency", "busy"]
    expected = {"name": "busy", "label": "rush hour", "limit_ms": 20.0, "queries": 600}
    assert made.scenarios["busy"] == replace(scenarios()["server"], **expected)
    assert made.scenarios.keys() == {"latency", "busy"}


def test_device_memory_is_a_metric_of_its_own_and_cells_of_latency_are_called_as_ever():
    made = planned("[latency, device_resident]")
    assert [cell.id for cell in made.cells] == [
        "magika/fp32/cpu/b1/t2/latency",
        "magika/fp32/cpu/b1/t2/device_resident",
    ]
    assert [made.scenarios[block.scenario].boundary for block in made.blocks] == ["host_to_host", "device_resident"]
    assert all({cell.scenario for group in block.groups for cell in group} == {block.scenario} for block in made.blocks)


@pytest.mark.parametrize(
    ("target", "able"),
    [
        ("cuda", True),
        ("tensorrt", True),
        ("torch", True),
        ("openvino-native", True),
        ("openvino", False),
        ("mnn", False),
    ],
)
def test_what_cannot_leave_tensors_in_its_devices_memory_is_unsupported_there_and_measured_host_to_host(target, able):
    text = f"suite: s\nmatrix: {{model: [crepe-tiny], target: [cpu, {target}], scenario: [latency, device_resident]}}\n"
    made = plan(load_text(text), replace(HERE, devices=frozenset({"nvidia", "gpu"})))
    skips = {cell.scenario: cell.skip for cell in made.cells if cell.target == target}
    assert skips["latency"] is None
    assert (skips["device_resident"] is None) is able
    if not able:
        assert skips["device_resident"].status == "unsupported"
        assert "cannot leave inputs and outputs in its device's memory" in skips["device_resident"].reason


def test_it_is_called_by_its_name_where_it_has_no_label():
    assert (
        planned("four", "scenarios: {four: {scenario: throughput, concurrency: 4}}").scenarios["four"].label == "four"
    )


def test_scenarios_have_blocks_of_their_own():
    made = planned("[latency, throughput, idle, churn, cold_start]")
    assert [block.scenario for block in made.blocks] == ["latency", "throughput", "idle", "churn", "cold_start"]
    assert all(block.baseline for block in made.blocks)


@pytest.mark.parametrize("kind", sorted(scenarios()))
def test_every_kind_takes_its_own_settings_and_no_other(kind):
    """Every setting of the schema, one at a time: taken where the catalog lists it for the kind, refused elsewhere."""
    some = {"concurrency": 3, "sessions": 2, "percentile": 0.9, "limit_ms": 5, "queries": 500, "within": 0.1}
    some |= {"processes": 4, "page_cache": "warm", "cache": "empty", "cycles": 9, "pause_ms": 1, "pauses": 4}
    assert some.keys() == Scenario.model_fields.keys() - {"scenario", "label"}
    needed = {"limit_ms": 5} if kind == "server" else {}
    for key, value in some.items():
        beside = {"concurrency": 3} if key == "sessions" and key in scenario_settings()[kind] else {}
        settings = ", ".join(f"{name}: {each}" for name, each in {**needed, **beside, key: value}.items())
        text = ONE % "mine" + f"scenarios: {{mine: {{scenario: {kind}, {settings}}}}}"
        if key in scenario_settings()[kind]:
            assert getattr(plan(load_text(text), HERE).scenarios["mine"], key) == value
        else:
            found = problem(text)
            assert f"scenarios.mine.{key}: `{key}` means nothing here, expected what {kind} takes: " in found
            assert all(name in found for name in scenario_settings()[kind])


def test_no_session_is_without_a_request():
    found = problem(ONE % "mine" + "scenarios: {mine: {scenario: throughput, sessions: 3}}")
    assert "scenarios.mine.sessions: found 3, expected at most `concurrency`, which is 2" in found


def test_a_percentile_takes_as_many_queries_as_say_anything_of_it():
    server = "scenarios: {mine: {scenario: server, limit_ms: 5, percentile: 0.99, queries: %d}}"
    assert "scenarios.mine.queries: found 458, expected 459 or more" in problem(ONE % "mine" + server % 458)
    assert load_text(ONE % "mine" + server % 459).suite.scenarios["mine"].queries == 459


def test_a_server_has_to_say_what_it_keeps_to():
    assert "scenarios.mine: found no `limit_ms`" in problem(ONE % "mine" + "scenarios: {mine: {scenario: server}}")
    found = problem(ONE % "server")
    assert "matrix.scenario: `server` alone has no `limit_ms`" in found
    assert "scenarios: {busy: {scenario: server, limit_ms: 20}}" in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ONE % "latncy", "matrix.scenario: found `latncy`, expected the name of a scenario (did you mean `latency`?)"),
        (
            ONE % "mine" + "scenarios: {mine: {scenario: thruput}}",
            "scenarios.mine.scenario: found `thruput`, expected the name of a scenario of the catalog",
        ),
        (ONE % "latency" + "scenarios: {mine: {concurrency: 4}}", "scenarios.mine: `scenario` is missing"),
        (ONE % "latency" + "scenarios: {mine: {scenario: idle, pause: 4}}", "scenarios.mine.pause: unknown key"),
        (ONE % "latency" + "scenarios: {'a/b': {scenario: idle}}", "scenarios.a/b"),
        (ONE % "latency" + "exclude: [{scenario: idel}]", "exclude[0].scenario: found `idel`"),
        (
            ONE % "mine" + "scenarios: {mine: {scenario: churn, cycles: 3}}",
            "scenarios.mine.cycles: found `3`, expected a number of 8 or more",
        ),
        (
            ONE % "mine" + "scenarios: {mine: {scenario: server, limit_ms: 5, percentile: 99}}",
            "scenarios.mine.percentile: found `99`, expected a number below 1",
        ),
        (
            ONE % "mine" + "scenarios: {mine: {scenario: cold_start, page_cache: cold}}",
            "scenarios.mine.page_cache: found the text `cold`, expected `warm` or `dropped`",
        ),
    ],
)
def test_a_mistake_in_a_scenario_is_told_where_it_is(text, expected):
    assert expected in problem(text)


def test_a_scenario_can_be_left_out_of_some_cells():
    text = "suite: s\nmatrix: {model: magika, target: cpu, batch: [1, 8], scenario: [latency, idle]}\n"
    made = plan(load_text(text + "exclude: [{scenario: idle, batch: 8}]"), HERE)
    assert [(cell.batch, cell.scenario) for cell in made.cells] == [(1, "latency"), (1, "idle"), (8, "latency")]


def test_a_cold_start_takes_as_many_rounds_as_it_wants_processes_and_the_estimate_knows():
    few, many = (planned("c", f"scenarios: {{c: {{scenario: cold_start, processes: {n}}}}}") for n in (8, 80))
    assert few.estimate_s < many.estimate_s


def test_the_settings_of_a_scenario_decide_results():
    hashes = {
        plan_hash(planned("t", f"scenarios: {{t: {{scenario: throughput, concurrency: {n}}}}}"), {}) for n in (1, 2)
    }
    assert len(hashes) == 2
