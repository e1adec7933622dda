"""Runs with several scenarios: each kind in its own words, none in another's chart, a part of the report of its own."""

import re
from pathlib import Path

import pytest
from support.rows import LIMIT_MS, SCENARIOS, Row, make_failed, make_meta, make_rounds, make_scenario, scenarios_meta

from bench.analysis import summarize
from bench.report import details, headline, kinds, results, scenarios, write_report
from bench.report.charts.load import probes
from bench.report.charts.pareto import pareto
from bench.report.charts.series import model_charts
from bench.report.charts.speedup import speedup
from bench.report.resources import memory, startup
from bench.report.scope import Scope, scope
from bench.report.view import run_view
from bench.store import to_frame, write_run

SAYS = {  # kind -> how a configuration twice as good reads, and one half as good
    "latency": ("ORT OpenVINO FP32 is 2.00× faster than ORT CPU FP32", "is 2.00× slower than"),
    "device_resident": (
        "ORT OpenVINO FP32 is 2.00× faster in device memory than",
        "2.00× slower in device memory than",
    ),
    "throughput": ("ORT OpenVINO FP32 has 2.00× the throughput of ORT CPU FP32", "has a 2.00× lower throughput than"),
    "server": ("ORT OpenVINO FP32 holds 2.00× the rate of ORT CPU FP32", "holds a 2.00× lower rate than"),
    "cold_start": ("ORT OpenVINO FP32 starts 2.00× faster than ORT CPU FP32", "starts 2.00× slower than"),
    "churn": ("ORT OpenVINO FP32 opens, runs and closes a session 2.00× faster", "a session 2.00× slower than"),
    "idle": ("ORT OpenVINO FP32 is 2.00× faster after a pause than ORT CPU FP32", "2.00× slower after a pause than"),
}
FIGURES = {
    "device_resident": "µs",
    "throughput": "items/s", "server": "queries/s", "cold_start": "ms", "churn": "ms", "idle": "ms",
}  # fmt: skip


def rows_of(*kinds: str, ratio: float = 2.0, **columns: object) -> list[Row]:
    return [
        row
        for kind in kinds
        for row in make_scenario(kind, **columns) + make_scenario(kind, speedup=ratio, target="openvino", **columns)
    ]


def scope_of(rows: list[Row]) -> Scope:
    trials, about = to_frame(rows), make_meta(rows, scenarios=scenarios_meta())
    return scope(about, trials, summarize(trials, about), "")


@pytest.fixture(scope="module")
def mixed() -> Scope:
    return scope_of(rows_of(*SCENARIOS))


def sentence(found: Scope) -> str:
    return headline.headline(found, headline.means(found.frame)).sentence


@pytest.mark.parametrize("kind", SAYS)
def test_a_run_of_one_kind_says_what_that_kind_measures(kind: str):
    better, worse = SAYS[kind]
    assert sentence(scope_of(rows_of(kind))).startswith(better)
    assert worse in sentence(scope_of(rows_of(kind, ratio=0.5)))


@pytest.mark.parametrize("kind", [kind for kind in SAYS if kind != "latency"])
def test_three_rounds_claim_nothing_of_any_kind(kind: str):
    told = sentence(scope_of(rows_of(kind, rounds=3)))
    assert "no interval" in told
    assert not re.search(r"faster|slower| holds | has ", told)


def test_what_was_measured_in_other_cases_is_named_and_takes_no_headline_away():
    """A runtime of one thread beside others that have two: no case is everybody's."""
    rows = [row for number in (1, 2) for row in make_rounds(6, threads=number, threads_effective=number)]
    rows += make_rounds(6, 2.0, seed=1, threads=2, target="openvino")
    rows += make_rounds(6, 1.5, seed=2, threads=2, target="litert")
    rows += make_rounds(6, 3.0, seed=3, threads=1, threads_effective=1, target="tract")
    found = scope_of(rows)
    told = headline.headline(found, headline.means(found.frame))
    assert re.match(r"ORT OpenVINO FP32 is (2\.0\d|1\.9\d)× faster than ORT CPU FP32", told.sentence)
    assert "Measured in other cases than the rest, so in no mean: tract FP32." in told.more


