"""What a cell is compared with, whether it is slower, and how its reasons stand to what was measured."""

from pathlib import Path

import pytest
from support.rows import Row, make_meta, make_rounds, make_scenario, scenarios_meta
from support.variants import FP32, explained, names, one_and_all, operators, text

from bench.analysis import summarize
from bench.analysis.why import explain, slower_variants
from bench.report.scope import comparison, scope
from bench.store import read_run


def test_a_profile_that_shows_no_difference_says_so() -> None:
    found = explained(FP32)
    assert names(found) == ["not_told"] and "took 1 ms, FP32's 1 ms: it does not show where" in text(found, "not_told")
    assert names(explained(FP32 | {"Add": (9, 140)})) == ["not_told"], "two profiles of one session differ by as much"


def test_a_difference_that_is_spread_over_everything_is_not_explained() -> None:
    many = {f"Op{n}": (1, 10) for n in range(40)}
    found = explained(dict.fromkeys(many, (1, 20)), many)
    assert names(found) == ["not_told"] and text(found, "not_told") == "The profile does not tell why."


def test_times_in_the_profile_stand_beside_what_was_measured() -> None:
    found = explained(FP32 | {"Add": (9, 3000)}, speedup=0.25)
    assert "add up to 3.9 ms (98% of what was measured" in found.basis and "FP32's to 1 ms (101%" in found.basis


@pytest.mark.parametrize(("us", "doubted"), [(3000, False), (9000, True), (500, True)])
def test_a_profile_far_from_what_was_measured_is_doubted(us: int, doubted: bool) -> None:
    found = explained(FP32 | {"Add": (9, us)}, speedup=0.25)
    assert ("They lie far apart" in found.basis) is doubted


def test_a_faster_variant_says_in_one_sentence_what_got_faster() -> None:
    found = explained({"QLinearConv": (13, 100), "MatMul": (2, 300), "Add": (9, 100)}, speedup=2.0)
    assert found.against.verdict == "faster" and not found.slower
    assert [reason.text for reason in found.reasons] == [
        "What got faster: 13 QLinearConv took 100 µs where FP32's 13 Conv took 500 µs."
    ]


def test_a_variant_is_not_praised_for_the_subnormal_weights_that_only_fp32_computes_with() -> None:
    stored = {"weights": 2_453_416, "subnormal": 255_958}
    found = explained({"Conv": (13, 100)}, speedup=2.0, precision="fp16", model=stored)
    assert names(found) == ["faster", "subnormal"]
    assert text(found, "subnormal").startswith("As stored, 255,958 of its 2,453,416 weights are subnormal")
    assert names(explained({"Conv": (13, 100)}, speedup=2.0, precision="fp16", model=stored | {"subnormal": 0})) == [
        "faster"
    ]


def test_few_rounds_give_reasons_and_no_verdict() -> None:
    found = explained({"ConvInteger": (13, 4100)}, rounds=3)
    assert found.against.verdict == "none" and found.slower and "3 rounds" in found.against.reason
    assert "unfused_integers" in names(found)


@pytest.mark.parametrize(("speedup", "slower"), [(0.5, True), (0.98, True), (0.996, False), (1.5, False)])
def test_in_few_rounds_slower_is_what_ran_slower_in_every_one_and_by_enough_to_matter(speedup: float, slower: bool):
    assert explained({"QLinearConv": (13, 400)}, speedup=speedup, rounds=3).slower == slower


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "run the suite again"),
        ({"placement": None}, "does not tell which operators it ran"),
        ({"operators": "{}"}, "does not tell which operators it ran"),
    ],
)
def test_without_operators_it_says_what_is_missing(columns: Row, words: str) -> None:
    rows = make_rounds(6, **columns) + make_rounds(6, 0.5, seed=1, precision="int8-static", **columns)
    meta = make_meta(rows)
    found = explain(*one_and_all(rows, meta), meta)
    assert found.against.verdict == "slower" and names(found) == ["not_told"] and words in found.reasons[0].text


def test_a_variant_is_compared_with_fp32_on_its_own_target() -> None:
    """Faster than the baseline, and slower than the same target's FP32."""
    rows = make_rounds(6) + make_rounds(6, 3.0, seed=1, target="openvino")
    rows += make_rounds(6, 2.0, seed=2, target="openvino", precision="int8-static")
    meta = make_meta(rows)
    (found,) = slower_variants(one_and_all(rows, meta)[1], meta)
    assert found.base is not None and found.base["cell_id"].startswith("magika/fp32/openvino/")
    assert found.against.ratio == pytest.approx(2 / 3, rel=0.01) and found.against.verdict == "slower"


def test_an_fp32_cell_is_compared_with_the_baseline() -> None:
    rows = make_rounds(6, operators=operators(FP32))
    rows += make_rounds(
        6, 2.0, seed=1, target="openvino-native", operators=operators({"CPU/Convolution fp32": (13, 200)})
    )
    meta = make_meta(rows)
    found = explain(*one_and_all(rows, meta), meta)
    assert "where ORT CPU's 13 Conv took 500 µs" in found.reasons[0].text


