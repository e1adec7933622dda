"""The second batch of a duel: whether it is taken, how large it is, and that going on later decides alike."""

import pytest
from support.rows import make_row
from support.scripted import make_lane

from bench.runner.events import RoundStarted
from bench.runner.lane import Lane
from bench.runner.rounds import Rounds

FULL = {"bursts": 6, "burst_ms": 4, "windows": 0}  # rounds that are over soon
BATCH = 6  # the fewest rounds that carry a verdict


def pair(tmp_path, **b) -> list[Lane]:
    """Both sides of a duel; `b` is what side b's script says, beside the 2 ms that both take."""
    lanes = [make_lane(tmp_path, "a", latency_ms=2), make_lane(tmp_path, "b", **{"latency_ms": 2, **b})]
    for lane in lanes:
        lane.columns["side"] = lane.cell.target
    return lanes


@pytest.fixture
def rounds(monkeypatch):
    """Rounds in which nothing is started: side b takes `rounds.slower(number)` times what side a takes."""

    class Told:
        taken: list[tuple[int, str]]
        slower = staticmethod(lambda number: 1.0)

    told = Told()
    told.taken = []

    def run(self, lanes, number, purpose, keep):
        told.taken.append((number, purpose))
        for lane in lanes:
            factor = told.slower(number) if lane.cell.target == "b" else 1.0
            told_of = {"round": number, "purpose": purpose, "threads_effective": 1}
            row = make_row(**lane.columns, **told_of, latency_ns=factor * 1e6)
            lane.note(row)
            keep(row)
        return []

    monkeypatch.setattr(Rounds, "run", run)
    return told


def purposes(taken) -> list[str]:
    assert [number for number, _ in taken] == list(range(len(taken)))
    return [purpose for _, purpose in taken]


def test_a_slower_side_b_is_measured_once_more(bench, tmp_path):
    """Real processes, of which one sleeps twice as long."""
    bench.measure(pair(tmp_path, latency_ms=4), rounds=BATCH, confirm=True, **FULL)
    for side in ("a", "b"):
        taken = [(row["round"], row["purpose"]) for row in bench.of(side)]
        assert purposes(taken) == ["planned"] * BATCH + ["confirm"] * BATCH
    wanted = [event.rounds for event in bench.events if isinstance(event, RoundStarted)]
    assert wanted == [BATCH] * BATCH + [2 * BATCH] * BATCH


@pytest.mark.parametrize("batch", [6, 8])
def test_the_second_batch_is_as_large_as_the_first_and_the_last(bench, tmp_path, rounds, batch):
    rounds.slower = lambda number: 1.03
    bench.measure(pair(tmp_path), rounds=batch, confirm=True, **FULL)
    assert purposes(rounds.taken) == ["planned"] * batch + ["confirm"] * batch


def test_the_second_batch_is_whole_whatever_it_says(bench, tmp_path, rounds):
    rounds.slower = lambda number: 1.03 if number < BATCH else 1.0
    bench.measure(pair(tmp_path), rounds=BATCH, confirm=True, **FULL)
    assert purposes(rounds.taken) == ["planned"] * BATCH + ["confirm"] * BATCH


@pytest.mark.parametrize(
    ("factor", "protocol"),
    [
        pytest.param(1.0, {}, id="alike"),
        pytest.param(0.9, {}, id="faster"),
        pytest.param(1.03, {"threshold": 0.05}, id="below the threshold"),
        pytest.param(1.5, {"confirm": False}, id="a suite that says no"),
        pytest.param(1.5, {"rounds": 5}, id="too few rounds for a verdict"),
    ],
)
def test_what_does_not_read_as_slower_is_measured_once(bench, tmp_path, rounds, factor, protocol):
    rounds.slower = lambda number: factor
    asked = {"rounds": BATCH, "confirm": True, **protocol}
    bench.measure(pair(tmp_path), **asked, **FULL)
    assert purposes(rounds.taken) == ["planned"] * asked["rounds"]


def test_the_threshold_of_the_suite_decides_what_is_slower(bench, tmp_path, rounds):
    rounds.slower = lambda number: 1.03
    bench.measure(pair(tmp_path), rounds=BATCH, confirm=True, threshold=0.02, **FULL)
    assert len(rounds.taken) == 2 * BATCH


def test_a_sweep_has_no_second_batch(bench, tmp_path, rounds):
    rounds.slower = lambda number: 1.5
    bench.measure([make_lane(tmp_path), make_lane(tmp_path, "b")], rounds=BATCH, confirm=True, **FULL)
    assert purposes(rounds.taken) == ["planned"] * BATCH


def test_a_round_that_answers_a_slow_process_is_no_part_of_the_plan_but_of_the_batch(bench, tmp_path, rounds, moods):
    rounds.slower = lambda number: 1.5 if number == 2 else 1.03
    bench.measure(pair(tmp_path), rounds=BATCH, confirm=True, **FULL)
    first = ["planned"] * BATCH + ["retry"]
    assert purposes(rounds.taken) == first + ["confirm"] * len(first)


def test_a_second_batch_is_not_extended(bench, tmp_path, rounds, moods):
    rounds.slower = lambda number: 1.5 if number == 8 else 1.03
    bench.measure(pair(tmp_path), rounds=BATCH, confirm=True, **FULL)
    assert purposes(rounds.taken) == ["planned"] * BATCH + ["confirm"] * BATCH


def test_precise_is_as_wide_as_it_gets_before_it_is_confirmed(bench, tmp_path, rounds):
    rounds.slower = lambda number: 1.05 + 0.02 * (number % 2)
    precise = {"rounds": BATCH, "max_rounds": 9, "half_width": 0.001}
    bench.measure(pair(tmp_path), confirm=True, **precise, **FULL)
    assert purposes(rounds.taken) == ["planned"] * 9 + ["confirm"] * 9


@pytest.mark.parametrize("cut", range(0, 4 * BATCH, 3))
@pytest.mark.parametrize("first", [1.03, 1.0], ids=["slower", "alike"])
def test_going_on_after_any_trial_takes_what_is_missing_and_decides_alike(bench, tmp_path, rounds, first, cut):
    """The second batch says the contrary of the first: only the first decides whether there is one."""
    rounds.slower = lambda number: first if number < BATCH else 2.03 - first
    bench.measure(pair(tmp_path), rounds=BATCH, confirm=True, **FULL)
    whole, finished = list(rounds.taken), bench.rows[:cut]
    rounds.taken, bench.rows[:] = [], []
    bench.measure(pair(tmp_path), finished, rounds=BATCH, confirm=True, **FULL)
    assert rounds.taken == whole[len(finished) // 2 :]  # a round that was cut off is taken again whole


def test_a_side_that_has_left_is_not_confirmed(bench, tmp_path, rounds):
    """Side b fails alike twice: what is left of the pair is measured, and nothing reads as slower."""
    lanes = pair(tmp_path)
    for _ in range(2):
        lanes[1].note({"status": "crashed", "reason": "it was ended by SIGSEGV"})
    bench.measure(lanes, rounds=BATCH, confirm=True, **FULL)
    assert purposes(rounds.taken) == ["planned"] * BATCH
    assert bench.of("b") == []