def test_without_a_case_that_any_has_beside_the_baseline_nobody_is_said_to_have_failed():
    names = ("a", "b", "c")
    rows = [row for name in names for row in make_rounds(6, model=name)]
    rows += [row for name in names for row in make_rounds(6, 2.0, seed=1, model=name, target=f"of-{name}")]
    assert sentence(scope_of(rows)).startswith("No target is valid beside ORT CPU FP32 in half of the cases")


def test_with_latency_the_headline_is_of_it_and_names_the_rest(mixed: Scope):
    told = headline.headline(mixed, headline.means(mixed.frame))
    assert told.sentence.startswith(SAYS["latency"][0])
    also = "device resident, throughput, server, cold start, churn and idle"
    assert told.more == (f"That is of latency; this run also has {also}, told apart below.",)


def test_charts_of_latency_hold_only_latency(mixed: Scope):
    alone = scope_of(rows_of("latency"))
    assert [chart.rows for chart in model_charts(mixed, "magika", 0)] == [
        chart.rows for chart in model_charts(alone, "magika", 0)
    ]
    for chart in (speedup, startup, memory):
        of_mixed, of_one = chart(mixed), chart(alone)
        assert of_mixed is not None and of_one is not None
        assert of_mixed.rows == of_one.rows
    assert [chart.rows for chart in pareto(mixed)] == [chart.rows for chart in pareto(alone)] != []
    assert len(details.fastest(mixed, "magika")) == 1


@pytest.mark.parametrize("kind", FIGURES)
def test_each_scenario_has_a_table_with_its_figure_and_ratio(mixed: Scope, kind: str):
    view = scenarios.tabled(mixed, kind)
    baseline, other = view.lines
    figure, told = other.entries[2], other.entries[-2]
    assert figure.text.endswith(f"\u00a0{FIGURES[kind]}") and figure.small
    assert "2.00×" in told.text and told.tone == "faster" and told.small
    assert baseline.entries[-2].text == "baseline"
    assert len(other.entries) == len(view.columns)
    assert view.settings.endswith(".") and view.sentence.startswith(SAYS[kind][0])


def test_settings_are_told_in_words(mixed: Scope):
    assert "p99 of their latencies, waiting included, has to stay within 40 ms" in scenarios.in_words(mixed, "server")
    assert scenarios.in_words(mixed, "idle") == "6 inferences a round, each after a pause of 50 ms."
    assert "model file in the page cache, no compile cache" in scenarios.in_words(mixed, "cold_start")


def test_caches_get_a_column_where_they_were_not_as_asked():
    rows = [row | {"cache": "refilled"} for row in make_scenario("cold_start")]
    view = scenarios.tabled(scope_of(rows), "cold_start")
    at = [column.name for column in view.columns].index("Caches")
    assert "not used" in view.lines[0].entries[at].text


def test_growth_stands_beside_the_cycle_with_its_bounds(mixed: Scope):
    entry = scenarios.tabled(mixed, "churn").lines[0].entries[3]
    assert (entry.text, entry.small) == ("+4.00\u00a0KiB", "4.00 to 4.00\u00a0KiB")


def test_idle_shows_the_latency_without_a_pause_beside_it(mixed: Scope):
    line = scenarios.tabled(mixed, "idle").lines[0]
    assert line.entries[3].text == kinds.written(mixed.of(scenario="latency", target="cpu")[0])
    alone = scenarios.tabled(scope_of(rows_of("idle")), "idle")
    assert "Without a pause" not in [column.name for column in alone.columns]


def test_a_servers_chart_has_every_rate_and_which_did_not_hold(mixed: Scope):
    server = next(view for view in scenarios.views(mixed) if view.id == "scenario-server")
    (chart,) = server.charts
    assert len(chart.rows) == 2 * 6 * 3
    assert sum(row[-1] == "did not hold" for row in chart.rows) == 2 * 6
    assert f"{LIMIT_MS:.1f}\u00a0ms" in chart.caption
    cell = mixed.of(scenario="server", target="cpu")[0]
    assert [probe.latency_ns for probe in probes(mixed, cell)][:3] == [11e6, 36e6, None]


