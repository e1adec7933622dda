"""What is kept of a trial's samples, and how much it is worth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.rows import make_failed, make_row

from bench.analysis.samples import effective_size, keep, trial_table
from bench.store import to_frame


@pytest.mark.parametrize(("size", "left_out"), [(1, 0), (2, 1), (3, 1), (4, 1), (5, 2), (8, 3), (9, 3), (20, 7)])
def test_the_first_third_of_a_burst_is_left_out_but_never_its_only_sample(size: int, left_out: int) -> None:
    kept = keep(list(range(100, 100 + size)), [0] * size, 1)
    assert kept.samples.tolist() == list(range(100 + left_out, 100 + size))


@given(st.lists(st.lists(st.integers(1, 10**9), min_size=1, max_size=25), min_size=1, max_size=12), st.integers(1, 50))
def test_each_burst_has_the_median_of_what_it_kept_an_inference(bursts: list[list[int]], k: int) -> None:
    samples = [sample for burst in bursts for sample in burst]
    kept = keep(samples, [i for i, burst in enumerate(bursts) for _ in burst], k)
    expected = [np.median(burst[(len(burst) + 1) // 3 :]) / k for burst in bursts]
    np.testing.assert_allclose(kept.burst_medians, expected)
    assert kept.bursts.tolist() == list(range(len(bursts)))


def test_nothing_is_kept_of_a_trial_that_failed_or_has_no_samples() -> None:
    half = make_row(round=1) | {"status": "crashed"}
    table = trial_table(
        to_frame([make_row(), half, make_failed("timeout", "60 s", round=2), make_row(samples_ns=[], round=3)])
    )
    assert table["trial_median_ns"].notna().tolist() == [True, False, False, False]
    assert table["trial_median_ns"][0] == 1_000_000


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.64, 0.9])
def test_effective_size_of_an_autoregressive_series_is_the_known_one(correlation: float) -> None:
    rng = np.random.default_rng(1)
    n = 20_000
    series = np.empty(n)
    series[0] = 0
    noise = rng.normal(size=n)
    for i in range(1, n):
        series[i] = correlation * series[i - 1] + noise[i]
    known = n * (1 - correlation) / (1 + correlation)
    assert effective_size(series) == pytest.approx(known, rel=0.15)


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=200))
def test_effective_size_lies_between_one_and_the_number_of_samples(values: list[float]) -> None:
    assert 0 < effective_size(np.array(values)) <= len(values)
    assert effective_size(np.full(50, 7.0)) == 1
