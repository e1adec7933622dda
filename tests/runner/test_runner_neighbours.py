"""Neighbours are seen by the processor time they take, also where they take it on another core."""

import subprocess
import sys
import time

import psutil
import pytest

from bench.runner import neighbours
from bench.runner.neighbours import LEAST_S, Neighbours

BUSY = "while True: pass"


@pytest.fixture
def busy():
    process = subprocess.Popen([sys.executable, "-c", BUSY])
    yield process
    process.kill()
    process.wait()


def test_a_busy_process_is_a_neighbour_unless_it_is_one_of_ours(busy):
    others, ours = Neighbours([]), Neighbours([busy.pid])
    time.sleep(2 * LEAST_S)
    spent = psutil.Process(busy.pid).cpu_times().user
    theirs, our_own = others.busy_share(), ours.busy_share()
    assert theirs is not None and our_own is not None
    assert theirs > our_own
    assert (theirs - our_own) * psutil.cpu_count() * 2 * LEAST_S > 0.5 * min(spent, LEAST_S)


def test_what_we_use_ourselves_is_nobody_elses(monkeypatch):
    now = {"clock": 0.0, "busy": 0.0, "own": 0.0}
    monkeypatch.setattr(neighbours, "perf_counter", lambda: now["clock"])
    monkeypatch.setattr(neighbours, "_busy_s", lambda: now["busy"])
    monkeypatch.setattr(Neighbours, "_own_s", lambda self: now["own"])
    monkeypatch.setattr(neighbours.os, "cpu_count", lambda: 2)
    watched = Neighbours([])
    now |= {"clock": 10.0, "busy": 14.0, "own": 10.0}
    assert watched.busy_share() == pytest.approx(0.2)
    now |= {"clock": LEAST_S / 2}
    assert watched.busy_share() is None


def test_a_worker_that_has_ended_leaves_it_unknown():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    time.sleep(LEAST_S)
    assert Neighbours([process.pid]).busy_share() is None