def test_phases_of_a_cold_start_add_up_and_memory_goes_over_cycles(mixed: Scope):
    views = {view.id: view for view in scenarios.views(mixed)}
    (starts,) = views["scenario-cold_start"].charts
    assert starts.columns[2:] == ("process start", "runtime import", "session create", "first inference")
    (cycles,) = views["scenario-churn"].charts
    assert [row[2] for row in cycles.rows] == ["12", "12"]


def test_a_cell_that_failed_under_load_stays_with_its_reason():
    why = "no rate that was tried keeps p99 within 40 ms"
    failed = make_failed("unsupported", why, target="openvino", scenario="server", scenario_kind="server")
    found = scope_of([*make_scenario("server"), failed])
    view = scenarios.tabled(found, "server")
    assert view.lines[1].reason == f"unsupported: {why}" and len(view.lines[1].entries) == 2
    assert view.sentence == ""
    assert "nothing to compare" in sentence(found)


def test_a_run_of_nothing_but_failures_under_load_is_still_a_page(tmp_path: Path):
    failed = make_failed("crashed", "signal 11", scenario="churn", scenario_kind="churn")
    path = write_run(tmp_path / "run.parquet", [failed], make_meta([failed], scenarios=scenarios_meta()))
    assert "crashed: signal 11" in write_report([path], tmp_path / "out").read_text("utf-8")


def test_the_table_of_all_cells_has_every_kinds_figure(mixed: Scope):
    table = results.table(mixed)
    at = [column.name for column in table.columns].index("Measured")
    told = {line.entries[1].text: line.entries[at] for line in table.lines}
    assert told["server"].text.endswith("queries/s") and "rate held" in told["server"].small
    assert told["churn"].text.endswith("ms") and told["churn"].sort
    only = results.table(scope_of(rows_of("server")))
    assert "Rate held" in [column.name for column in only.columns]


@pytest.mark.parametrize("kind", FIGURES)
def test_without_latency_the_first_screen_is_of_what_there_is(kind: str):
    view = run_view(scope_of(rows_of(kind)), {})
    assert view.headline.sentence.startswith(SAYS[kind][0])
    assert view.speedup is not None and view.matrix is not None
    assert "2.00×" in view.matrix.rows[1][1][0].text
    assert view.models[0].fastest[0].startswith(SAYS[kind][0])


def test_a_duels_scenarios_leave_the_verdict_to_its_comparison():
    a = [row | {"side": "a", "cell_id": "a"} for row in make_scenario("server")]
    b = [row | {"side": "b", "cell_id": "b"} for row in make_scenario("server", speedup=2, target="openvino")]
    view = scenarios.views(scope_of(a + b))[0]
    assert view.sentence == "" and not any("faster" in entry.tone for line in view.lines for entry in line.entries)


def test_a_run_of_latency_has_no_such_part():
    assert run_view(scope_of(make_rounds()), {}).scenarios == ()


def test_the_page_has_the_part_once_with_ids_that_are_unique(tmp_path: Path):
    rows = rows_of(*SCENARIOS) + rows_of(*SCENARIOS, model="silero-vad")
    path = write_run(tmp_path / "run.parquet", rows, make_meta(rows, scenarios=scenarios_meta()))
    page = write_report([path], tmp_path / "out").read_text("utf-8")
    assert page.count("Other scenarios</h") == 1
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"?]+)"', page)) <= set(ids)
    assert page.count('class="scenario"') == len(SCENARIOS) - 1


def test_what_a_device_did_stands_under_the_memory_of_the_process():
    told = {"device_bytes": 300 << 20, "device_utilisation": 0.97, "device_clock_mhz": 1980}
    found = scope_of([row | told for row in make_scenario("latency")] + make_scenario("latency", target="openvino"))
    table = results.table(found)
    at = [column.name for column in table.columns].index("Peak memory")
    on_gpu, on_cpu = (line.entries[at].small for line in table.lines)
    assert on_gpu == "300\u00a0MiB on device, which was 97% busy, at 1980 MHz"
    assert on_cpu == ""