@pytest.mark.parametrize("which", ["fp32", "int8-static"])
def test_without_a_result_of_both_there_is_nothing_to_explain(which: str) -> None:
    failed = {"status": "crashed", "reason": "SIGSEGV"}
    rows = [
        *make_rounds(6, **(failed if which == "fp32" else {})),
        *make_rounds(6, 0.5, seed=1, precision="int8-static", **(failed if which != "fp32" else {})),
    ]
    meta = make_meta(rows)
    found = explain(*one_and_all(rows, meta), meta)
    assert (found.against.verdict, found.against.ratio, found.reasons) == (
        "none",
        None,
        (),
    ) and "has no result" in found.against.reason
    assert slower_variants(one_and_all(rows, meta)[1], meta) == []


@pytest.mark.parametrize("wrong", ["fp32", "int8-static"])
@pytest.mark.parametrize("columns", [{"output_ok": False, "flags": ["wrong_output"]}, {"flags": ["partial_fallback"]}])
def test_a_cell_that_is_not_valid_has_its_ratio_and_reasons_and_no_verdict(wrong: str, columns: Row) -> None:
    slow = operators({"ConvInteger": (13, 4100)})
    rows = make_rounds(6)
    rows += make_rounds(6, 3.0, 0.002, 1, target="openvino", **(columns if wrong == "fp32" else {}))
    about = {"precision": "int8-static", "operators": slow, **(columns if wrong != "fp32" else {})}
    rows += make_rounds(6, 1.5, 0.002, 2, target="openvino", **about)
    meta = make_meta(rows)
    found = explain(*one_and_all(rows, meta), meta)
    assert found.against.verdict == "none" and found.against.ratio == pytest.approx(0.5, rel=0.02)
    assert found.against.reason == found.doubt and "not valid" in found.doubt
    assert found.slower and found.reasons, "why it is slow is worth knowing all the same"


def test_cells_of_two_groups_have_a_ratio_and_no_verdict() -> None:
    slow = {"precision": "int8-static", "operators": operators({"ConvInteger": (13, 4100)})}
    rows = make_rounds(6) + make_rounds(6, group=1)
    rows += make_rounds(6, 3.0, seed=1, target="openvino")
    rows += make_rounds(6, 1.5, seed=2, target="openvino", group=1, **slow)
    meta = make_meta(rows)
    found = explain(*one_and_all(rows, meta), meta)
    assert found.against.verdict == "none" and found.against.ratio == pytest.approx(0.5, rel=0.02)
    assert found.doubt == "compared through the baseline of another group, not side by side"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("latency", "unfused_integers"),
        ("device_resident", "unfused_integers"),
        ("idle", "unfused_integers"),
        ("throughput", "unfused_integers"),
        ("server", "not_told"),
        ("cold_start", "not_told"),
        ("churn", "not_told"),
    ],
)
def test_operators_explain_only_what_measures_inferences(kind: str, reason: str) -> None:
    rows = make_scenario(kind, operators=operators(FP32))
    slow = {"precision": "int8-static", "operators": operators({"ConvInteger": (13, 4100)})}
    rows += make_scenario(kind, speedup=0.25, seed=1, **slow)
    meta = make_meta(rows, scenarios=scenarios_meta(kind))
    found = explain(*one_and_all(rows, meta), meta)
    assert found.against.verdict == "slower" and names(found)[0] == reason
    assert bool(found.basis) is (reason != "not_told")
    if reason == "not_told":
        assert names(found) == ["not_told"] and kind.replace("_", " ") in text(found, "not_told")


REFERENCE = Path(__file__).parents[2] / "results" / "reference-precisions.parquet"


def test_on_the_baselines_target_slower_is_what_the_table_of_results_calls_slower() -> None:
    """There both compare with the same cell: of a real run the two sets are one, and so are their figures."""
    run = read_run(REFERENCE)
    rows = scope(run.meta, run.trials, summarize(run.trials, run.meta), "").rows
    own = [row for row in rows if row["target"] == run.meta["baseline"] and row["precision"] != "fp32"]
    told = {row["cell_id"]: comparison(row) for row in own if row["valid"]}
    slower = {cell for cell, one in told.items() if one.verdict == "slower"}
    found = {one.row["cell_id"]: one for one in slower_variants(rows, run.meta)}
    decided = {cell for cell, one in found.items() if one.against.verdict == "slower"}
    assert decided & {row["cell_id"] for row in own} == slower != set()
    assert all(found[cell].against == told[cell] for cell in slower)


def test_what_is_enough_to_be_slower_is_what_the_run_was_told() -> None:
    rows = make_rounds(6, operators=operators(FP32)) + make_rounds(6, 0.95, seed=1, precision="int8-static")
    meta = make_meta(rows)
    cell, found = one_and_all(rows, meta)
    assert explain(cell, found, meta).slower
    meta["protocol"] = {**meta.get("protocol", {}), "threshold": 0.1}
    undecided = explain(cell, found, meta)
    assert not undecided.slower and undecided.against.verdict == "within noise"
