"""A comparison in words, as Markdown and as a page: one view, so that all of them say the same."""

import json
import re
from dataclasses import replace
from math import log
from pathlib import Path

import pytest
from support.duels import B, duel, frozen, on_side, pair, stored
from support.rows import make_failed, make_rounds
from support.sweep import HOSTILE

from bench.analysis import Comparison, compare_duel, compare_runs
from bench.analysis.comparison.stored import CANNOT_TELL
from bench.analysis.intervals import Interval
from bench.report import write_comparison, write_report
from bench.report.comparison.changes import bounds, change
from bench.report.comparison.markdown import MOST_BYTES, escape, to_markdown
from bench.report.comparison.record import as_record
from bench.report.comparison.told import told
from bench.store import write_run


@pytest.fixture(scope="module")
def gate() -> Comparison:
    """A duel with a regression, one that was not confirmed, something faster, and something that failed."""
    rows = pair(1.08, 1.07) + pair(1.05, 1.0, batch=8, seed=1) + pair(0.8, model="silero-vad", seed=2)
    rows += on_side([make_failed("crashed", "signal 11", model="bert")], "a") + on_side(
        make_rounds(6, model="bert"), "b"
    )
    return compare_duel(duel(rows))


@pytest.fixture(scope="module")
def runs() -> Comparison:
    """Two stored runs with another version of ONNX Runtime."""
    a, b = make_rounds(6), [row | {"run_id": "b"} for row in make_rounds(6, 0.8, seed=1)]
    return compare_runs(stored(a), stored(b, "b", environments=frozen(onnxruntime="1.33.0")))


def test_the_headline_names_the_regression_its_size_interval_and_rounds(gate: Comparison) -> None:
    sentence = told(gate).headline
    assert sentence.startswith("1 regression confirmed by a second batch: magika FP32 ORT CPU b1 1.08× slower (")
    assert re.search(r"\(1\.\d+–1\.\d+, 96\.9% interval, 6 rounds\)\.$", sentence)


def test_a_stored_comparison_reads_so_and_never_says_is(runs: Comparison) -> None:
    view = told(runs)
    assert view.headline.startswith("1 of 1 cell reads slower on side B: magika FP32 ORT CPU 1.25× slower (")
    assert view.warning == CANNOT_TELL and "15 to 99%" in view.warning
    assert view.command == "ortbench duel suite.yaml --a onnxruntime==1.32.0 --b onnxruntime==1.33.0"


def test_a_duel_carries_no_such_warning(gate: Comparison) -> None:
    assert told(gate).warning == told(gate).command == ""


def test_all_cells_moving_together_is_told_as_the_machines_doing() -> None:
    a = make_rounds(6) + make_rounds(6, seed=1, model="x")
    b = make_rounds(6, 0.9, seed=2) + make_rounds(6, 0.9, seed=3, model="x")
    [sentence] = [line for line in told(compare_runs(stored(a), stored(b, "b"))).more if "together" in line]
    assert re.fullmatch(
        r"All 2 comparable cells together moved by 1\.11× \(slower on side B\): the machine, .*", sentence
    )


def test_changes_are_written_in_their_own_direction_with_bounds_that_match() -> None:
    r = Interval(log(1.25), log(1.2), log(1.3), 0.96875, 6)
    assert (change(r, "slower"), bounds(r, "slower")) == ("1.25× slower", "1.20–1.30")
    assert (change(-r, "faster"), bounds(-r, "faster")) == ("1.25× faster", "1.20–1.30")
    assert change(r, "inconclusive") == "1.25× as long"
    few = replace(r, level=None, n=3)
    assert bounds(few, "none") == "range 1.20–1.30" and "slower" not in change(few, "none")
    near = Interval(log(1.012), log(1.004), log(1.02), 0.96875, 6)
    assert (change(near, "slower"), bounds(near, "slower")) == ("1.012× slower", "1.004–1.020")


def test_every_form_says_the_same_and_has_every_cell(gate: Comparison, tmp_path: Path) -> None:
    view, record = told(gate), as_record(gate)
    markdown, page = to_markdown(gate), write_comparison(gate, tmp_path).read_text("utf-8")
    assert record["headline"] == view.headline and view.headline in page and escape(view.headline, 1000) in markdown
    assert record["regressions"] == ["magika/fp32/cpu/b1/t2/latency"] and len(record["cells"]) == 4
    for line in view.lines:
        assert line.name in markdown and (not line.why or line.why in page)
    assert json.loads((tmp_path / "comparison.json").read_text("utf-8")) == json.loads(json.dumps(record, default=str))


