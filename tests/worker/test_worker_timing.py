"""The hot loops, on a clock that only moves when something is run: counts, lengths, order, and when warm-up ends."""

import gc
import threading
import time
from math import ceil

import pytest

from bench.worker import timing

MS = 1_000_000
WARM = {"least": 10, "least_s": 0.25, "most_s": 5.0, "agree": 0.02}


class Machine:
    """Time is what was run: each inference takes the next of `latencies` (ns), the last of them for ever after."""

    def __init__(self, *latencies: int) -> None:
        self.latencies = list(latencies)
        self.now = 1_000
        self.calls = 0

    def run(self) -> None:
        self.now += self.latencies[min(self.calls, len(self.latencies) - 1)]
        self.calls += 1


@pytest.fixture
def machine(monkeypatch):
    def make(*latencies: int, resolution_ns: float = 1, cost_ns: float = 100) -> Machine:
        made = Machine(*latencies)
        monkeypatch.setattr(timing, "perf_counter_ns", lambda: made.now)
        monkeypatch.setattr(timing, "clock", lambda: {"resolution_ns": resolution_ns, "cost_ns": cost_ns})
        return made

    return make


def test_samples_are_the_inferences_lengths_in_order(machine):
    it = machine(3, 1, 4, 1, 5)
    assert timing.timed(it.run, 5, 1) == [3, 1, 4, 1, 5]
    assert it.calls == 5


def test_a_sample_of_several_inferences_is_their_sum(machine):
    it = machine(1, 2, 3, 4, 5, 6)
    assert timing.timed(it.run, 3, 2) == [3, 7, 11]
    assert it.calls == 6


@pytest.mark.parametrize("collecting", [True, False])
def test_no_garbage_is_collected_while_it_is_timed_and_the_setting_survives(machine, collecting):
    it, seen = machine(MS), []

    def run() -> None:
        it.run()
        seen.append(gc.isenabled())

    (gc.enable if collecting else gc.disable)()
    try:
        timing.timed(run, 3, 1)
        after_timed = gc.isenabled()
        timing.window([run], 0.003)
        assert seen == [False] * 6
        assert (after_timed, gc.isenabled()) == (collecting, collecting)
    finally:
        gc.enable()


def test_a_failing_inference_leaves_the_collector_as_it_was():
    with pytest.raises(ZeroDivisionError):
        timing.timed(lambda: 1 / 0, 3, 1)
    assert gc.isenabled()


def test_a_burst_is_its_samples_and_what_those_after_the_lead_in_cost(machine):
    it = machine(2 * MS)
    found = timing.burst(it.run, 8, 3)
    assert found["samples_ns"] == [6 * MS] * 8
    assert found["wall_ns"] == 30 * MS, "three of eight wake threads: what was waited there is no sign of others"
    assert it.calls == 24
    assert found["cpu_ns"] >= 0
    assert found["delay_ns"] is None or found["delay_ns"] >= 0


def test_warm_up_ends_once_two_windows_agree(machine):
    it = machine(*[9 * MS] * 3, *[5 * MS] * 3, MS)
    found = timing.warm(it.run, **WARM)
    assert found["steady"]
    assert len(found["warmup_ns"]) == it.calls  # every warm-up sample is kept
    assert found["warmup_ns"][:6] == [9 * MS] * 3 + [5 * MS] * 3
    assert sum(found["warmup_ns"]) >= WARM["least_s"] * 1e9
    assert len(found["warmup_ns"]) >= WARM["least"]


def test_warm_up_takes_ten_inferences_even_where_they_agree_at_once(machine):
    it = machine(100 * MS)
    assert timing.warm(it.run, **WARM)["steady"]
    assert it.calls >= 10


def test_warm_up_that_never_settles_ends_at_the_cap_and_says_so(machine):
    it = machine(*[round(MS * 1.1**i) for i in range(400)])  # ever slower
    found = timing.warm(it.run, **WARM)
    assert not found["steady"]
    assert 5e9 <= sum(found["warmup_ns"]) < 5e9 + 2 * max(found["warmup_ns"])


@pytest.mark.parametrize("seconds", [2, 4, 6, 40])
def test_the_cap_wins_over_the_count(machine, seconds):
    """A model of 40 s has one warm-up inference, and one of 2 s no more than fit into 5 s, give or take one."""
    it = machine(seconds * 1_000 * MS)
    assert not timing.warm(it.run, **WARM)["steady"]
    assert it.calls == ceil(5 / seconds)


def test_a_run_that_the_timer_cannot_see_is_warmed_all_the_same(machine):
    it = machine(*[0] * 5, 9_000)
    assert timing.warm(it.run, **WARM)["repeat"] > 1


@pytest.mark.parametrize(
    ("latency_ns", "resolution_ns", "cost_ns", "repeat"),
    [
        (MS, 1, 100, 1),  # Linux: ten microseconds are long enough
        (10_000, 1, 100, 1),
        (9_999, 1, 100, 2),
        (100, 1, 100, 100),
        (MS, 100, 100, 1),  # Windows: a hundred microseconds
        (30_000, 100, 100, 4),
    ],
)
def test_a_sample_holds_as_many_inferences_as_the_timer_needs(machine, latency_ns, resolution_ns, cost_ns, repeat):
    it = machine(latency_ns, resolution_ns=resolution_ns, cost_ns=cost_ns)
    assert timing.warm(it.run, **WARM)["repeat"] == repeat


def test_a_window_counts_what_was_started_inside_it(machine):
    it = machine(30 * MS)
    found = timing.window([it.run], 0.1)
    assert (found["wall_ns"], found["completed"], found["delay_ns"]) == (120 * MS, 4, None)


def test_a_window_keeps_every_request_in_flight(monkeypatch):
    meeting, threads, calls = threading.Barrier(3), set(), []
    monkeypatch.setattr(timing, "perf_counter_ns", lambda: 10**9 if len(threads) == 3 else 1)  # until all have met

    def run() -> None:
        threads.add(threading.get_ident())
        calls.append(meeting.wait(20))  # goes on only when three wait here at once

    assert timing.window([run] * 3, 0.1)["completed"] == len(calls) == 3


def test_a_failure_in_any_request_of_a_window_is_raised():
    def pause() -> None:
        time.sleep(0.001)

    def fail() -> None:
        raise RuntimeError("the third request")

    with pytest.raises(RuntimeError, match="the third request"):
        timing.window([pause, pause, fail], 0.05)


def test_the_timer_is_measured_not_assumed():
    found = timing.clock()
    assert found["resolution_ns"] > 0
    assert found["cost_ns"] >= 0
