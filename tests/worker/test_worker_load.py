"""Load in an open loop, on a clock that only moves when something is run: queries come whatever the server does."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.worker import cycles, load, timing

MS = 1_000_000
NO_LIMIT = 10**15
TICK = 1_000  # ns that a look at this clock takes


class Server:
    """Serves one query at a time; query i takes `services[i]` ns, the last of them for ever after."""

    def __init__(self, *services: int) -> None:
        self.services = services
        self.now = 0
        self.served = 0
        self.slept: list[float] = []

    def look(self) -> int:
        self.now += TICK
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.now += int(seconds * 1e9)

    def run(self) -> None:
        self.now += self.services[min(self.served, len(self.services) - 1)]
        self.served += 1

    def offered(self, rate_per_s: float, queries: int, limit_ns: int = NO_LIMIT, most_late: int = 0, seed: int = 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(load, "perf_counter_ns", self.look)
            patch.setattr(load, "time", SimpleNamespace(sleep=self.sleep))
            return load.offer([self.run], rate_per_s, queries, seed, limit_ns, most_late)


def lindley(came: np.ndarray, services: np.ndarray) -> np.ndarray:
    """What each query takes with its waiting, where one server serves them as they come (Lindley 1952)."""
    taken, free = np.empty(came.size), 0.0
    for i, (moment, service) in enumerate(zip(came, services, strict=True)):
        free = max(free, moment) + service
        taken[i] = free - moment
    return taken


@given(
    services=st.lists(st.integers(1, 40), min_size=20, max_size=120),
    rate=st.floats(10, 400),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_query_waits_for_those_before_it_and_all_of_that_counts(services, rate, seed):
    """Whatever inferences take, in whatever order: latency from the scheduled time is what queueing theory says."""
    spent = np.array(services) * MS
    found = Server(*spent).offered(rate, len(services), seed=seed)
    expected = lindley(np.array(load.arrivals(rate, len(services), seed)), spent)
    assert len(found["latency_ns"]) == len(services)
    # A look at the clock costs a tick, and the wait for a query ends a tick or two late: it adds up while they queue.
    np.testing.assert_allclose(found["latency_ns"], expected, atol=8 * TICK * len(services), rtol=0)


def test_a_stall_delays_the_queries_behind_it():
    """No coordinated omission: a closed loop would count the stall once, here everyone that came meanwhile waits."""
    services = [2 * MS] * 200
    services[50] = 500 * MS
    found = Server(*services).offered(100, 200)
    waited = [i for i, taken in enumerate(found["latency_ns"]) if taken > 20 * MS]
    assert waited[0] == 50
    assert waited == list(range(50, 50 + len(waited)))
    assert 40 <= len(waited) <= 75  # about 500 ms of arrivals at 100 a second, and those while that queue is served


def test_with_a_server_that_is_mostly_idle_queries_take_what_an_inference_takes():
    found = Server(2 * MS).offered(10, 200)
    assert np.median(found["latency_ns"]) == pytest.approx(2 * MS, abs=10 * TICK)
    assert found["late"] == 0


def test_above_capacity_waiting_grows_and_the_probe_stops_as_soon_as_it_is_lost():
    server = Server(10 * MS)
    found = server.offered(200, 5000, limit_ns=50 * MS, most_late=7)
    assert found["late"] == 8
    assert len(found["latency_ns"]) == server.served < 60
    assert sum(taken > 50 * MS for taken in found["latency_ns"]) == 8
    assert found["latency_ns"][-1] > 3 * found["latency_ns"][1]


def test_a_rate_that_holds_is_offered_to_its_end_in_the_time_it_takes():
    found = Server(1 * MS).offered(100, 400, limit_ns=100 * MS)
    assert (len(found["latency_ns"]), found["late"]) == (400, 0)
    with pytest.MonkeyPatch.context() as patch:  # stretch() has a clock of its own
        server = Server(1 * MS)
        patch.setattr(timing, "perf_counter_ns", server.look)
        assert server.offered(100, 400)["wall_ns"] == pytest.approx(4e9, rel=0.01)


def test_arrivals_are_a_poisson_process_of_exactly_that_rate():
    gaps = np.diff([0, *load.arrivals(250, 20_000, seed=3)])
    assert gaps.min() >= 0
    assert gaps.mean() == pytest.approx(4 * MS, rel=1e-6)
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.03)  # exponential: as wide as its mean
    assert np.mean(gaps > 4 * MS) == pytest.approx(np.exp(-1), abs=0.015)
    assert abs(np.corrcoef(gaps[:-1], gaps[1:])[0, 1]) < 0.03
    seconds = np.bincount((np.cumsum(gaps) // 1_000_000_000).astype(int))[:-1]
    assert seconds.var() / seconds.mean() == pytest.approx(1, abs=0.5)  # counts of a Poisson process: variance = mean


def test_arrivals_follow_from_the_seed_alone():
    assert load.arrivals(100, 50, 1) == load.arrivals(100, 50, 1) != load.arrivals(100, 50, 2)
    assert load.arrivals(200, 50, 1) == pytest.approx([moment / 2 for moment in load.arrivals(100, 50, 1)], abs=1)


def test_waiting_for_a_moment_is_sleep_and_then_a_short_watch():
    server = Server()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "perf_counter_ns", server.look)
        patch.setattr(load, "time", SimpleNamespace(sleep=server.sleep))
        load.until(50 * MS)
        load.until(10 * MS)  # it has passed
    assert 50 * MS <= server.now <= 50 * MS + 6 * TICK
    assert server.slept == [pytest.approx((50 * MS - load.AWAKE_NS) / 1e9, abs=1e-5)]


def test_two_servers_hold_what_one_cannot():
    """Real threads and sleeps. The limit is 60 services long: only a queue that keeps growing gets there."""
    service_s = 0.004

    def run() -> None:
        time.sleep(service_s)

    shared = {"rate_per_s": 1.4 / service_s, "queries": 400, "seed": 1, "limit_ns": int(60e9 * service_s)}
    alone = load.offer([run], **shared, most_late=0)
    together = load.offer([run, run, run, run], **shared, most_late=0)
    assert (alone["late"], together["late"]) == (1, 0)
    assert len(alone["latency_ns"]) < len(together["latency_ns"]) == 400


def test_queries_go_to_whoever_is_free_each_once():
    served: list[int] = []

    def server(number: int):
        def run() -> None:
            time.sleep(0.002)
            served.append(number)

        return run

    found = load.offer([server(0), server(1), server(2)], 900, 120, 0, NO_LIMIT, 0)
    assert len(served) == len(found["latency_ns"]) == 120
    assert set(served) == {0, 1, 2}
    assert min(found["latency_ns"]) > 0


def test_what_fails_in_one_server_ends_the_probe_and_is_told():
    def broken() -> None:
        raise RuntimeError("no more")

    threads = threading.active_count()
    with pytest.raises(RuntimeError, match="no more"):
        load.offer([lambda: time.sleep(0.001), broken], 500, 10_000, 0, NO_LIMIT, 0)
    assert threading.active_count() == threads


def test_a_pause_begins_where_work_has_ended_and_times_what_follows():
    happened: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing.time, "sleep", lambda seconds: happened.append(f"sleep {seconds}"))
        found = timing.pause(lambda: happened.append("run"), 0.25, 3)
        assert happened == ["run", "run", "run", "sleep 0.25", "run"]
        assert len(found["samples_ns"]) == 1
        happened.clear()
        timing.pause(lambda: happened.append("run"), 0, 2)
        assert happened == ["run", "run", "run"]  # back to back


def test_a_cycle_takes_what_it_does_and_leaves_no_garbage():
    class Session:
        def __init__(self) -> None:
            self.own = self  # only the collector gets it

        def __del__(self) -> None:
            closed.append(time.perf_counter_ns())

    closed: list[int] = []

    def once() -> None:
        Session()
        time.sleep(0.01)

    found = cycles.cycle(once, give_back=True)
    assert found["cycle_ns"] == found["wall_ns"] >= 10 * MS
    assert len(closed) == 1