def test_json_ratios_are_of_costs_and_unknown_numbers_are_null(gate: Comparison) -> None:
    cells = {(cell["model"], cell["batch"]): cell for cell in as_record(gate)["cells"]}
    slow, broken = cells["magika", 1], cells["bert", 1]
    assert slow["ratio"] == pytest.approx(slow["b_ns"] / slow["a_ns"], rel=0.01) and slow["ratio"] > 1
    assert slow["confirmed"] is True and slow["second_rounds"] == 6
    assert broken["ratio"] is None and broken["a_ns"] is None and broken["reason"] == "A: crashed: signal 11"


def test_markdown_has_the_verdict_first_ten_rows_open_and_the_rest_folded() -> None:
    rows = [row for number in range(25) for row in pair(1.0 + number / 100, model=f"m{number}", seed=number)]
    text = to_markdown(compare_duel(duel(rows)))
    start, folded = text.split("<details><summary>15 more cells</summary>")
    assert text.index("**") < text.index("| m") and start.count("\n| ") == 11 and folded.count("\n| ") == 16
    assert "m24" in start and text.rstrip().endswith("</details>")


def test_ten_thousand_cells_stay_under_the_limit_and_what_is_left_out_is_counted(gate: Comparison) -> None:
    long = replace(gate.pairs[1], reason="é|`<b>" * 200)
    text = to_markdown(replace(gate, pairs=(*gate.pairs, *[long] * 10_000), notes=("x" * 5000,) * 50))
    assert len(text.encode()) < MOST_BYTES
    shown = len(re.findall(r"^\| [^ |]", text, re.MULTILINE))
    [left] = re.findall(r"^([\d,]+) cells left out here", text, re.MULTILINE)
    assert shown + int(left.replace(",", "")) == 10_004


def test_hostile_names_are_text_in_markdown_and_in_the_page(tmp_path: Path) -> None:
    name = HOSTILE + "|`code`\n# heading [x](javascript:alert(1))"
    rows = pair(1.2, model=name)
    found = compare_duel(duel(rows, duel={"a": name, "b": name}))
    text, page = to_markdown(found), write_comparison(found, tmp_path).read_text("utf-8")
    assert "<script" not in text and "\n# heading" not in text and "[x](" not in text
    assert all(line.count("|") - line.count("\\|") == 8 for line in text.splitlines() if line.startswith("|"))
    assert "<script>alert" not in page and page.count("<script>") == 1


def test_the_page_stands_alone_with_its_data_beside_it(runs: Comparison, tmp_path: Path) -> None:
    path = write_comparison(runs, tmp_path / "page")
    page = path.read_text("utf-8")
    assert "://" not in page and "src=" not in page
    places = re.findall(r'href="([^#"][^"]*)"', page)
    assert all(place.startswith("data:") or (path.parent / place).is_file() for place in places)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) and set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    order = [page.index(part) for part in (CANNOT_TELL[:40], 'class="verdict"', 'class="tally"', 'class="results"')]
    assert order == sorted(order)


def test_the_same_comparison_gives_the_same_bytes(gate: Comparison, tmp_path: Path) -> None:
    first, second = write_comparison(gate, tmp_path / "1"), write_comparison(gate, tmp_path / "2")
    assert first.read_bytes() == second.read_bytes()


def test_the_report_of_a_duel_leads_with_its_comparison_and_has_one_verdict(tmp_path: Path) -> None:
    rows = pair(1.08, 1.07)
    path = write_run(tmp_path / "duel.parquet", rows, duel(rows).meta)
    page = write_report([path], tmp_path / "out").read_text("utf-8")
    assert page.count('class="verdict"') == 1 and page.count("<h1") == 1 and page.count("<article") == 2
    assert f"Duel of {B} against" in page and "1 regression confirmed" in page
    assert {"comparison.json", "comparison.md", "run.parquet"} <= {one.name for one in (tmp_path / "out").iterdir()}
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_nothing_comparable_is_told_as_that_and_drawn_as_nothing(tmp_path: Path) -> None:
    other = stored(make_rounds(6, machine_id="other") + make_rounds(6, model="x", machine_id="other"), "b")
    found = compare_runs(stored(make_rounds(6) + make_rounds(6, model="x")), other)
    assert told(found).headline == "None of 2 cells could be judged: 2 not comparable."
    assert "No cell has a ratio" in write_comparison(found, tmp_path).read_text("utf-8")
