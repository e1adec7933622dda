"""Ctrl-C and SIGTERM: a sentence with the next step, exit code 130, and nothing left behind."""

import json
import signal
import sys

import psutil
import pytest
from support.scripted import alive, all_gone, events, wait_until
from support.scripted_sweep import ended

from bench.store import read_run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_measuring_it_keeps_what_is_finished_and_names_resume(sweep, number):
    sweep.write(rounds=2, other={"fault": "hang", "phase": "burst", "fault_in": "1"})
    process = sweep.start()
    sweep.until_fault("other")
    below = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    process.send_signal(number)
    code, said = ended(process)
    assert code == 130
    journal = sweep.journal().relative_to(sweep.folder)
    assert f"Interrupted. Finished trials are kept. Go on with `ortbench resume {journal}`" in said
    assert "Traceback" not in said
    assert len(below) == 2
    assert not any(map(alive, below))
    assert sweep.leftovers() in ([], [f"{sweep.journal()}.lock"])
    before = sweep.journalled()
    assert [(row["round"], row["status"]) for row in before] == [(0, "ok"), (0, "ok")]


def test_while_preparing_it_says_that_nothing_was_measured(sweep):
    sweep.write()
    log = sweep.folder / "import.log"
    script = {"fault": "hang", "phase": "import", "log": str(log)}
    sweep.environ["ORTBENCH_SCRIPT"] = json.dumps(script)
    process = sweep.start()
    (fault,) = wait_until(lambda: events(log, "fault"))
    process.send_signal(signal.SIGINT)
    code, said = ended(process)
    assert code == 130
    assert "Interrupted. Nothing was measured yet." in said
    assert "Traceback" not in said
    assert not alive(fault["pid"])
    assert list(sweep.out.iterdir()) == []
    assert sweep.leftovers() == []


def test_a_resumed_run_can_be_interrupted_too(sweep):
    sweep.write(rounds=3, other={"fault": "hang", "phase": "burst", "fault_in": "1,2"})
    for _ in range(2):  # once in the first process, once in the second
        already = len(events(sweep.folder / "other.log", "fault"))
        process = sweep.start(*(["resume", str(sweep.journal()), "--no-report"] if already else []))
        wait_until(lambda: len(events(sweep.folder / "other.log", "fault")) > already)  # noqa: B023
        process.send_signal(signal.SIGINT)
        code, said = ended(process)
        assert (code, "ortbench resume" in said) == (130, True)
    code, said = sweep.resume()
    assert code == 0, said
    rows = read_run(sweep.result()).trials
    whole = rows[~rows["flags"].map(lambda flags: "unpaired" in flags)]
    assert len(whole) == 6
    assert all_gone(sweep.workers())
    assert list(sweep.out.iterdir()) == [sweep.result()]
