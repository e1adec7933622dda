"""All rounds of a group: which cells leave, which rounds are added or repeated, and when it is enough."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from support.scripted import make_lane

from bench.catalog import scenarios
from bench.runner.events import CellDone, RoundEnded, RoundStarted
from bench.runner.lane import Lane
from bench.runner.sweep import _with_unpaired

CRASH = {"status": "crashed", "reason": "it was ended by SIGSEGV (signal 11) during `burst`; it last wrote: a"}
FULL = {"bursts": 6, "burst_ms": 2, "windows": 0}  # rounds that are over soon


def lane_with(tmp_path, *rows) -> Lane:
    lane = make_lane(tmp_path)
    for row in rows:
        lane.note(row)
    return lane


def test_a_time_out_leaves_the_remaining_rounds_at_once(tmp_path):
    assert lane_with(tmp_path, {"status": "timeout", "reason": "no answer"}).dropped


def test_one_crash_is_forgiven_and_the_same_again_is_not(tmp_path):
    assert not lane_with(tmp_path, CRASH).dropped
    other_words = CRASH | {"reason": CRASH["reason"] + "nother word"}
    assert lane_with(tmp_path, CRASH, other_words).dropped  # what it wrote last may differ


def test_failing_twice_in_different_ways_is_not_failing_alike(tmp_path):
    elsewhere = CRASH | {"reason": CRASH["reason"].replace("burst", "load")}
    error = {"status": "error", "reason": CRASH["reason"]}
    assert not lane_with(tmp_path, CRASH, elsewhere, error).dropped
    assert lane_with(tmp_path, CRASH, elsewhere, error, elsewhere).dropped


def test_every_cell_takes_part_in_every_round(bench, tmp_path):
    bench.measure([make_lane(tmp_path), make_lane(tmp_path, "second")], rounds=3, **FULL)
    assert [row["round"] for row in bench.of("steady")] == [row["round"] for row in bench.of("second")] == [0, 1, 2]


def test_a_cell_that_fails_twice_alike_leaves_and_the_others_go_on(bench, tmp_path):
    faulty = make_lane(tmp_path, "faulty", fault="segfault", phase="load")
    bench.measure([make_lane(tmp_path), faulty], rounds=4, **FULL)
    assert [row["round"] for row in bench.of("faulty")] == [0, 1]
    assert [row["round"] for row in bench.of("steady")] == [0, 1, 2, 3]
    done = {event.cell: event for event in bench.events if isinstance(event, CellDone)}
    assert (done[faulty.cell.id].status, done[faulty.cell.id].trials) == ("crashed", 0)


def test_a_cell_that_fails_once_is_measured_on(bench, tmp_path):
    shaky = make_lane(tmp_path, "shaky", fault="exit", phase="first", fault_in="1")
    bench.measure([make_lane(tmp_path), shaky], rounds=3, **FULL)
    assert [row["status"] for row in bench.of("shaky")] == ["ok", "crashed", "ok"]


def test_a_time_out_costs_one_round(bench, tmp_path):
    hung = make_lane(tmp_path, "hung", fault="hang", phase="burst")
    bench.measure([make_lane(tmp_path), hung], rounds=3, burst_s=0.3, **FULL)
    assert [row["status"] for row in bench.of("hung")] == ["timeout"]
    assert len(bench.of("steady")) == 3


def test_where_every_cell_has_left_no_round_is_started(bench, tmp_path):
    bench.measure([make_lane(tmp_path, fault="exit", phase="load")], rounds=6, **FULL)
    assert len(bench.rows) == 2
    assert sum(isinstance(event, RoundStarted) for event in bench.events) == 2


def test_a_slow_process_is_answered_by_one_extra_round_of_the_whole_group(bench, tmp_path, moods):
    moody = make_lane(tmp_path, "moody", latency_ms=2, slow=3, slow_in="0,1,3")
    bench.measure([make_lane(tmp_path, latency_ms=2), moody], rounds=3, **FULL)
    assert [row["round"] for row in bench.of("moody")] == [row["round"] for row in bench.of("steady")] == [0, 1, 2, 3]
    assert [row["purpose"] for row in bench.of("steady")] == ["planned", "planned", "planned", "retry"]


def trial(name: str, number: int, latency_ns: int = 1000, **columns) -> dict:
    """A finished trial as a journal would give it back."""
    lane = {"block_id": "tiny/b2/t1/latency", "group": 0, "cell_id": f"tiny/fp32/{name}/b2/t1/latency", "target": name}
    took = {"samples_ns": [latency_ns] * 8, "sample_burst": [0] * 8, "inferences_per_sample": 1}
    return {**lane, **took, "round": number, "purpose": "planned", "status": "ok", "reason": "", "flags": [], **columns}


def finish(bench, tmp_path, finished, **protocol) -> list[tuple[str, int]]:
    """Go on from `finished`; returns (target, round) of every new trial."""
    bench.measure([make_lane(tmp_path), make_lane(tmp_path, "second")], finished, **FULL, **protocol)
    return sorted((row["target"], row["round"]) for row in bench.rows)


def both(number: int, **columns) -> list[dict]:
    return [trial("steady", number, **columns), trial("second", number, **columns)]


def test_whole_rounds_of_an_earlier_process_are_not_taken_again(bench, tmp_path):
    assert finish(bench, tmp_path, [*both(0), *both(1)], rounds=2) == []
    assert [event.share for event in bench.events if isinstance(event, RoundEnded)] == [0.5, 1.0]
    assert sum(isinstance(event, CellDone) for event in bench.events) == 2


def test_a_round_that_was_cut_off_is_repeated_whole_and_its_first_trials_are_unpaired(bench, tmp_path):
    finished = [*both(0), trial("second", 1)]
    assert finish(bench, tmp_path, finished, rounds=2) == [("second", 1), ("steady", 1)]
    rows = _with_unpaired([*finished, *bench.rows])
    flagged = [(row["target"], row["round"]) for row in rows if "unpaired" in row["flags"]]
    assert flagged == [("second", 1)]
    assert "unpaired" in rows[2]["flags"]  # the old one, not the new


def test_what_the_journal_says_of_a_cell_counts_when_going_on(bench, tmp_path):
    late = trial("second", 0, status="timeout", reason="no answer")
    assert finish(bench, tmp_path, [trial("steady", 0), late], rounds=2) == [("steady", 1)]


def test_a_journal_may_hold_cells_that_now_cannot_be_started(bench, tmp_path):
    finished = [*both(0), *both(1)]
    bench.measure([make_lane(tmp_path)], finished, rounds=2, **FULL)
    assert bench.rows == []


def test_an_extra_round_answers_whatever_a_scenario_measures(bench, tmp_path, moods):
    """Rates that differ by a fifth are of two moods as latencies are; what a server samples besides says nothing."""
    under_load = {"scenario_kind": "server", "samples_ns": None}
    finished = [row for number in range(2) for row in both(number, **under_load, rate_per_s=100.0)]
    finished += [trial("steady", 2, **under_load, rate_per_s=80.0), trial("second", 2, **under_load, rate_per_s=100.0)]
    assert finish(bench, tmp_path, finished, rounds=3) == [("second", 3), ("steady", 3)]


def test_a_finished_cell_tells_its_kind_and_what_that_costs(bench, tmp_path):
    churn = replace(scenarios()["churn"], cycles=8)
    bench.measure([make_lane(tmp_path, scenario=churn)], rounds=1, **FULL)
    [done] = [event for event in bench.events if isinstance(event, CellDone)]
    assert (done.kind, done.batch, done.status) == ("churn", 2, "ok")
    assert done.cost_ns and done.growth_bytes is not None


def test_an_extra_round_is_decided_by_the_rounds_before_it(bench, tmp_path, moods):
    """A run that was cut off inside its extra round goes on with it, whatever that round's trials say."""
    finished = [row for number in range(4) for row in both(number)]
    for row, latency_ns in zip(finished[::2], (1000, 1000, 1020, 1115), strict=True):
        row["samples_ns"] = [latency_ns] * 8  # the last is 10% off the median of these four, not of them and the fifth
    assert finish(bench, tmp_path, [*finished, trial("steady", 4, 1050)], rounds=4) == [("second", 4), ("steady", 4)]


