"""What a finished run shows in a terminal and in a pipe, and what leaves it as CSV and JSON."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from support.command import flat, ortbench
from support.rows import SCENARIOS, Row, make_failed, make_meta, make_rounds, make_scenario, scenarios_meta

from bench.store import write_run

REASON = (
    "segmentation fault (signal 11) in libonnxruntime.so while it loaded the model: [bold]not markup[/bold] \x1b[31mred"
)
SPEEDS = {"cpu": 1.0, "openvino": 2.0}
HARMLESS = REASON.replace("\x1b", "")  # what could control a terminal is left out


def rows() -> list[Row]:
    found = []
    for batch in (1, 8):
        found += make_rounds(6, batch=batch) + make_rounds(6, 1.42, seed=1, target="openvino", batch=batch)
        found += make_rounds(6, 2.5, seed=2, target="openvino", precision="int8-static", batch=batch)
        wrong = {"output_ok": False, "flags": ["wrong_output"]}
        found += make_rounds(6, 9.0, seed=3, precision="int8-static", batch=batch, **wrong)
        found.append(make_failed("crashed", REASON, target="openvino", precision="fp16", batch=batch))
        found.append(make_failed("skipped", "no NPU here", round=None, precision="fp16", batch=batch))
    return found


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run.parquet", rows(), make_meta(rows()))


def test_show_gives_caveats_then_the_verdict_then_the_speedups(run_file: Path) -> None:
    found = flat(ortbench("show", run_file).output)
    caveat = found.index("! 2 cells wrong output")
    verdict = found.index("ORT OpenVINO INT8 static is 2.50× faster than ORT CPU FP32")
    assert caveat < verdict < found.index("FP32, speedup against ORT CPU FP32")
    assert "12 cells: ● 6 ok ▲ 0 unstable ◆ 2 not valid × 2 failed ○ 2 skipped" in found
    assert "● 1.42× faster" in found and "96.9% interval, 6 rounds" in found


def test_a_wrong_cell_shows_no_speedup_however_fast(run_file: Path) -> None:
    found = flat(ortbench("show", run_file).output)
    assert "◆ not valid" in found and "9.0" not in found
    assert "◆ ORT CPU INT8 static" in found and "the output differs from the reference" in found


def test_reasons_are_whole_plain_and_harmless(run_file: Path) -> None:
    result = ortbench("show", run_file)
    assert "\x1b" not in result.output
    words = flat(result.output).split()
    assert set(HARMLESS.split()) <= set(words)
    assert "skipped: no NPU here" in flat(result.output)


@pytest.mark.parametrize("more", [[], ["--all"]])
@pytest.mark.parametrize("verb", ["show", "recommend"])
def test_tables_fit_a_hundred_columns_in_a_pipe_and_cut_nothing(run_file: Path, verb: str, more: list[str]) -> None:
    output = ortbench(verb, run_file, *(more if verb == "show" else [])).output
    tables = [line for line in output.splitlines() if "  " in line.strip() and not line.startswith(("12 cells", "!"))]
    assert len(tables) > 5 and max(map(len, tables)) <= 100
    assert "…" not in output


@pytest.mark.parametrize("columns", [80, 100, 160])
def test_a_terminal_of_any_usual_width_cuts_nothing(
    run_file: Path, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.StringIO()
    terminal = Console(file=file, force_terminal=True, color_system=None, width=columns, highlight=False)
    monkeypatch.setattr("bench.cli.show.out", lambda: terminal)
    assert ortbench("show", run_file, "--all").exit_code == 0
    assert max(len(line) for line in file.getvalue().splitlines()) <= columns
    assert "…" not in file.getvalue() and "libonnxruntime.so" in file.getvalue()


def test_show_all_has_every_measured_cell_with_its_figures(run_file: Path) -> None:
    found = flat(ortbench("show", run_file, "--all").output)
    cells = [
        cell for cell in json.loads(ortbench("show", run_file, "--json").output)["cells"] if cell["status"] == "ok"
    ]
    assert len(cells) == 8 and found.count("105 MiB") == 8 and found.count("1.0e−6") == 8
    for cell in cells:
        assert f"{cell['latency_ns'] / 1e3:.0f} µs" in found and f"{cell['throughput_items_s']:,.0f}" in found


def test_show_all_names_what_a_cell_was_computed_in_as_the_report_does_and_has_no_empty_column(tmp_path: Path) -> None:
    no_windows = {"window_ns": [], "window_completed": []}
    columns = {"precision": "int4", "precision_effective": "int4"} | no_windows
    found = make_rounds(6, **no_windows) + make_rounds(6, 1.2, seed=1, **columns)
    file = write_run(tmp_path / "run.parquet", found, make_meta(found))
    output = flat(ortbench("show", file, "--all").output)
    assert "MiB INT4 weights" in output and "items/s" not in output


def test_cells_that_failed_for_one_reason_stand_together(tmp_path: Path) -> None:
    found = make_rounds(6)
    for target in ("cpu", "openvino"):
        found.append(make_failed("skipped", "nothing to take", round=None, precision="int4", target=target))
    file = write_run(tmp_path / "run.parquet", found, make_meta(found))
    assert ortbench("show", file).output.count("nothing to take") == 1


def test_show_as_json_names_columns_as_the_run_does(run_file: Path) -> None:
    found = json.loads(ortbench("show", run_file, "--json").output)
    assert "2.50× faster" in found["verdict"] and found["caveats"][0]["name"] == "wrong output"
    cells = {cell["cell_id"]: cell for cell in found["cells"]}
    assert len(cells) == 12
    crashed = cells["magika/fp16/openvino/b1/t2/latency"]
    assert crashed["status"] == "crashed" and crashed["latency_ns"] is None and crashed["reason"] == HARMLESS
    assert cells["magika/int8-static/cpu/b1/t2/latency"]["valid"] is False


@pytest.fixture
def scenarios_file(tmp_path: Path) -> Path:
    cells = [make_scenario(kind, speedup=speed, target=name) for kind in SCENARIOS for name, speed in SPEEDS.items()]
    found = [row for cell in cells for row in cell]
    return write_run(tmp_path / "load.parquet", found, make_meta(found, scenarios=scenarios_meta()))


def test_show_has_a_table_for_each_scenario_in_its_own_words(scenarios_file: Path) -> None:
    result = ortbench("show", scenarios_file)
    found = flat(result.output)
    told = ["2.00× the throughput", "2.00× the rate", "starts 2.00× faster", "cycle 2.00× faster"]
    places = [found.index(each) for each in told]
    assert places == sorted(places)
    assert "p99 of their latencies" in found and "after a pause of 50 ms" in found
    assert "queries/s" in found and "items/s" in found and "+4.00 KiB" in found


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("more", [[], ["--all"]])
def test_tables_of_scenarios_fit_the_terminal(
    scenarios_file: Path, columns: int, more: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.StringIO()
    terminal = Console(file=file, force_terminal=True, color_system=None, width=columns, highlight=False)
    monkeypatch.setattr("bench.cli.show.out", lambda: terminal)
    assert ortbench("show", scenarios_file, *more).exit_code == 0
    assert max(len(line) for line in file.getvalue().splitlines()) <= columns
    assert "…" not in file.getvalue() and "queries/s" in file.getvalue() and "KiB" in file.getvalue()


def test_show_as_json_has_every_scenarios_figures(scenarios_file: Path) -> None:
    cells = json.loads(ortbench("show", scenarios_file, "--json").output)["cells"]
    by_kind = {cell["scenario_kind"]: cell for cell in cells if cell["target"] == "openvino"}
    figures = {"server": "rate_per_s", "throughput": "throughput_items_s", "cold_start": "start_ns"}
    for kind, name in (figures | {"churn": "growth_bytes", "idle": "latency_ns"}).items():
        assert by_kind[kind][name] > 0
    assert by_kind["server"]["latency_ns"] is None


def test_recommend_says_which_scenario_a_choice_is_from_and_where_there_is_none(
    scenarios_file: Path, tmp_path: Path
) -> None:
    told = flat(ortbench("recommend", scenarios_file).output)
    assert "(throughput)" in told and "(latency)" in told
    found = make_scenario("server")
    path = write_run(tmp_path / "server.parquet", found, make_meta(found))
    assert "no cell of the scenarios latency and throughput" in flat(ortbench("recommend", path).output)


def test_recommend_names_the_choice_its_evidence_and_what_was_ruled_out(run_file: Path) -> None:
    found = flat(ortbench("recommend", run_file).output)
    assert "ORT OpenVINO INT8 static" in found and "2.50× faster" in found
    assert "1 wrong output" in found and "1 crashed" in found and "1 skipped" in found
    assert "Most items a second" in found and "items/s" in found and "batch 8" in found


@pytest.mark.parametrize(
    ("limits", "winner"),
    [
        ([], "openvino"),
        (["--max-latency", "0.5"], "openvino"),
        (["--max-latency", "0.001"], None),
        (["--max-error", "1e-9"], None),
        (["--max-memory", "50"], None),
    ],
)
def test_recommend_as_json_keeps_to_the_limits(run_file: Path, limits: list[str], winner: str | None) -> None:
    found: list[dict[str, Any]] = json.loads(ortbench("recommend", run_file, "--json", *limits).output)
    assert [choice["goal"] for choice in found] == ["latency", "latency", "throughput"]
    for choice in found:
        assert (choice["winner"] and choice["winner"]["target"]) == winner
        assert bool(choice["reason"]) == (winner is None)


def test_recommend_says_none_and_why(run_file: Path) -> None:
    found = flat(ortbench("recommend", run_file, "--max-latency", "0.001").output)
    assert "none" in found and "3 latency over 0.001 ms" in found


def test_ranges_of_three_rounds_are_not_a_firm_recommendation(tmp_path: Path) -> None:
    few = [row for row in rows() if row["round"] is None or row["round"] < 3]
    output = ortbench("recommend", write_run(tmp_path / "run.parquet", few, make_meta(few))).output
    assert "ranges, not intervals" in output


def test_export_to_csv_gives_cells_by_default(run_file: Path) -> None:
    found = list(csv.DictReader(io.StringIO(ortbench("export", run_file, "--to", "csv").output)))
    assert len(found) == 12
    wrong = next(row for row in found if row["cell_id"] == "magika/int8-static/cpu/b1/t2/latency")
    assert wrong["flags"] == "wrong_output" and wrong["valid"] == "False" and wrong["verdict"] == "none"
    assert wrong["peak_rss_bytes"] == "110000000"


def test_export_of_trials_to_csv_leaves_samples_out_and_says_so(run_file: Path) -> None:
    result = ortbench("export", run_file, "--to", "csv", "--what", "trials")
    found = list(csv.DictReader(io.StringIO(result.stdout)))
    assert len(found) == len(rows()) and "samples_ns" not in found[0] and float(found[0]["trial_median_ns"]) > 0
    assert "--to json" in result.stderr


def test_export_to_json_keeps_every_sample_and_the_meta(run_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "run.json"
    result = ortbench("export", run_file, "--to", "json", "-o", target)
    assert result.exit_code == 0 and result.output == ""
    found = json.loads(target.read_text("utf-8"))
    assert found["meta"] == make_meta(rows()) | {"schema_version": 5}
    assert [row["samples_ns"] for row in found["trials"]] == [row["samples_ns"] for row in rows()]
    assert [row["round"] for row in found["trials"]] == [row["round"] for row in rows()]


@pytest.mark.parametrize("verb", [["show"], ["recommend"], ["export", "--to", "csv"]])
def test_a_run_that_is_not_there_is_a_sentence(verb: list[str], tmp_path: Path) -> None:
    result = ortbench(*verb, tmp_path / "missing.parquet")
    assert result.exception is not None and "There is no run at" in str(result.exception)
