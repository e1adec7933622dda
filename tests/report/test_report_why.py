"""The report says why each slower variant is slower, beside what it was asked for and what it computed in."""

import json

import pytest
from support.rows import Row, make_meta, make_rounds

from bench.analysis import summarize
from bench.report import why
from bench.report.results import table
from bench.report.scope import Scope, scope
from bench.report.view import page
from bench.store import to_frame

CPU = "CPUExecutionProvider"
FP32 = json.dumps({f"{CPU}/Conv": [13, 500_000]})
SLOW = json.dumps({f"{CPU}/ConvInteger": [13, 4_100_000]})
MIXED = json.dumps({f"{CPU}/QLinearConv": [4, 100_000], f"{CPU}/Conv": [9, 700_000]})


def seen(*cells: list[Row]) -> Scope:
    rows = [row for cell in cells for row in cell]
    meta = make_meta(rows)
    trials = to_frame(rows)
    return scope(meta, trials, summarize(trials, meta), "")


def variant(speedup: float, rounds: int = 6, **columns: object) -> list[Row]:
    return make_rounds(rounds, speedup, seed=1, precision="int8-static", **{"operators": SLOW, **columns})


def test_a_slower_variant_has_its_reasons_in_its_models_section() -> None:
    (model,) = page([seen(make_rounds(6, operators=FP32), variant(0.25))], [{}]).runs[0].models
    (told,) = model.slower
    assert told.verdict.startswith("ORT CPU INT8 static is 4.0") and "slower than ORT CPU FP32" in told.verdict
    assert "13 ConvInteger took 4.1 ms" in told.reasons[0] and "with a profile" in told.basis
    assert told.computed == "Asked for INT8, most of the heavy work computed in INT8, as asked."


def test_one_that_only_ran_slower_is_said_to(seen_quick: Scope) -> None:
    (told,) = why.told(seen_quick, "magika")
    assert "ran 0.2" in told.verdict and "of 3 rounds, no interval" in told.verdict


@pytest.fixture
def seen_quick() -> Scope:
    return seen(make_rounds(3, operators=FP32), variant(0.25, rounds=3))


def test_with_several_batches_each_says_which() -> None:
    cells = [
        cell for batch in (1, 8) for cell in (make_rounds(6, operators=FP32, batch=batch), variant(0.25, batch=batch))
    ]
    told = why.told(seen(*cells), "magika")
    assert [each.verdict.rpartition(", ")[2] for each in told] == ["at b1.", "at b8."]


def test_faster_variants_and_fp32_itself_have_none() -> None:
    slow_target = make_rounds(6, 0.3, seed=2, target="openvino")
    assert why.told(seen(make_rounds(6, operators=FP32), variant(2.0), slow_target), "magika") == ()


@pytest.mark.parametrize(
    ("effective", "operators", "words"),
    [
        ("int8", SLOW, ("INT8", "")),
        ("fp32", MIXED, ("FP32", "INT8 asked for, 4 of 13 heavy nodes on integers")),
        ("int4", SLOW, ("INT4 weights", "INT8 asked for")),
        (None, SLOW, ("not known", "")),
    ],
)
def test_the_table_of_cells_shows_what_was_computed_in_against_what_was_asked(
    effective: str | None, operators: str, words: tuple[str, str]
) -> None:
    view = seen(make_rounds(6, operators=FP32), variant(0.25, precision_effective=effective, operators=operators))
    found = table(view)
    column = [each.name for each in found.columns].index("Computed in")
    entry = found.lines[-1].entries[column]
    assert (entry.text, entry.small) == words


@pytest.mark.parametrize(("effective", "words"), [("int8", ("INT8", "")), ("fp32", ("FP32", "INT8 asked for"))])
def test_a_model_stored_in_int8_is_asked_for_what_it_is_stored_in(effective: str, words: tuple[str, str]) -> None:
    rows = make_rounds(6, operators=SLOW if effective == "int8" else FP32, precision_effective=effective)
    meta = make_meta(rows)
    meta["models"]["magika"]["stored"] = "int8"
    trials = to_frame(rows)
    view = scope(meta, trials, summarize(trials, meta), "")
    found = table(view)
    column = [each.name for each in found.columns].index("Computed in")
    entry = found.lines[-1].entries[column]
    assert (entry.text, entry.small) == words
    assert why.computed(view, view.rows[0]).startswith("Asked for INT8")


def test_int4_is_said_of_weights_and_not_of_what_they_were_multiplied_in() -> None:
    ran = {f"{CPU}/MatMulNBits": [2, 2_000_000], f"{CPU}/MatMul": [1, 100_000]}
    four = make_rounds(6, 0.25, seed=1, precision="int4", operators=json.dumps(ran))
    view = seen(make_rounds(6, operators=FP32), four)
    said = why.computed(view, view.rows[-1])
    assert said == (
        "Asked for INT4 weights; in most of the heavy work its weights are INT4, as asked, and what they are "
        "multiplied in is not known (2 of 3 heavy nodes on weights of few bits)."
    )


def test_a_variant_that_is_not_valid_is_explained_and_said_not_to_be() -> None:
    wrong = variant(0.25, output_ok=False, cosine=0.5, sqnr_db=1.0, flags=["wrong_output"])
    (model,) = page([seen(make_rounds(6, operators=FP32), wrong)], [{}]).runs[0].models
    (told,) = model.slower
    assert "ran 0.25" in told.verdict and "No verdict: it is not valid: the output differs" in told.doubt
    assert "13 ConvInteger took 4.1 ms" in told.reasons[0]


def test_a_variant_whose_samples_were_not_kept_has_no_reasons() -> None:
    empty = variant(0.25, samples_ns=None, sample_burst=None)
    (model,) = page([seen(make_rounds(6, operators=FP32), empty)], [{}]).runs[0].models
    assert model.slower == ()
