"""What the canary says of a machine, judged on duels whose effects are known, and where it is kept."""

import json
from dataclasses import asdict
from math import exp, log1p
from pathlib import Path

import numpy as np
import pytest
from support.rows import Row, make_failed, make_meta, make_row

from bench.errors import NothingMeasured
from bench.runner.metadata import last_selfcheck, selfcheck_file
from bench.runner.selfcheck import PLANTED, Selfcheck, judge
from bench.store import Run, to_frame

ROUNDS = 24
NOISE = np.random.default_rng(5).normal(0, 1, ROUNDS)
BLOCK = "canary/fp32/cpu/b1/t2/latency"
SIDE = {side: {"side": side, "target": f"cpu@{side}", "model": "canary", "block_id": BLOCK} for side in "ab"}


def duel(effects: list[float], **b: list) -> list[Row]:
    """Rounds of a canary of 2 ms whose side b is exp(effect) times as slow; `b` are columns of side b by round."""
    rows = []
    for number, effect in enumerate(effects):
        own = {name: values[number] for name, values in b.items()}
        rows.append(make_row(**SIDE["a"], round=number, latency_ns=2e6))
        rows.append(make_row(**SIDE["b"], round=number, latency_ns=2e6 * exp(effect), **own))
    return rows


def run_of(rows: list[Row]) -> Run:
    return Run(Path("canary.parquet"), make_meta(rows, machine={"machine_id": "m1", "name": "box"}), to_frame(rows))


def judged(noise: float, change: float = PLANTED, **b: list) -> Selfcheck:
    same = noise * (NOISE - np.median(NOISE))  # the median of all rounds is 0
    moved = same + log1p(change)
    return judge(run_of(duel(list(same), **b)), run_of(duel(list(moved))), np.random.default_rng(0))


def test_it_finds_the_planted_change_with_its_bounds():
    found = judged(noise=0.005)
    assert found.planted == PLANTED
    assert found.found == pytest.approx(PLANTED, abs=1e-4)
    assert 0 < found.found_low < PLANTED < found.found_high < 2 * PLANTED


def test_it_keeps_every_round_and_tells_how_they_spread():
    found = judged(noise=0.005)
    expected = 0.005 * (NOISE - np.median(NOISE))
    assert found.same == pytest.approx(expected, abs=1e-5)  # samples are whole nanoseconds
    assert found.slower == pytest.approx(expected + log1p(PLANTED), abs=1e-5)
    assert found.spread == pytest.approx(np.std(expected, ddof=1), rel=0.01)
    assert (found.threads, found.machine_id) == (2, "m1")
    assert found.latency_ns == pytest.approx(2e6, rel=0.01)


def test_on_a_quiet_machine_the_shortest_preset_with_a_verdict_is_enough():
    found = judged(noise=0.002)
    assert found.suits == "standard"
    assert list(found.presets) == ["standard", "precise", "precise, at most"]
    assert [each["rounds"] for each in found.presets.values()] == [6, 12, 20]
    assert found.presets["standard"]["confirmed"] >= 0.95
    assert found.presets["standard"]["alarms"] == 0
    assert all(change is not None and change <= PLANTED for change in found.smallest.values())


def test_on_a_machine_with_a_hiccup_now_and_then_it_takes_the_longer_preset():
    """One round of 24 is far off: of six rounds a fifth hold it, and it widens every interval that does."""
    same = [-0.1 if number == 7 else 0.001 * each for number, each in enumerate(NOISE)]
    slower = [effect + log1p(PLANTED) for effect in same]
    found = judge(run_of(duel(same)), run_of(duel(slower)), np.random.default_rng(0))
    assert found.suits == "precise"
    assert found.presets["standard"]["found"] == pytest.approx((23 / 24) ** 6, abs=0.05)


def test_on_a_machine_that_drowns_the_change_no_preset_suits():
    found = judged(noise=0.2)
    assert found.suits is None
    assert found.presets["standard"]["found"] < 0.5
    assert (found.smallest["standard"] or 1) > PLANTED


def test_a_canary_whose_twin_is_not_slower_suits_nothing():
    assert judged(noise=0.002, change=0.0).suits is None


def test_flags_are_shares_of_all_trials_those_of_the_seeded_inputs_apart():
    flags = [["contended", "synthetic_inputs"] if number < 12 else ["synthetic_inputs"] for number in range(ROUNDS)]
    assert judged(noise=0.002, flags=flags).flags == {"contended": 12 / (4 * ROUNDS)}


@pytest.mark.parametrize("side", ["a", "b"])
def test_a_canary_that_fails_says_why_and_where_to_look(side):
    reason = "it was ended by SIGSEGV (signal 11) during `load`"
    other = SIDE["b" if side == "a" else "a"]
    rows = [make_failed("crashed", reason, number, **SIDE[side]) for number in range(2)]
    rows += [make_row(**other, round=number) for number in range(2)]
    good = run_of(duel([0.0] * 6))
    for runs in ((good, run_of(rows)), (run_of(rows), good)):
        with pytest.raises(NothingMeasured, match=r"The canary could not be measured: \w") as caught:
            judge(*runs, np.random.default_rng(0))
        assert "SIGSEGV" in caught.value.message
        assert "`ortbench show canary.parquet`" in caught.value.hint


def test_a_canary_that_is_nowhere_in_its_run_is_told_too():
    alone = [make_row(**SIDE["a"], round=0)]
    with pytest.raises(NothingMeasured, match="it has no cell"):
        judge(run_of(alone), run_of(alone), np.random.default_rng(0))


# what later runs know of it


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The file of this machine's last selfcheck, in a cache that is empty."""
    monkeypatch.setenv("ORTBENCH_CACHE", str(tmp_path))
    file = selfcheck_file("m1")
    file.parent.mkdir(parents=True)
    return file


def test_the_last_one_is_known_without_its_rounds(kept):
    found = judged(noise=0.002)
    kept.write_text(json.dumps(asdict(found)), "utf-8")
    last = last_selfcheck("m1")
    assert last is not None
    assert {**last, "same": found.same, "slower": found.slower} == asdict(found)
    assert not {"same", "slower"} & last.keys()


def test_of_another_machine_nothing_is_known(kept):
    kept.write_text("{}", "utf-8")
    assert last_selfcheck("m2") is None


@pytest.mark.parametrize("content", [b"", b'{"at": "2026-', b"\xff\xfe\x00", b"[1, 2]", b"null"])
def test_a_damaged_file_is_as_good_as_none(kept, content):
    kept.write_bytes(content)
    assert last_selfcheck("m1") is None
