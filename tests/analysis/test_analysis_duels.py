"""Duels: both sides measured together, and a second batch before anything is called a regression."""

from math import exp

import pytest
from support.duels import A, B, duel, on_side, pair, stored
from support.rows import make_failed, make_rounds

from bench.analysis import Comparison, Pair, compare_duel, is_duel
from bench.errors import UsageError


def only(found: Comparison) -> Pair:
    [one] = found.pairs
    return one


def test_a_duels_pair_is_paired_round_by_round_without_the_sides_in_its_name() -> None:
    run = duel(pair(1.1))
    found = compare_duel(run)
    one = only(found)
    assert is_duel(run) and not is_duel(stored(make_rounds()))
    assert one.cell == "magika/fp32/cpu/b1/t2/latency" and one.target_label == "ORT CPU"
    assert one.ratio.level == pytest.approx(0.96875) and exp(one.ratio.estimate) == pytest.approx(1.1, rel=0.005)
    assert (found.a.words, found.b.words) == (A, B)
    with pytest.raises(UsageError, match="is no duel"):
        compare_duel(stored(make_rounds()))


@pytest.mark.parametrize(
    ("slower", "again", "verdict", "confirmed", "why"),
    [
        (1.1, 1.1, "slower", True, ""),
        (1.1, 1.0, "inconclusive", False, "the second of 6 rounds"),
        (1.1, 0.9, "inconclusive", False, "did not confirm it"),
        (1.1, None, "slower", None, "without a second one it is no regression"),
        (1.0, 1.1, "within noise", None, ""),
        (0.9, None, "faster", None, ""),
    ],
)
def test_a_regression_is_slower_in_two_independent_batches(
    slower: float, again: float | None, verdict: str, confirmed: bool | None, why: str
) -> None:
    found = compare_duel(duel(pair(slower, again)))
    one = only(found)
    assert (one.verdict, one.confirmed) == (verdict, confirmed) and why in one.reason
    assert exp(one.ratio.estimate) == pytest.approx(slower, rel=0.005), "the estimate is the first batch's alone"
    assert found.regressions == ((one,) if confirmed else ())
    if again is not None:
        assert exp(one.second.estimate) == pytest.approx(again, rel=0.005) and one.second.n == 6


def test_a_round_that_answers_a_bimodal_trial_belongs_to_the_first_batch() -> None:
    rows = [row | ({"purpose": "retry"} if row["round"] == 6 else {}) for row in pair(1.1, rounds=7)]
    assert only(compare_duel(duel(rows))).ratio.n == 7


def test_a_duel_takes_the_threshold_it_was_measured_with_unless_told_another() -> None:
    run = duel(pair(1.03), protocol={"preset": "standard", "threshold": 0.05})
    assert only(compare_duel(run)).verdict == "within noise"
    assert only(compare_duel(run, threshold=0.01)).verdict == "slower"


def test_a_quick_duel_gives_a_range_and_no_verdict() -> None:
    one = only(compare_duel(duel(pair(1.5, rounds=3))))
    assert one.verdict == "none" and one.confirmed is None and "a verdict takes 6" in one.reason


def test_a_duel_is_not_comparable_in_what_it_is_not_about() -> None:
    rows = on_side(make_rounds(6), "a") + on_side(make_rounds(6, 2.0, precision_effective="bf16"), "b")
    one = only(compare_duel(duel(rows)))
    assert one.verdict == "not comparable" and "computed in: fp32 → bf16" in one.reason


def test_a_duel_may_differ_in_the_threads_or_the_precision_it_names() -> None:
    fewer = {"threads": 1, "threads_effective": 1}
    threads = on_side(make_rounds(6), "a", "threads=2") + on_side(
        make_rounds(6, 0.6, seed=1, **fewer), "b", "threads=1"
    )
    int8 = on_side(make_rounds(6, 2.0, seed=1, precision="int8-static"), "b", "int8-static")
    precision = on_side(make_rounds(6), "a", "fp32") + int8
    for rows, words, told in (
        (threads, ("threads=2", "threads=1"), "magika/fp32/cpu/b1/t2~t1/latency"),
        (precision, ("fp32", "int8-static"), "magika/fp32~int8-static/cpu/b1/t2/latency"),
    ):
        rows = [row | {"block_id": told} for row in rows]
        one = only(compare_duel(duel(rows, duel=dict(zip("ab", words, strict=True)))))
        assert one.verdict in ("slower", "faster") and not one.differs and one.cell == told


