"""A ratio is what rounds measured side by side say, with an interval that holds as often as it claims."""

from dataclasses import replace
from math import exp, isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from support.rows import make_row

from bench.analysis.intervals import NONE, Interval, binomial_quantile, median_interval, rank_and_level
from bench.analysis.ratios import effects, log_ratio, round_effect, through_baseline
from bench.analysis.samples import Kept
from bench.analysis.verdicts import verdict
from bench.store import to_frame

latencies = st.lists(st.floats(1, 1e10), min_size=1, max_size=12)
values = st.lists(st.floats(-3, 3), min_size=1, max_size=30)


def burst(medians: list[float], first: int = 0) -> Kept:
    found = np.array(medians)
    return Kept(found, np.arange(first, first + len(medians)), found)


@given(latencies, latencies)
def test_swapping_two_cells_negates_the_effect(a: list[float], b: list[float]) -> None:
    assert round_effect(burst(a), burst(b)) == pytest.approx(-round_effect(burst(b), burst(a)), abs=1e-9)


@given(latencies, st.floats(0.01, 100))
def test_a_constant_factor_is_recovered_exactly(a: list[float], factor: float) -> None:
    assert exp(round_effect(burst(a), burst([x * factor for x in a]))) == pytest.approx(factor, rel=1e-9)


def test_only_neighbouring_bursts_are_compared() -> None:
    assert exp(round_effect(burst([1, 10, 100]), burst([20, 200, 7], first=1))) == pytest.approx(2)
    assert isnan(round_effect(burst([1]), burst([1], first=5)))
    assert isnan(round_effect(burst([0.0]), burst([1.0])))


def test_a_trial_that_was_not_taken_in_bursts_is_compared_by_its_median() -> None:
    told = replace(burst([30.0]), whole=True)
    assert exp(round_effect(burst([1, 10, 100]), told)) == pytest.approx(3)
    assert exp(round_effect(told, burst([1, 10, 100], first=4))) == pytest.approx(1 / 3)
    assert isnan(round_effect(told, burst([])))


def test_only_the_flag_makes_a_trial_one_that_stands_as_a_whole() -> None:
    driven = [make_row(round=number, latency_ns=1000) for number in range(6)]
    told = {"sample_burst": [0], "samples_ns": [2000], "window_ns": None, "window_completed": None}
    tools = [make_row(round=number, target="tool", flags=["other_method"], **told) for number in range(6)]
    a, b = driven[0]["cell_id"], tools[0]["cell_id"]
    assert [exp(r) for r in effects(to_frame(driven + tools), a, b).values()] == pytest.approx([2.0] * 6)


@given(values, st.randoms(use_true_random=False))
def test_the_order_of_rounds_changes_nothing(r: list[float], random: object) -> None:
    shuffled = list(r)
    random.shuffle(shuffled)
    assert median_interval(shuffled) == median_interval(r)


@given(values)
def test_swapping_two_cells_mirrors_the_interval_and_the_verdict(r: list[float]) -> None:
    there, back = median_interval(r), median_interval([-x for x in r])
    assert back == -there
    mirrored = {"faster": "slower", "slower": "faster"}
    assert verdict(back)[0] == mirrored.get(verdict(there)[0], verdict(there)[0])


@given(st.lists(st.floats(-3, 3), min_size=6, max_size=40))
def test_the_interval_is_scipys(r: list[float]) -> None:
    expected = stats.quantile_test(r, p=0.5).confidence_interval(0.95)
    assert (median_interval(r).low, median_interval(r).high) == (expected.low, expected.high)


@given(st.integers(1, 5000), st.sampled_from([0.5, 0.9, 0.99, 0.999]), st.sampled_from([0.025, 0.975]))
def test_binomial_quantiles_are_scipys(n: int, p: float, q: float) -> None:
    assert binomial_quantile(q, n, p) == stats.binom.ppf(q, n, p)


