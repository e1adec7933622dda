"""The highest rate that holds: the search on a simulated queue, and on scripted workers that sleep, stall and fail."""

import random
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scripted import make_lane

from bench.analysis.load import most_late
from bench.catalog import Scenario, scenarios
from bench.contract.purpose import Purpose
from bench.runner.scenarios import server
from bench.runner.trial import Clock, Trial
from bench.worker import load

MS = 1_000_000


def kind(name: str, **settings: Any) -> Scenario:
    return replace(scenarios()[name], **settings)


@given(capacity=st.floats(0.14, 1.04), closed=st.floats(0.1, 10_000), within=st.sampled_from([0.005, 0.03, 0.1, 0.5]))
def test_bisection_ends_around_the_highest_rate_that_holds(capacity, closed, within):
    search, true = server.Search(closed, None, closed * server.ABOVE), capacity * closed
    while (rate := search.next(within)) is not None:
        search.note(rate, held=rate <= true)
    assert search.low is not None
    assert search.low <= true < search.high <= search.low * (1 + within) * 1.000001
    assert search.probes <= server.MOST_PROBES


@given(capacity=st.floats(0, 0.124), closed=st.floats(0.1, 10_000))
def test_a_target_that_holds_no_eighth_of_its_closed_loop_is_given_up_at_once(capacity, closed):
    search = server.Search(closed, None, closed * server.ABOVE)
    tried = []
    while (rate := search.next(0.03)) is not None:
        tried.append(rate)
        search.note(rate, held=rate <= capacity * closed)
    assert search.low is None
    assert closed * server.LOWEST <= min(tried) <= closed * server.LOWEST * 1.001
    assert len(tried) <= 4


class Queue:
    """One server of constant service, simulated: queries wait in line as Lindley's recursion says, no clock runs."""

    def __init__(self, service_ms: float, limit_ms: float) -> None:
        self.service, self.limit = service_ms / 1e3, limit_ms / 1e3

    def late(self, moments: np.ndarray) -> int:
        begun = np.maximum.accumulate(moments - self.service * np.arange(moments.size))
        return int(np.sum(begun + self.service * np.arange(1, moments.size + 1) - moments > self.limit))


def found_rate(queue: Queue, queries: int, percentile: float, moments: Any) -> float:
    """The rate a search ends at where each probe is that queue, offered `moments(rate)`."""
    search = server.Search(1 / queue.service, None, server.ABOVE / queue.service)
    while (rate := search.next(0.03)) is not None:
        search.note(rate, queue.late(moments(rate)) <= most_late(queries, percentile))
    assert search.low is not None
    return search.low


def poisson(rng: np.random.Generator, queries: int, rate: float) -> np.ndarray:
    return np.cumsum(rng.exponential(1 / rate, queries))


def test_the_rate_of_a_constant_server_is_what_an_independent_simulation_finds():
    """M/D/1, 5 ms, p99 within 15 ms: the worker's arrivals against free exponential gaps, and against the truth."""
    queue, queries = Queue(5, 15), 1500
    rng, seeds = np.random.default_rng(11), iter(range(1000))

    def own(rate: float) -> np.ndarray:
        return np.array(load.arrivals(rate, queries, next(seeds))) / 1e9

    rates = [found_rate(queue, queries, 0.99, own) for _ in range(25)]
    simulated = [found_rate(queue, queries, 0.99, partial(poisson, rng, queries)) for _ in range(25)]
    assert np.median(rates) == pytest.approx(np.median(simulated), rel=0.03)
    # The truth, from a million queries at each rate: a probe has to be sure, so it says somewhat less.
    grid = np.linspace(60, 150, 46)
    shares = [queue.late(poisson(rng, 1_000_000, rate)) / 1e6 for rate in grid]
    true = float(np.interp(0.01, shares, grid))
    assert 0.7 * true <= np.median(rates) <= true
    assert np.mean(np.array(rates) <= true) >= 0.95