@pytest.fixture
def widths(monkeypatch):
    """Let the interval's half-width after each round be what the test says; returns those that were asked for."""

    def after(*found):
        asked = []

        def widest(frame, meta, block) -> float | None:
            asked.append((len(frame), meta["baseline"], block))
            return found[min(len(asked), len(found)) - 1]

        monkeypatch.setattr("bench.analysis.widest_half_width", widest)
        return asked

    return after


def precise(rounds: int, most: int) -> dict:
    return {"rounds": rounds, "max_rounds": most, "half_width": 0.005, **FULL}


def test_precise_stops_once_every_interval_is_narrow(bench, tmp_path, widths):
    asked = widths(None, 0.02, 0.006, 0.005, 0.001)
    bench.measure([make_lane(tmp_path)], **precise(2, 20))
    assert len(bench.rows) == 5
    assert asked == [(rounds, "steady", "tiny/b2/t1/latency") for rounds in (2, 3, 4, 5)]


def test_precise_stops_at_the_cap_however_wide_it_is(bench, tmp_path, widths):
    widths(0.5)
    bench.measure([make_lane(tmp_path)], **precise(2, 4))
    assert len(bench.rows) == 4


def test_the_other_presets_never_ask_for_more(bench, tmp_path, widths):
    asked = widths(0.5)
    bench.measure([make_lane(tmp_path)], rounds=2, max_rounds=2, **FULL)
    assert (asked, len(bench.rows)) == ([], 2)


def test_lanes_that_memory_has_no_room_for_get_a_group_with_the_baseline(bench, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.runner.rounds.psutil.virtual_memory", lambda: SimpleNamespace(total=1))
    names = ("steady", "b", "c", "d", "e")
    bench.measure([make_lane(tmp_path, name) for name in names], rounds=2, **FULL)
    for name in names[1:]:
        rows = bench.of(name)
        assert sorted(row["round"] for row in rows) == [0, 1]
        (group,) = {row["group"] for row in rows}
        beside = [row for row in bench.of("steady") if row["group"] == group]
        assert [row["round"] for row in beside] == [0, 1]
    groups = {row["group"] for row in bench.rows}
    assert groups == set(range(len(groups)))
    assert len(groups) > 1
    done = [event for event in bench.events if isinstance(event, CellDone)]
    assert [event.number for event in done] == [1, 2, 3, 4, 5]
    assert {event.total for event in done} == {5}


def test_going_on_remembers_which_lanes_were_put_off(bench, tmp_path, monkeypatch):
    """Round 0 of the first group was whole without them: it is not taken again."""
    monkeypatch.setattr("bench.runner.rounds.psutil.virtual_memory", lambda: SimpleNamespace(total=1))
    lanes = [make_lane(tmp_path, name) for name in ("steady", "b", "c")]
    bench.measure(lanes, rounds=2, **FULL)
    finished, bench.rows[:] = list(bench.rows), []
    bench.measure([make_lane(tmp_path, name) for name in ("steady", "b", "c")], finished, rounds=2, **FULL)
    assert bench.rows == []
