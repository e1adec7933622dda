"""Charts as SVG: the same every time, safe with any name, honest about what may be drawn."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.rows import make_meta, make_rounds

from bench.analysis import summarize
from bench.catalog import targets
from bench.report.charts.chart import log_ticks
from bench.report.charts.pareto import front, pareto
from bench.report.charts.series import model_charts, series
from bench.report.charts.speedup import speedup
from bench.report.entries import MEASURED
from bench.report.palette import HUES, VARIABLES, colour, fill, marks, to_variables
from bench.report.resources import memory, startup
from bench.report.scope import Scope, scope
from bench.report.svg import canvas, inline
from bench.report.words import printable
from bench.runner.correctness import Judge, compare
from bench.store import to_frame


def drawn(text: str, name: str = "x") -> str:
    with canvas(80) as (figure, axes):
        axes.plot([1, 2], [1, 2], "o", color=colour("blue"))
        axes.text(1, 1, text)
        return str(inline(figure, name, text))


def test_bytes_are_the_same_every_time(sweep_scope: Scope):
    first, second = speedup(sweep_scope), speedup(sweep_scope)
    assert first is not None
    assert first == second


def test_ids_carry_the_figures_name_and_are_all_used():
    svg = drawn("label", "fig")
    ids = set(re.findall(r' id="([^"]+)"', svg))
    assert ids
    assert all(name.startswith("fig-") for name in ids)
    assert ids == set(re.findall(r"(?:url\(|href=\")#([^)\"]+)", svg))


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "$\\frac{1}{0}$", "a\"b'c&d", "模型", "a\x00b\x1bc", "\ud800"]
)
def test_any_name_is_text_and_nothing_else(name: str):
    svg = drawn(printable(name))
    assert "<script" not in svg
    assert svg.startswith("<svg")
    assert svg.isprintable()


def test_colours_are_variables_and_text_is_text():
    svg = drawn("label")
    assert "var(--blue)" in svg
    assert not re.search(r"#0101[0-9a-f]{2}", svg)
    assert ">label</text>" in svg
    assert "<metadata" not in svg


def test_every_variable_has_a_sentinel_of_its_own():
    assert len({colour(name) for name in VARIABLES}) == len(VARIABLES)
    assert to_variables(f"fill:{colour('grid')}") == "fill:var(--grid)"


def test_targets_of_the_catalog_never_share_colour_and_marker():
    found = marks(targets())
    assert len(set(found.values())) == len(found)


def test_a_suites_own_targets_keep_their_mark_whatever_else_is_in_the_run():
    alone, together = marks(["ort-1.20"]), marks(["cpu", "openvino", "ort-1.20", "torch"])
    assert alone["ort-1.20"] == together["ort-1.20"]
    assert alone["ort-1.20"].hue in HUES


def test_invalid_cells_are_counted_not_drawn(sweep_scope: Scope):
    chart = speedup(sweep_scope)
    assert chart is not None
    assert len(chart.rows) == sum(bool(row["valid"]) and not row["is_baseline"] for row in sweep_scope.rows)
    assert "13 not valid, 10 failed, 60 skipped" in chart.caption


def test_a_models_charts_show_fp32_and_each_targets_fastest_other_precision(sweep_scope: Scope):
    labels = [line.label for line in series(sweep_scope, "magika")]
    assert labels[:4] == ["ORT CPU FP32", "ORT CPU INT8 static", "ORT OpenVINO FP32", "ORT OpenVINO INT8 static"]
    assert [chart.title for chart in model_charts(sweep_scope, "magika", 0)] == [
        "Batch scaling", "Throughput against latency", "Spread of samples, b1",
    ]  # fmt: skip


def test_every_chart_has_its_data_as_a_table(sweep_scope: Scope):
    for chart in (speedup(sweep_scope), *pareto(sweep_scope), startup(sweep_scope), memory(sweep_scope)):
        assert chart is not None
        assert chart.rows
        assert all(len(row) == len(chart.columns) for row in chart.rows)


def test_the_front_holds_valid_rows_that_none_beats_in_both():
    base = {"valid": True, "is_baseline": False}
    slow = base | {"speedup": 1.0, "sqnr_db": 120.0}
    middle = base | {"speedup": 1.5, "sqnr_db": 60.0}
    beaten = base | {"speedup": 1.4, "sqnr_db": 50.0}
    fast = base | {"speedup": 3.0, "sqnr_db": 25.0}
    wrong = base | {"speedup": 9.0, "sqnr_db": 130.0, "valid": False}
    assert front([fast, slow, wrong, beaten, middle]) == [slow, middle, fast]


def test_a_pareto_chart_names_what_is_on_the_line_and_tells_the_size_of_every_file(sweep_scope: Scope):
    chart = pareto(sweep_scope)[0]
    best = [row[0] for row in chart.rows if row[-1] == "yes"]
    precisions = {label for label in sweep_scope.precisions.values() if any(name.endswith(label) for name in best)}
    written = {label for label in sweep_scope.precisions.values() if f">{label} " in chart.panels[0].svg}
    assert written == precisions != set(sweep_scope.precisions.values())
    files = {row[0]: row[4] for row in chart.rows}
    assert (files["ORT CPU FP32"], files["ORT OpenVINO FP16"], files["ORT CPU INT8 static"]) == ("100%", "50%", "27%")
    assert all(row[2] for row in chart.rows if row[0] != "ORT CPU FP32"), "every ratio has its bounds"


def test_outputs_that_are_equal_are_called_so_in_the_chart_and_in_the_table():
    """As the runner measures them, so that both mean the same number."""
    same = compare([{"y": np.ones(3)}], [{"y": np.ones(3)}], Judge({"relative": 1e-3}))
    near = compare([{"y": np.ones(3)}], [{"y": np.ones(3) + 1e-6}], Judge({"relative": 1e-3}))
    told = [{name: value for name, value in vars(each).items() if name != "problem"} for each in (same, near)]
    rows = make_rounds(6, target="cpu", **told[0]) + make_rounds(6, 9.0, target="openvino", **told[1])
    about, trials = make_meta(rows), to_frame(rows)
    found = scope(about, trials, summarize(trials, about), "")
    (chart,) = pareto(found)
    assert sorted(row[3] for row in chart.rows) == ["120.0 dB", "equal"]
    position = [column.name for column, _ in MEASURED].index("Output SQNR")
    assert sorted(MEASURED[position][1](found, row).text for row in found.rows) == ["120 dB", "equal"]


@pytest.mark.parametrize("recipe", ["int8-static-s8s8", "int8-dynamic-all", "int4-qdq", "bf16"])
def test_recipes_of_one_kind_share_a_fill_that_is_not_fp32s(recipe: str):
    assert fill(recipe) != fill("fp32")


@given(st.floats(1e-6, 1e9), st.floats(1.03, 1e6))
def test_a_log_axis_has_one_to_six_ascending_ticks_inside_it(low: float, span: float):
    ticks = log_ticks(low, low * span)
    assert 1 <= len(ticks) <= 6
    assert ticks == sorted(set(ticks))
    assert all(low * 0.999 <= tick <= low * span * 1.001 for tick in ticks)