def test_pairs_of_a_duel_that_never_started_keep_their_reason_each() -> None:
    rows = pair(1.0)
    for target in ("openvino", "openvino-native"):
        skipped = make_failed("skipped", f"no {target} here", None, target=target)
        rows += on_side([skipped], "a") + on_side([skipped], "b")
    found = {one.target: one for one in compare_duel(duel(rows)).pairs}
    assert found["openvino"].reason == "A and B: skipped: no openvino here"
    assert found["openvino-native"].cell == "magika/fp32/openvino-native/b1/t2/latency" and len(found) == 3


def test_a_duels_invalid_or_broken_side_gives_no_verdict() -> None:
    wrong = {"output_ok": False, "flags": ["wrong_output"]}
    rows = on_side(make_rounds(6), "a") + on_side(make_rounds(6, 9.0, **wrong), "b")
    rows += on_side(make_rounds(6, model="x"), "a") + on_side([make_failed("crashed", "signal 11", model="x")], "b")
    back = [row | {"samples_ns": [-1] * 54} for row in make_rounds(6, model="y")]
    rows += on_side(make_rounds(6, model="y"), "a") + on_side(back, "b")
    found = {one.model: one for one in compare_duel(duel(rows)).pairs}
    assert found["magika"].reason.startswith("B: the output differs")
    assert found["x"].reason == "B: crashed: signal 11" and found["y"].reason.startswith("B: its clock")
    assert {one.verdict for one in found.values()} == {"none"}


def test_what_matters_most_comes_first() -> None:
    rows = pair(1.1, 1.1, model="r") + pair(1.2, 1.0, model="i", seed=1) + pair(1.3, model="s", seed=2)
    rows += pair(0.5, model="f", seed=3) + pair(1.0, model="n", seed=4) + pair(1.4, model="s2", seed=5)
    rows += on_side([make_failed("crashed", "11", model="x")], "a") + on_side(make_rounds(6, model="x"), "b")
    found = compare_duel(duel(rows))
    assert [one.model for one in found.pairs] == ["r", "s2", "s", "f", "i", "n", "x"]
    assert found.counts == {
        "slower": 3, "faster": 1, "inconclusive": 1, "within noise": 1, "not comparable": 0, "none": 1,
    }  # fmt: skip


def test_a_duels_mean_has_an_exact_interval_over_rounds() -> None:
    rows = pair(1.2) + pair(1.0, model="x", seed=9)
    [mean] = compare_duel(duel(rows)).means
    assert exp(mean.ratio.estimate) == pytest.approx(1.2**0.5, rel=0.005)
    assert (mean.verdict, mean.ratio.n, mean.models) == ("slower", 6, 2)


@pytest.mark.parametrize(("contended", "verdict"), [(0, "slower"), (10, "slower"), (12, "inconclusive")])
def test_beside_other_work_every_round_has_to_agree(contended: int, verdict: str) -> None:
    """One of 12 rounds lies on the other side: the interval of a median does not mind that."""
    others = make_rounds(12, 1 / 0.95, seed=100)
    b = [others[5] if number == 5 else row for number, row in enumerate(make_rounds(12, 1 / 1.1, seed=100))]
    rows = on_side(make_rounds(12), "a") + on_side(b, "b")
    rows = [row | {"flags": ["contended"] if row["round"] < contended else []} for row in rows]
    one = only(compare_duel(duel(rows)))
    assert one.verdict == verdict
    assert ("every round would have to agree" in one.reason) == (verdict == "inconclusive")
    assert one.ratio.level == pytest.approx(1 - 2**-11 if contended == 12 else 0.9614, abs=1e-4)
