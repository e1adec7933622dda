"""Each kind of scenario on scripted workers: what its rows hold, what a planted leak or fault does to them."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.scripted import events, make_lane

from bench.analysis.latency import growth
from bench.catalog import Scenario, scenarios
from bench.contract.flags import Flag
from bench.contract.purpose import Purpose
from bench.runner.lane import Lane
from bench.runner.scenarios import DRIVES
from bench.runner.trial import CONTENDED_SHARE, REPEATS, Clock, Trial
from bench.store import to_frame
from bench.store.columns import COLUMNS
from bench.store.table import to_table
from bench.suite.protocol import LEAST_WINDOWS

MS = 1_000_000
JUDGED = 2 + REPEATS  # inferences after what is timed: two input sets verified, the first again


def kind(name: str, **settings: Any) -> Scenario:
    return replace(scenarios()[name], **settings)


def small(name: str) -> Scenario:
    """A scenario of each kind that takes little time."""
    settings: dict[str, dict[str, Any]] = {
        "server": {"limit_ms": 1000.0, "queries": 60, "percentile": 0.9, "within": 0.3},
        "cold_start": {"processes": 1},
        "churn": {"cycles": 8},
        "idle": {"pause_ms": 5.0, "pauses": 4},
    }
    return kind(name, **settings.get(name, {}))


@pytest.mark.parametrize("name", sorted(DRIVES))
def test_a_trial_of_any_kind_ends_verified_placed_and_in_columns(bench, tmp_path, name):
    lanes = [make_lane(tmp_path, each, scenario=small(name), latency_ms=0.5) for each in ("steady", "second")]
    bench.round(lanes)
    assert to_table(bench.rows).num_rows == 2
    for row in bench.rows:
        assert (row["status"], row["reason"], row["output_ok"], row["nodes_total"]) == ("ok", "", True, 2)
        assert row["scenario_kind"] == name
        assert row["peak_rss_bytes"] > 0
        assert set(row) <= set(COLUMNS)


def test_every_kind_of_the_catalog_can_be_driven():
    assert set(DRIVES) == set(scenarios())


@pytest.mark.parametrize(
    ("name", "phase"), [("throughput", "window"), ("server", "offer"), ("churn", "cycle"), ("idle", "pause")]
)
def test_a_crash_in_a_scenarios_own_phase_is_a_row_and_the_others_go_on(bench, tmp_path, name, phase):
    after = 0 if name == "churn" else 1  # a new session begins to count anew
    faulty = make_lane(tmp_path, "faulty", scenario=small(name), latency_ms=0.5, fault="exit", phase=phase, after=after)
    bench.round([make_lane(tmp_path, scenario=small(name), latency_ms=0.5), faulty])
    (steady,), (row,) = bench.of("steady"), bench.of("faulty")
    assert steady["status"] == "ok"
    assert (row["status"], row["reason"].partition(" during ")[2].partition(";")[0]) == ("crashed", f"`{phase}`")


# throughput


def most_at_once(runs: list[dict[str, Any]]) -> int:
    """How many of these inferences were under way at the same time, at most."""
    ends = sorted([(run["start"], 1) for run in runs] + [(run["end"], -1) for run in runs])
    return int(np.cumsum([step for _, step in ends]).max())


@pytest.mark.parametrize(("concurrency", "sessions"), [(1, 1), (4, 1), (2, 2), (4, 3)])
def test_as_many_requests_are_in_flight_on_as_many_sessions_as_declared(bench, tmp_path, concurrency, sessions):
    scenario = kind("throughput", concurrency=concurrency, sessions=sessions)
    bench.round([make_lane(tmp_path, scenario=scenario, latency_ms=2)])
    (row,) = bench.rows
    log = tmp_path / "steady" / "log"
    assert most_at_once(events(log, "run")) == concurrency
    assert len(events(log, "process")) == sessions  # one script a session
    assert len(row["window_ns"]) == len(row["window_completed"]) == LEAST_WINDOWS
    assert row.get("samples_ns") is None
    # Sleeping requests do not hinder each other: so many complete as are in flight.
    assert sum(row["window_completed"]) / sum(row["window_ns"]) * 2 * MS == pytest.approx(concurrency, rel=0.4)


def test_windows_take_turns_between_targets(bench, tmp_path):
    lanes = [make_lane(tmp_path, each, scenario=kind("throughput"), latency_ms=1) for each in ("steady", "second")]
    bench.round(lanes)
    spans = [(run["start"], each) for each in ("steady", "second") for run in windows_of(tmp_path, each, bench)]
    order = [each for _, each in sorted(spans)]
    turns = 1 + sum(a != b for a, b in pairwise(order))
    assert turns >= LEAST_WINDOWS + 1  # ABBA: neighbours of one target merge


def windows_of(folder: Path, name: str, bench: Any) -> list[dict[str, Any]]:
    (row,) = bench.of(name)
    return events(folder / name / "log", "run")[2 + len(row["warmup_ns"]) : -JUDGED]


def test_a_window_or_a_pause_longer_than_its_phases_limit_is_no_time_out(bench, tmp_path):
    idle = make_lane(tmp_path, scenario=kind("idle", pause_ms=600.0, pauses=3))
    bench.round([idle], pause=0.4)
    assert bench.rows[0]["status"] == "ok"
    hung = make_lane(tmp_path, "hung", scenario=small("idle"), fault="hang", phase="pause", after=5)
    bench.round([hung], pause=0.4)
    assert (bench.rows[1]["status"], "`pause`" in bench.rows[1]["reason"]) == ("timeout", True)


@pytest.mark.parametrize(
    ("shares", "flagged"), [([1.9, 1.9], []), ([1.9, 1.85], []), ([1.9, 1.7, 1.9], [1]), ([1.6, 1.9, 1.6], [2])]
)
def test_windows_are_contended_where_they_got_less_processor_than_in_the_cells_best_round(tmp_path, shares, flagged):
    """Requests in flight wait for each other, so waiting for a processor says nothing of others."""
    lane = make_lane(tmp_path)
    found = []
    for number, share in enumerate(shares):
        trial = Trial(lane, number, Purpose.PLANNED, Clock())
        trial.row["device"] = "CPU"
        trial.timed = [{"wall_ns": 200 * MS, "cpu_ns": round(200 * MS * share), "delay_ns": None}] * 6
        found.append(Flag.CONTENDED in trial.finish()["flags"])
    assert [number for number, raised in enumerate(found) if raised] == flagged
    assert CONTENDED_SHARE < 1 - 1.7 / 1.9


# churn


def churned(bench: Any, lane: Lane) -> float:
    bench.round([lane])
    assert bench.rows[-1]["status"] == "ok"
    return float(growth(to_frame(bench.rows[-1:])).estimate)


def test_a_planted_leak_is_reported_as_what_it_is_and_none_as_none(bench, tmp_path):
    scenario = kind("churn", cycles=24)
    leak = churned(bench, make_lane(tmp_path, "leaky", scenario=scenario, latency_ms=0.1, leak_kb=1024))
    none = churned(bench, make_lane(tmp_path, scenario=scenario, latency_ms=0.1))
    assert leak == pytest.approx(1 << 20, rel=0.1)
    assert abs(none) < 1 << 15


def test_each_cycle_is_a_session_opened_run_once_and_closed_and_then_one_is_opened_to_verify(bench, tmp_path):
    bench.round([make_lane(tmp_path, scenario=kind("churn", cycles=9), latency_ms=0.1)])
    (row,) = bench.rows
    for name in ("cycle_ns", "cycle_rss_bytes"):  # every other one: what goes before has to ask for its memory again
        assert [value is not None for value in row[name]] == [False, True] * 4 + [False]
        assert min(value for value in row[name] if value is not None) > 100_000
    log = tmp_path / "steady" / "log"
    assert len(events(log, "process")) == 1 + 9 + 1  # the timed one, the cycles, and the verified one
    assert len(events(log, "run")) == 1 + 9 + JUDGED
    assert row["output_ok"] is True
    assert row.get("warmup_ns") is None


def test_cycles_of_two_targets_take_turns(bench, tmp_path):
    names = ["steady", "second"]
    bench.round([make_lane(tmp_path, each, scenario=kind("churn", cycles=12), latency_ms=0.1) for each in names])
    at = [(run["start"], each) for each in names for run in events(tmp_path / each / "log", "run")[1:-JUDGED]]
    order = [each for _, each in sorted(at)]
    assert Counter(order) == {"steady": 12, "second": 12}
    changes = sum(a != b for a, b in pairwise(order))
    assert changes in (4, 5)  # four turns of 3 cycles each: ABBA, then ABBA or BAAB


# idle


def idle_rounds(bench: Any, folder: Path, pause_ms: float) -> dict[str, list[tuple[int, int]]]:
    """Take a round of two targets; returns the (begin, end) of each one's pauses, on the system's clock."""
    names, scenario = ["steady", "second"], kind("idle", pause_ms=pause_ms, pauses=6)
    bench.round([make_lane(folder, each, scenario=scenario, latency_ms=2) for each in names])
    found = {}
    for each in names:
        (row,) = bench.of(each)
        assert (len(row["samples_ns"]), row["sample_burst"], row["inferences_per_sample"]) == (6, list(range(6)), 1)
        runs = events(folder / each / "log", "run")[1 + len(row["warmup_ns"]) : -JUDGED]
        lead_in = len(runs) // 6 - 1
        assert lead_in >= 2
        found[each] = [
            (runs[i + lead_in - 1]["end"], runs[i + lead_in]["start"]) for i in range(0, len(runs), lead_in + 1)
        ]
    return found


def test_a_pause_is_as_long_as_declared_from_work_to_work_and_nobody_else_computes(bench, tmp_path):
    pauses = idle_rounds(bench, tmp_path, 60)
    for each, other in (("steady", "second"), ("second", "steady")):
        lengths = [(end - begin) / MS for begin, end in pauses[each]]
        assert min(lengths) >= 60
        assert np.median(lengths) < 90
        log = tmp_path / other / "log"
        busy = [run["start"] for run in events(log, "run")]
        assert not [at for at in busy for begin, end in pauses[each] if begin < at < end]


def test_a_pause_of_nothing_is_back_to_back(bench, tmp_path):
    for pauses in idle_rounds(bench, tmp_path, 0).values():
        assert np.median([end - begin for begin, end in pauses]) < 1 * MS  # a half of what an inference takes
