"""When a percentile under load may be said, and what a cycle of churn leaves behind: exact counts, planted slopes."""

from fractions import Fraction
from math import comb, isnan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.latency import MOST_PAIRED, growth
from bench.analysis.load import CONFIDENCE, least_queries, most_late, percentile_estimate

MB = 1 << 20


def at_most(late: int, queries: int, share: Fraction) -> Fraction:
    """The exact chance of `late` late queries or fewer, where each is late with probability `share`."""
    return sum((comb(queries, k) * share**k * (1 - share) ** (queries - k) for k in range(late + 1)), Fraction(0))


@pytest.mark.parametrize(
    ("queries", "percentile", "late"),
    [(458, 0.99, -1), (459, 0.99, 0), (661, 0.99, 0), (662, 0.99, 1), (64, 0.90, 1), (130, 0.95, 1), (6636, 0.999, 1)],
)
def test_the_queries_that_loadgen_asks_for_allow_what_it_allows(queries: int, percentile: float, late: int):
    """MLPerf LoadGen's table of fewest queries for one that is late, at 99% confidence without tolerance."""
    assert most_late(queries, percentile) == late


@given(queries=st.integers(10, 900), percent=st.sampled_from([50, 90, 95, 99]))
def test_one_more_late_query_would_be_seen_by_chance_in_over_one_case_of_a_hundred(queries: int, percent: int):
    late, share = most_late(queries, percent / 100), Fraction(100 - percent, 100)
    assert late == -1 or at_most(late, queries, share) <= Fraction(1, 100)
    assert at_most(late + 1, queries, share) > Fraction(1, 100)


@pytest.mark.parametrize("percentile", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_the_fewest_queries_are_those_that_allow_none_to_be_late(percentile: float):
    fewest = least_queries(percentile)
    assert (most_late(fewest, percentile), most_late(fewest - 1, percentile)) == (0, -1)


def test_a_percentile_is_an_order_statistic_and_nothing_before_it_can_be_known():
    latency = list(range(1, 663))
    assert percentile_estimate(latency, 0.99) == 661  # one of 662 may be over it
    assert percentile_estimate(latency[:459], 0.99) == 459
    assert percentile_estimate(latency[:458], 0.99) is None
    assert percentile_estimate([], 0.99) is None


def test_an_estimate_is_below_the_true_percentile_in_one_case_of_a_hundred():
    draws = np.random.default_rng(5).exponential(1e6, (4000, 662))
    true = -1e6 * np.log(0.01)
    missed = np.mean([percentile_estimate(latency, 0.99) < int(true) for latency in draws])
    exact = float(at_most(1, 662, Fraction(1, 100)))
    assert exact <= 1 - CONFIDENCE
    assert abs(missed - exact) < 4 * (exact * (1 - exact) / 4000) ** 0.5


def grown(*trials: list[float] | None) -> float:
    return growth(pd.DataFrame({"cycle_rss_bytes": pd.Series(list(trials), dtype=object)})).estimate


@given(
    leak=st.integers(0, 4 * MB),
    cycles=st.integers(8, 60),
    jump=st.integers(0, 200 * MB),
    at=st.floats(0.4, 0.95),
    seed=st.integers(0, 99),
)
def test_a_leak_is_told_beside_pages_that_come_and_go_and_one_large_allocation(leak, cycles, jump, at, seed):
    noise = np.random.default_rng(seed).integers(-8, 9, cycles) * 4096
    resident = 100 * MB + leak * np.arange(cycles) + noise + jump * (np.arange(cycles) >= at * cycles)
    # All that noise of 32 KB and a jump can do to the median of all slopes: half of the pairs span the jump at most.
    spans = jump / max(1, cycles // 3)
    assert leak - 65536 <= grown(resident.tolist()) <= leak + 65536 + spans


def test_pools_that_fill_in_the_first_third_are_no_growth():
    resident = [50 * MB + min(cycle, 7) * MB for cycle in range(24)]
    assert grown(resident) == 0


def test_growth_is_the_median_over_trials_and_needs_two_cycles_that_are_known():
    slopes = [[float(slope * cycle) for cycle in range(9)] for slope in (1, 5, 100)]
    assert grown(*slopes, None, [1.0], [None] * 9) == 5
    assert isnan(grown([None] * 9, [3.0], None))
    assert grown([0.0, 1.0, None, 3.0, None, 5.0, 6.0]) == 1


def test_many_cycles_are_paired_half_of_them_apart():
    resident = np.arange(6 * MOST_PAIRED) * 10.0
    resident[::7] += 1e6
    assert grown(resident.tolist()) == pytest.approx(10, rel=0.01)