def test_a_scripted_server_sustains_what_a_simulated_one_does(bench, tmp_path):
    """Real processes and sleeps, measured in what an inference of the same worker takes, never in seconds.

    Whatever else the machine does can only make queries late: no round may find more than the simulation does, and the
    best of a few finds as much.
    """
    services, percentile, queries = 6.0, 0.9, 250
    best, rng = 0.0, np.random.default_rng(2)
    for number in range(4):
        scenario = kind("server", percentile=percentile, queries=queries, limit_ms=4.1 * services, within=0.1)
        bench.round([make_lane(tmp_path, scenario=scenario, latency_ms=4)], number)
        row = bench.rows[number]
        if row["status"] != "ok":
            continue
        held = [late <= most_late(queries, percentile) for late in row["probe_late"]]
        assert row["rate_per_s"] == max(rate for rate, ok in zip(row["probe_rate_per_s"], held, strict=True) if ok)
        assert [latency is not None for latency in row["probe_latency_ns"]] == held
        assert max(latency for latency in row["probe_latency_ns"] if latency) <= scenario.limit_ms * MS
        assert {count for count, ok in zip(row["probe_queries"], held, strict=True) if ok} == {queries}
        queue = Queue(4.1, scenario.limit_ms)
        rates = [found_rate(queue, queries, percentile, partial(poisson, rng, queries)) for _ in range(100)]
        assert row["rate_per_s"] <= 1.1 * max(rates)
        best = max(best, row["rate_per_s"] / float(np.median(rates)))
        if best >= 0.9:
            return
    assert best >= 0.9


def probed(tmp_path: Path, *delays: float | None, concurrency: int = 1) -> list[float]:
    """The rates that are tried where every probe fails, having waited for a processor for these shares of its time."""
    trial = Trial(make_lane(tmp_path), 0, Purpose.PLANNED, Clock())
    shares = iter(delays)

    def ask(op: str, **asked: Any) -> dict[str, Any]:
        share = next(shares)
        delay = None if share is None else int(share * 100 * MS)
        return {"latency_ns": [1], "late": 99, "wall_ns": 100 * MS, "cpu_ns": 0, "delay_ns": delay}

    trial.ask = ask  # type: ignore[method-assign]
    search = server.Search(100, None, 105)
    how = SimpleNamespace(scenario=kind("server", limit_ms=1.0, concurrency=concurrency), rng=random.Random(0))
    for _ in delays:
        server._probe(trial, search, search.next(0.03) or 0, how)  # type: ignore[arg-type]
    return list(trial.row["probe_rate_per_s"])


def test_a_rate_that_failed_while_others_took_the_processor_is_offered_again(tmp_path):
    assert probed(tmp_path, 0.3, 0.3, 0.01, 0.01) == [50, 50, 50, 25]
    assert probed(tmp_path, None, 0.0) == [50, 25]  # where nothing tells
    assert probed(tmp_path, 0.3, 0.3, concurrency=2) == [50, 25]  # requests wait for each other
    assert Counter(probed(tmp_path, *[0.9] * (server.AGAIN + 2))) == {50: server.AGAIN + 1, 25: 1}


def test_a_stall_under_load_makes_the_queries_behind_it_late(bench, tmp_path):
    settings = {"percentile": 0.9, "queries": 200, "limit_ms": 100.0, "within": 0.5}
    calm = make_lane(tmp_path, scenario=kind("server", **settings), latency_ms=4)
    stalled = make_lane(tmp_path, "stalled", scenario=kind("server", **settings), latency_ms=4, stall_ms=600)
    bench.round([calm, stalled])
    first = {name: bench.of(name)[0]["probe_late"][0] for name in ("steady", "stalled")}
    assert first["stalled"] > most_late(200, 0.9) > first["steady"]  # one inference stalled, many queries are late


def test_a_limit_that_no_rate_keeps_ends_the_cell_with_the_reason_and_twice_is_enough(bench, tmp_path):
    lane = make_lane(tmp_path, scenario=kind("server", limit_ms=0.5, queries=600), latency_ms=2)
    for number in range(2):
        bench.round([lane], number)
    assert {row["status"] for row in bench.rows} == {"unsupported"}
    assert all(row["reason"].startswith("no rate that was tried keeps p99 within 0.5 ms; ") for row in bench.rows)
    assert all(row["probe_rate_per_s"] and row.get("rate_per_s") is None for row in bench.rows)
    assert lane.dropped


def test_too_few_queries_for_the_percentile_are_refused_before_anything_is_offered(bench, tmp_path):
    bench.round([make_lane(tmp_path, scenario=kind("server", limit_ms=10.0, queries=400))])
    (row,) = bench.rows
    assert row["status"] == "unsupported"
    assert "400 queries" in row["reason"] and "at least 459" in row["reason"]
    assert row.get("probe_rate_per_s") is None
