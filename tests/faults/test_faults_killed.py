"""A sweep that is killed: nothing of it stays behind, and `ortbench resume` finishes it without losing a trial."""

import psutil
import pytest
from support.scripted import alive, all_gone
from support.scripted_sweep import ended, kill

from bench.store import read_run

# The second process of `other` (that of round 1) hangs; those of a resumed run do not.
ROUNDS = 2
HANGS = {"fault": "hang", "fault_in": "1"}


def samples(rows) -> list[tuple]:
    """What identifies a finished trial: cell, round, and its very samples."""
    return [(row["target"], row["round"], tuple(row["samples_ns"])) for row in rows]


@pytest.mark.parametrize(
    ("whole_tree", "phase"),
    [(False, "burst"), (True, "burst"), (False, "verify")],
    ids=["the parent alone, others suspended", "the whole tree", "the parent alone, after bursts"],
)
def test_kill_9_loses_no_trial_and_leaves_no_process(sweep, whole_tree, phase):
    sweep.write(rounds=ROUNDS, other={**HANGS, "phase": phase}, third={})
    process = sweep.start()
    sweep.until_fault("other")
    workers = [pid for pid in sweep.workers() if alive(pid)]
    below = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    assert set(workers) <= set(below)
    kill([process.pid, *(below if whole_tree else [])])
    assert ended(process)[0] == -9
    assert all_gone(below)

    before = sweep.journalled()
    finished_rounds = [row for row in before if row["round"] == 0]
    assert len(finished_rounds) == 3
    assert {row["status"] for row in before} == {"ok"}

    code, said = sweep.resume()
    assert code == 0, said
    run = read_run(sweep.result())
    rows = run.trials.to_dict("records")
    assert set(samples(before)) <= set(samples(rows))
    paired = [row for row in rows if "unpaired" not in row["flags"]]
    cut_off = [row for row in rows if "unpaired" in row["flags"]]
    assert sorted((row["target"], row["round"]) for row in paired) == [
        (name, number) for name in ("other", "steady", "third") for number in range(ROUNDS)
    ]
    assert set(samples(cut_off)) == set(samples(row for row in before if row["round"] == 1))
    assert {row["status"] for row in rows} == {"ok"}
    assert list(sweep.out.iterdir()) == [sweep.result()]  # no journal, no lock, nothing half-written
