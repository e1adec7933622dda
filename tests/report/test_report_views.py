"""What the page says, before there is a page."""

import pandas as pd
import pytest
from support.rows import make_failed, make_meta, make_rounds
from support.sweep import sweep

from bench.analysis import summarize
from bench.report import details, headline, results
from bench.report.resources import placement_in_words
from bench.report.scope import Scope, scope
from bench.store import to_frame


def scope_of(rows: list, **meta: object) -> Scope:
    trials, about = to_frame(rows), make_meta(rows, **meta)
    return scope(about, trials, summarize(trials, about), "")


def test_caveats_count_the_cells_they_touch(sweep_scope: Scope):
    told = {caveat.name: caveat.count for caveat in results.caveats(sweep_scope)}
    assert told["wrong output"] == "1 cell"
    assert told["partial fallback"] == "2 cells"
    assert told["synthetic inputs"] == "All 110 measured cells"
    assert told["with failed rounds"] == "2 cells"


def test_every_cell_is_counted_in_one_state(sweep_scope: Scope):
    tally = {state.name: count for state, count in results.tally(sweep_scope)}
    assert sum(tally.values()) == len(sweep_scope.rows) == 180
    assert (tally["failed"], tally["skipped"]) == (10, 60)


def test_an_interrupted_run_says_so_first():
    rows = make_rounds()
    found = results.caveats(scope_of(rows, interrupted=True))
    assert found[0].count == "This run"


def test_quick_runs_are_caveats_and_have_no_verdict():
    rows = make_rounds(3) + make_rounds(3, speedup=1.4, target="openvino", seed=1)
    quick = scope_of(rows)
    assert any(caveat.name == "without a verdict" for caveat in results.caveats(quick))
    sentence = headline.headline(quick, headline.means(quick.frame)).sentence
    assert "of 3 rounds, no interval" in sentence
    assert "faster" not in sentence


def test_headline_and_table_use_the_same_words():
    rows = make_rounds() + make_rounds(speedup=1.4, target="openvino", seed=1)
    one = scope_of(rows)
    sentence = headline.headline(one, headline.means(one.frame)).sentence
    cell = next(line for line in results.table(one).lines if "openvino" in line.anchor)
    speedup = next(entry for entry in cell.entries if entry.tone)
    assert speedup.text.endswith("× faster")
    assert speedup.text in sentence
    assert speedup.small in sentence


def test_a_failed_baseline_gives_no_ratio_and_the_headline_says_why():
    rows = [make_failed("crashed", "It ended on signal 11."), *make_rounds(target="openvino")]
    one = scope_of(rows)
    sentence = headline.headline(one, headline.means(one.frame)).sentence
    assert sentence == "No speedup can be given: the baseline ORT CPU FP32 has no valid result in this run."


def test_a_run_of_the_baseline_alone_has_nothing_to_compare():
    one = scope_of(make_rounds())
    assert "nothing to compare" in headline.headline(one, headline.means(one.frame)).sentence


def test_an_invalid_cell_shows_its_number_without_a_verdict(sweep_scope: Scope):
    line = next(
        line
        for line in results.table(sweep_scope).lines
        if line.anchor.startswith("cell-magika-int4-openvino-native-b8")
    )
    texts = [entry.text for entry in line.entries]
    assert "not valid" in texts
    assert "no verdict" in texts
    assert not any(entry.tone for entry in line.entries)


def test_failed_and_skipped_cells_stay_with_their_reason(sweep_scope: Scope):
    ended = [row for row in sweep_scope.rows if row["status"] != "ok"]
    lines = {line.anchor: line for line in results.table(sweep_scope).lines}
    names = results.anchors(sweep_scope)
    for row in ended:
        assert row["reason"] in lines[names[row["cell_id"]]].reason


def test_what_is_constant_is_no_column(sweep_scope: Scope):
    table = results.table(sweep_scope)
    assert [column.name for column in table.columns][:5] == ["Model", "Batch", "Precision", "Target", "Result"]
    assert "Threads: 2." in table.note


def test_names_that_collide_keep_permanent_links_apart():
    rows = make_rounds(cell_id="a/b") + make_rounds(cell_id="a-b", target="openvino")
    assert sorted(results.anchors(scope_of(rows)).values()) == ["cell-a-b", "cell-a-b-2"]


def test_placement_counts_configurations(sweep_scope: Scope):
    assert placement_in_words(sweep_scope).startswith("24 of 25 configurations")


@pytest.mark.parametrize("models", [1, 2])
def test_the_order_is_the_suites(models: int):
    rows = sweep(models=models, rounds=2, samples=24)
    shuffled = to_frame(rows).sample(frac=1, random_state=3)
    assert isinstance(shuffled, pd.DataFrame)
    about = make_meta(rows, targets={row["target"]: {"label": row["target_label"]} for row in rows})
    found = scope(about, shuffled, summarize(shuffled, about).sample(frac=1, random_state=4), "")
    assert list(found.models) == list(about["models"])
    assert list(found.targets) == list(about["targets"])


def test_a_conversion_tells_what_it_took_what_it_left_and_what_is_wrong_with_it():
    rows = make_rounds()
    made = {
        "quantised": {"Conv": 2, "MatMul": 36},
        "left": {"MatMul": {"both inputs are computed, no weight to quantise": 12}},
        "casts": 60,
        "bytes_before": 4_000_000,
        "bytes_after": 1_000_000,
        "problem": "ONNX Runtime's CPU provider does not load it",
    }
    found = {"status": "ok", "reason": "", "bytes": 1_000_000, "seconds": 2.0, "conversion": made}
    none = {"status": "unsupported", "reason": "nothing_quantised: 3 Conv: not among the recipe's operators"}
    one = scope_of(rows, models={"magika": {"convert": {"int8": found, "int4": none | {"conversion": {"left": {}}}}}})
    first, second = details.conversions(one, "magika")
    assert first.outcome == "ok: ONNX Runtime's CPU provider does not load it"
    assert first.changed == (
        "converted: 36 MatMul, 2 Conv",
        "left: 12 MatMul, both inputs are computed, no weight to quantise",
        "60 nodes between types put in",
    )
    assert first.size.endswith(", 25%")
    assert (second.outcome, second.changed, second.size) == (f"unsupported: {none['reason']}", (), "–")