@pytest.mark.parametrize(("n", "level"), [(6, 0.96875), (8, 0.9921875), (12, 0.961), (14, 0.987), (20, 0.9586)])
def test_the_exact_level_is_told(n: int, level: float) -> None:
    assert median_interval(range(n)).level == pytest.approx(level, abs=5e-4)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_fewer_than_six_values_are_a_range_without_a_level(n: int) -> None:
    found = median_interval(range(n))
    assert (found.low, found.high, found.level, found.n) == (0, n - 1, None, n)


@pytest.mark.parametrize("n", [6, 8, 14, 20])
def test_the_interval_covers_the_true_median_at_its_exact_level(n: int) -> None:
    rng = np.random.default_rng(n)
    draws = 20_000
    ordered = np.sort(rng.lognormal(0.0, 1.0, (draws, n)), axis=1)  # skewed: the true median is 1
    rank, level = rank_and_level(n)
    covered = np.mean((ordered[:, rank - 1] <= 1) & (ordered[:, n - rank] >= 1))
    assert covered == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / draws))


bounds = st.floats(allow_nan=True, allow_infinity=True)


@given(bounds, bounds, bounds, st.integers(0, 30))
def test_what_is_not_a_number_never_becomes_a_verdict(low: float, estimate: float, high: float, n: int) -> None:
    word, reason = verdict(Interval(estimate, low, high, 0.96, n))
    if not all(np.isfinite([low, estimate, high])) or n == 0:
        assert word == "none" and reason


@pytest.mark.parametrize(
    ("interval", "word"),
    [
        ((0.02, 0.01, 0.03), "slower"),
        ((-0.02, -0.03, -0.01), "faster"),
        ((0.005, 0.001, 0.02), "inconclusive"),  # surely slower, but not by 1%
        ((0.02, -0.001, 0.04), "inconclusive"),
        ((0.001, -0.009, 0.009), "within noise"),
        ((0.0, -0.02, 0.02), "inconclusive"),
        ((0.02, 0.0, 0.03), "inconclusive"),  # a bound on zero is not above it
    ],
)
def test_verdicts_follow_the_interval_and_the_threshold(interval: tuple[float, float, float], word: str) -> None:
    assert verdict(Interval(*interval, 0.96875, 6))[0] == word


def test_a_range_has_no_verdict_however_far_it_lies_from_one() -> None:
    assert verdict(median_interval([0.5, 0.6, 0.7]))[0] == "none"
    assert verdict(NONE)[0] == "none" and isnan(NONE.estimate)


def test_only_rounds_in_which_both_ended_well_and_side_by_side_count() -> None:
    rows = [make_row(cell_id="a", round=i) for i in range(5)] + [make_row(cell_id="b", round=i) for i in range(5)]
    rows[1] |= {"status": "crashed"}
    rows[7] |= {"flags": ["unpaired"]}
    rows[8] |= {"group": 1}
    assert list(effects(to_frame(rows), "a", "b")) == [(0, 0), (0, 4)]


def test_inferences_timed_several_at_once_are_compared_one_by_one() -> None:
    a, b = make_row(cell_id="a"), make_row(cell_id="b", latency_ns=10_000_000, inferences_per_sample=10)
    assert effects(to_frame([a, b]), "a", "b")[0, 0] == pytest.approx(0, abs=1e-9)


def test_cells_of_two_groups_are_compared_through_the_baseline_at_the_level_both_have() -> None:
    a = {(0, i): 0.10 + i / 1000 for i in range(8)}
    b = {(1, i): 0.30 + i / 1000 for i in range(8)}
    r, indirect = through_baseline(a, b)
    assert indirect and r.estimate == pytest.approx(0.2) and r.level == pytest.approx(2 * 0.9921875 - 1)
    assert r.low == pytest.approx(0.3 - 0.107) and r.high == pytest.approx(0.307 - 0.1)


def test_cells_of_one_group_are_compared_round_by_round() -> None:
    a = {(0, i): 0.1 * i for i in range(6)}
    r, indirect = through_baseline(a, {key: value + 0.02 for key, value in a.items()})
    assert not indirect and r.low == pytest.approx(0.02) and r.high == pytest.approx(0.02)
    assert through_baseline(a, {}) == (NONE, True)
    assert log_ratio({}) is NONE
