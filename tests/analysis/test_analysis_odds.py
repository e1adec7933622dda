"""How often a verdict is right: exact where the rounds leave no choice, binomial where they are pure noise."""

from dataclasses import replace
from math import log1p, sqrt

import numpy as np
import pytest

from bench.analysis.intervals import rank_and_level
from bench.analysis.odds import CHANGES, DRAWS, odds, smallest_change

QUIET = [0.0] * 12
NOISE = [sign * size for sign in (-1, 1) for size in (0.002, 0.005, 0.011, 0.02)]  # as often up as down


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_rounds_that_all_say_the_same_leave_nothing_to_chance() -> None:
    told = odds(QUIET, [log1p(0.03)] * 12, 6, rng())
    assert (told.changes, told.alarms, told.found, told.confirmed, told.half_width) == (0.0, 0.0, 1.0, 1.0, 0.0)


def test_a_change_below_the_threshold_is_never_found() -> None:
    told = odds(QUIET, [log1p(0.03)] * 12, 6, rng(), threshold=0.05)
    assert (told.found, told.confirmed) == (0.0, 0.0)


def test_a_faster_target_is_a_change_and_neither_found_nor_an_alarm() -> None:
    told = odds([-0.05] * 12, [-0.05] * 12, 6, rng())
    assert (told.changes, told.alarms, told.found) == (1.0, 0.0, 0.0)


def test_fewer_rounds_than_carry_a_verdict_find_nothing() -> None:
    told = odds([0.05] * 12, [0.05] * 12, 5, rng())
    assert (told.changes, told.found, told.confirmed) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("rounds", [6, 9, 12, 20])
def test_noise_reads_as_a_change_as_often_as_the_intervals_level_says(rounds: int) -> None:
    """Without a threshold, A/A says slower or faster where the exact interval misses zero: 1 - its level."""
    known = rank_and_level(rounds)
    assert known is not None
    expected = 1 - known[1]
    told = odds(NOISE, NOISE, rounds, rng(), threshold=1e-9)
    error = sqrt(expected * (1 - expected) / DRAWS)
    assert abs(told.changes - expected) < 4 * error
    twice = (expected / 2) ** 2  # slower, and independently slower again
    assert told.alarms <= twice + 4 * sqrt(twice / DRAWS)


def test_a_second_batch_finds_less_and_raises_fewer_alarms() -> None:
    slower = [r + log1p(0.01) for r in NOISE]
    told = odds(NOISE, slower, 12, rng())
    assert told.confirmed < told.found
    assert told.confirmed == pytest.approx(told.found**2, abs=4 * sqrt(0.25 / DRAWS))


def test_more_rounds_find_more_and_say_it_more_narrowly() -> None:
    slower = [r + log1p(0.012) for r in NOISE]
    told = [odds(NOISE, slower, rounds, rng()) for rounds in (6, 12, 20)]
    assert told[0].found < told[1].found < told[2].found
    assert told[0].half_width > told[1].half_width > told[2].half_width


def test_the_smallest_change_that_is_found_shrinks_with_rounds() -> None:
    found = [smallest_change(NOISE, rounds, rng()) for rounds in (6, 12, 20)]
    assert all(each in CHANGES for each in found)
    assert found == sorted(found, key=lambda each: -(each or 0))
    assert found[0] != found[-1]


def test_what_smallest_change_promises_odds_keep() -> None:
    change = smallest_change(NOISE, 12, rng())
    assert change is not None
    assert odds(NOISE, [r + log1p(change) for r in NOISE], 12, rng(1)).found >= 0.93  # 95%, and Monte Carlo


def test_on_a_quiet_machine_the_threshold_is_the_smallest_change() -> None:
    assert smallest_change(QUIET, 6, rng()) == 0.01
    assert smallest_change(QUIET, 6, rng(), threshold=0.02) == 0.02


def test_where_no_change_is_found_often_enough_there_is_none_to_name() -> None:
    assert smallest_change([100 * r for r in NOISE], 6, rng()) is None
    assert smallest_change(QUIET, 5, rng()) is None  # no verdict at all


def test_the_same_seed_gives_the_same_odds() -> None:
    first, again, other = (odds(NOISE, NOISE, 6, rng(seed), threshold=1e-9) for seed in (3, 3, 4))
    assert first == again
    assert replace(first, half_width=0) != replace(other, half_width=0)
