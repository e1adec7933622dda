"""How a trial is driven: an even number of bursts, six at least, within the seconds it may take; and in which order."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bench.runner.schedule import mirrored, schedule
from bench.suite.protocol import PRESETS

STANDARD = PRESETS["standard"]
MS, S = 1e6, 1e9

protocols = st.builds(
    lambda half, burst_ms, trial_s: replace(STANDARD, bursts=2 * half, burst_ms=burst_ms, trial_s=trial_s),
    st.integers(3, 15),
    st.floats(1, 1000),
    st.floats(0.1, 60),
)
lengths_ns = st.floats(1e3, 1e11)  # from a microsecond to a hundred seconds


@given(lengths_ns, protocols)
def test_bursts_are_even_and_never_fewer_than_six_nor_more_than_asked(sample_ns, protocol):
    found = schedule(sample_ns, 1, protocol)
    assert found.bursts % 2 == 0
    assert 6 <= found.bursts <= protocol.bursts
    assert found.count >= 1


@given(lengths_ns, protocols)
def test_driven_time_stays_within_budget_but_for_the_least_that_is_taken(sample_ns, protocol):
    found = schedule(sample_ns, 1, protocol)
    least = found.bursts == 6 and found.count == 1
    assert least or found.bursts * found.count * sample_ns <= protocol.trial_s * S * (1 + 1e-9)


@given(lengths_ns, protocols)
def test_few_says_that_the_budget_took_something_away(sample_ns, protocol):
    free = schedule(sample_ns, 1, replace(protocol, trial_s=1e12))
    found = schedule(sample_ns, 1, protocol)
    assert not free.few
    assert found.few == ((found.bursts, found.count) != (free.bursts, free.count))


@given(lengths_ns, protocols)
def test_bursts_go_first_and_only_then_samples(sample_ns, protocol):
    free = schedule(sample_ns, 1, replace(protocol, trial_s=1e12))
    found = schedule(sample_ns, 1, protocol)
    assert found.count <= free.count
    assert found.count == free.count or found.bursts == 6


@given(lengths_ns, protocols)
def test_a_burst_is_long_enough(sample_ns, protocol):
    """20 ms or more, of 8 samples at least; of 3 where a single one takes more than half of that."""
    free = schedule(sample_ns, 1, replace(protocol, trial_s=1e12))
    assert free.count * sample_ns >= protocol.burst_ms * MS * (1 - 1e-9)
    assert free.count >= (8 if sample_ns <= protocol.burst_ms * MS / 2 else 3)


def test_by_example():
    short, long, endless = (schedule(ns, 1, STANDARD) for ns in (0.2 * MS, 100 * MS, 40 * S))
    assert (short.bursts, short.count, short.few) == (16, 100, False)
    assert (long.bursts, long.count, long.few) == (16, 3, False)
    assert (endless.bursts, endless.count, endless.few) == (6, 1, True)
    assert schedule(0.4 * S, 1, STANDARD).bursts == 8  # 16 of 3 would take 19 s
    assert schedule(1e4, 25, STANDARD).repeat == 25


@given(st.lists(st.integers(), unique=True, max_size=8), st.integers(0, 15), st.randoms(use_true_random=False))
def test_every_order_is_followed_by_its_mirror(lanes, half, rng):
    taken = list(mirrored(lanes, 2 * half, rng))
    turns = [[lane for at, lane in taken if at == turn] for turn in range(2 * half)]
    assert [at for at, _ in taken] == sorted(at for at, _ in taken)
    for there, back in zip(turns[::2], turns[1::2], strict=True):
        assert sorted(there) == sorted(lanes)
        assert back == there[::-1]


def test_two_lanes_go_abba():
    for seed in range(20):
        order = "".join(lane for _, lane in mirrored(["A", "B"], 2, random.Random(seed)))
        assert order in ("ABBA", "BAAB")


def test_orders_differ_and_follow_from_the_seed():
    def order(seed: int) -> list[int]:
        return [lane for _, lane in mirrored(list(range(5)), 12, random.Random(seed))]

    assert order(1) == order(1) != order(2)
    assert len({tuple(order(1)[at : at + 5]) for at in range(0, 60, 10)}) > 1
