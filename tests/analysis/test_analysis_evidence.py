"""How much stands behind a number: bounds hold as often as they say, and nothing is told of too little."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import comb, isnan

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import signal, stats

from bench.analysis.flags import drifts
from bench.analysis.intervals import median_interval, whole_range
from bench.analysis.latency import percentiles
from bench.analysis.ratios import Effects, round_effect, through_baseline
from bench.analysis.samples import Floats, Kept, effective_size, keep
from bench.analysis.verdicts import verdict

NOT_NUMBERS = [float("nan"), float("inf"), float("-inf")]
NEEDED = {"p90": 64, "p95": 130, "p99": 662, "p999": 6636}  # measurement.md

seeds = st.integers(0, 2**32 - 1)
effects = st.floats(-0.2, 0.2)
many = st.lists(effects, min_size=1, max_size=40)

QUANTILES: dict[str, Callable[[Floats], Floats]] = {  # each makes a distribution of uniform numbers
    "normal": stats.norm.ppf,
    "skewed": lambda u: np.exp(2 * stats.norm.ppf(u)),
    "heavy tails": lambda u: np.tan(np.pi * (u - 0.5)),
    "bounded": lambda u: u**3,
    "two modes": lambda u: u + 5 * (u > 0.6),
    "mostly waiting": lambda u: -(np.log1p(-u) ** 4),
}


def median_values(u: Floats, shape: str) -> tuple[Floats, float]:
    quantile = QUANTILES[shape]
    return quantile(u), float(quantile(np.array([0.5]))[0])


@settings(max_examples=50)
@given(st.integers(6, 30), st.sampled_from(sorted(QUANTILES)), seeds)
def test_the_interval_covers_the_median_of_any_distribution_as_often_as_its_level_says(
    n: int, shape: str, seed: int
) -> None:
    draws = 2000
    values, median = median_values(np.random.default_rng(seed).random((draws, n)), shape)
    found = [median_interval(row) for row in values]
    [level] = {one.level for one in found}
    covered = np.mean([one.low <= median <= one.high for one in found])
    assert abs(covered - level) <= 4 * np.sqrt(level * (1 - level) / draws)


@settings(max_examples=20)
@given(st.integers(6, 20), seeds)
def test_two_equal_cells_are_told_apart_no_oftener_than_the_level_allows(n: int, seed: int) -> None:
    draws = 2000
    found = [median_interval(row) for row in np.random.default_rng(seed).laplace(0, 0.2, (draws, n))]
    alarms = np.mean([verdict(one)[0] in ("faster", "slower") for one in found])
    allowed = 1 - found[0].level
    assert alarms <= allowed + 4 * np.sqrt(allowed * (1 - allowed) / draws)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=120))
def test_the_bounds_are_scipys_also_where_values_are_equal_and_missing_where_scipys_are(r: list[int]) -> None:
    found, scipys = median_interval(r), stats.quantile_test(r, p=0.5).confidence_interval(0.95)
    if found.level is None:
        assert isnan(scipys.low) or isnan(scipys.high)
    else:
        assert (found.low, found.high) == (scipys.low, scipys.high)


@pytest.mark.parametrize("n", range(6, 61))
def test_the_level_is_the_exact_binomial_one_and_the_narrowest_that_reaches_95_per_cent(n: int) -> None:
    found = median_interval(range(n))
    rank = int(found.low) + 1
    outside = 2 * sum(comb(n, k) for k in range(rank)) / 2**n
    assert found.high == n - rank and found.level == pytest.approx(1 - outside, abs=1e-12)
    assert found.level >= 0.95 > 1 - outside - 2 * comb(n, rank) / 2**n


@given(many)
def test_bounds_are_values_that_were_measured_and_hold_the_estimate_between_them(r: list[float]) -> None:
    found = median_interval(r)
    assert {found.low, found.high} <= set(r) and found.low <= found.estimate <= found.high
    assert found.n == len(r) and (found.level is None) is (len(r) < 6)


@given(many, st.integers(1, 20), st.floats(0, 1))
def test_more_values_between_the_bounds_never_widen_them(r: list[float], more: int, where: float) -> None:
    before = median_interval(r)
    value = min(before.high, before.low + where * (before.high - before.low))
    after = median_interval([*r, *[value] * more])
    assert before.low <= after.low <= after.high <= before.high


@given(many, st.integers(2, 6))
def test_the_same_values_several_times_over_never_widen_the_bounds(r: list[float], times: int) -> None:
    before, after = median_interval(r), median_interval(r * times)
    assert before.low <= after.low <= after.high <= before.high and after.estimate == before.estimate


@given(many, many, st.booleans())
def test_swapping_two_cells_mirrors_the_ratio_through_the_baseline(
    a: list[float], b: list[float], one_group: bool
) -> None:
    first: Effects = {(0, i): r for i, r in enumerate(a)}
    second: Effects = {(0 if one_group else 1, i): r for i, r in enumerate(b)}
    there, indirect = through_baseline(first, second)
    assert through_baseline(second, first) == (-there, indirect) and indirect is not one_group
    assert there.low <= there.estimate <= there.high


@given(st.lists(effects | st.sampled_from(NOT_NUMBERS), max_size=12))
def test_effects_that_are_not_numbers_count_for_nothing(r: list[float]) -> None:
    finite = [value for value in r if np.isfinite(value)]
    np.testing.assert_equal(vars(median_interval(r)), vars(median_interval(finite)))
    assert len(finite) >= 6 or verdict(median_interval(r))[0] == "none"


@given(st.lists(st.tuples(st.integers(0, 3), st.none() | st.integers(1, 10**9)), max_size=30))
def test_a_sample_that_is_not_a_number_is_as_if_never_taken(drawn: list[tuple[int, int | None]]) -> None:
    known = [(burst, sample) for burst, sample in drawn if sample is not None]
    found = keep([sample for _, sample in drawn], [burst for burst, _ in drawn], 1)
    expected = keep([sample for _, sample in known], [burst for burst, _ in known], 1)
    for name in ("samples", "bursts", "burst_medians"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


burst_times = st.floats(1, 1e10) | st.sampled_from([0.0, -1.0, *NOT_NUMBERS])


@given(st.lists(st.tuples(burst_times, burst_times), max_size=8))
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_burst_that_took_no_real_time_has_no_say(medians: list[tuple[float, float]]) -> None:
    def effect(pairs: Sequence[tuple[float, float]]) -> float:
        a, b = np.array(pairs, float).reshape(-1, 2).T
        return round_effect(Kept(a, np.arange(a.size), a), Kept(b, np.arange(b.size), b))

    real = [(a, b) for a, b in medians if 0 < a < float("inf") and 0 < b < float("inf")]
    np.testing.assert_equal(effect(medians), effect(real))
    assert np.isfinite(effect(medians)) == bool(real)


@given(st.lists(st.integers(-3, 3), min_size=6, max_size=20))
def test_drift_is_spearmans_correlation_also_where_rounds_are_equal(r: list[int]) -> None:
    assume(len(set(r)) > 1)
    rho, p = stats.spearmanr(range(len(r)), r)
    assume(abs(abs(rho) - 0.5) > 1e-9 and abs(p - 0.05) > 1e-9)
    for same in (r, r[::-1], [-x for x in r]):
        assert drifts({(0, i): float(x) for i, x in enumerate(same)}) == (abs(rho) > 0.5 and p <= 0.05)


def autoregressive(correlation: float, size: tuple[int, int], seed: int) -> Floats:
    """Series in rows, each value `correlation` times the one before plus noise."""
    noise = np.random.default_rng(seed).normal(size=(size[0], size[1] + 200))
    series: Floats = signal.lfilter([1], [1, -correlation], noise)[:, 200:]
    return series


def alternating(size: int) -> Floats:
    """A series in which every value tells as much as an independent one would."""
    return np.resize([1e6, 2e6], size)


@settings(max_examples=30)
@given(st.floats(0, 0.9), seeds)
def test_correlated_samples_are_worth_what_theory_says(correlation: float, seed: int) -> None:
    n = 4000
    found = np.mean([effective_size(one) for one in autoregressive(correlation, (20, n), seed)])
    assert found == pytest.approx(n * (1 - correlation) / (1 + correlation), rel=0.2)


@settings(max_examples=20)
@given(st.integers(100, 2000), seeds)
def test_independent_samples_are_worth_nearly_all_of_themselves_and_alternating_ones_all(n: int, seed: int) -> None:
    found = np.median([effective_size(one) for one in autoregressive(0, (30, n), seed)])
    assert 0.8 * n < found <= n == effective_size(alternating(n))


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=200), st.integers(1, 1000), st.integers(0, 10**9))
def test_the_worth_of_samples_is_one_to_all_of_them_and_knows_no_unit_origin_or_direction(
    drawn: list[int], scale: int, shift: int
) -> None:
    samples = np.array(drawn, float)
    found = effective_size(samples)
    assert 1 <= found <= samples.size
    for same in (scale * samples, samples + shift, samples[::-1]):
        assert effective_size(same) == pytest.approx(found, rel=1e-6)


def trials(count: int, effective: int) -> list[Kept]:
    """Trials whose samples are together worth `effective` independent ones."""
    parts = np.array_split(alternating(effective), count)
    return [Kept(part, np.arange(1), part[:1]) for part in parts]


@pytest.mark.parametrize("name", NEEDED)
def test_a_percentile_is_withheld_below_its_samples_or_ten_trials_or_where_several_were_timed_at_once(
    name: str,
) -> None:
    columns, needed = [f"{name}{part}" for part in ("_ns", "_low_ns", "_high_ns")], NEEDED[name]

    def told(kept: list[Kept], timed_singly: bool = True) -> bool:
        [there] = {not isnan(percentiles(kept, timed_singly)[column]) for column in columns}
        return there

    assert told(trials(10, needed)) and told(trials(13, needed + 1))
    assert not told(trials(10, needed - 1)) and not told(trials(9, 2 * needed))
    assert not told(trials(10, needed), timed_singly=False)
    empty = Kept(np.empty(0), np.empty(0, np.int64), np.empty(0))
    assert not told([*trials(9, 2 * needed), empty]), "a trial that kept nothing is no trial"


@pytest.mark.parametrize(("name", "p"), [("p90", 0.90), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)])
def test_the_samples_a_percentile_takes_are_the_fewest_with_two_beyond_it_99_times_in_100(name: str, p: float) -> None:
    fewest = next(n for n in range(2, 10_000) if stats.binom.sf(1, n, 1 - p) >= 0.99)
    assert fewest == NEEDED[name]


@settings(max_examples=20)
@given(st.integers(10, 14), st.integers(8, 150), st.floats(0, 0.8), seeds)
def test_percentiles_rise_and_lie_between_their_bounds_which_lie_among_the_samples(
    count: int, each: int, correlation: float, seed: int
) -> None:
    samples = np.exp(autoregressive(correlation, (count, each), seed))
    found = percentiles([Kept(one, np.arange(1), one[:1]) for one in samples], True)
    told = [name for name in NEEDED if not isnan(found[f"{name}_ns"])]
    for name in told:
        low, high = found[f"{name}_low_ns"], found[f"{name}_high_ns"]
        assert samples.min() <= low <= found[f"{name}_ns"] <= high <= samples.max()
    assert told == list(NEEDED)[: len(told)], "none is told above one that is withheld"
    assert all(found[f"{low}_ns"] <= found[f"{high}_ns"] for low, high in pairwise(told))


@pytest.mark.parametrize("name", ["p90", "p95"])
@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_the_bounds_of_a_percentile_cover_it_also_where_samples_are_correlated(name: str, correlation: float) -> None:
    draws = 400
    true = stats.norm.ppf(float(name[1:]) / 100, scale=(1 - correlation**2) ** -0.5)
    covered = 0
    for seed in range(draws):
        series = autoregressive(correlation, (10, 200), seed)
        found = percentiles([Kept(one, np.arange(1), one[:1]) for one in series], True)
        covered += found[f"{name}_low_ns"] <= true <= found[f"{name}_high_ns"]
    assert covered / draws >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / draws)


@pytest.mark.parametrize("n", [1, 5, 6, 12])
def test_the_whole_range_is_an_interval_of_the_level_that_its_number_of_values_gives(n: int):
    values = np.random.default_rng(n).normal(size=n)
    found = whole_range([*values, float("nan")])
    assert (found.estimate, found.low, found.high, found.n) == (np.median(values), min(values), max(values), n)
    assert found.level == (None if n < 6 else pytest.approx(1 - 2 * 0.5**n))
