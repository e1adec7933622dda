"""A worker never outlives its parent, however that dies and also while the worker is suspended."""

import json
import os
import signal
import subprocess
import sys

import pytest
from support.scripted import alive, all_gone, events, wait_until, workload
from support.wheelhouse import ROOT

PARENT = """
import json, sys, time
from pathlib import Path
from bench.process import Worker
folder, code, suspended, asked = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "True", json.loads(sys.argv[4])
worker = Worker(Path(sys.executable), code, folder / "worker.log")
worker.ask("import", adapter="scripted")
worker.ask("load", workload=asked)
if suspended:
    worker.suspend()
(folder / "ready").write_text(str(worker.process.pid))
if not suspended:
    worker.ask("first")  # hangs: the parent dies while it waits for an answer
time.sleep(600)
"""


@pytest.fixture
def parent(tmp_path, worker_code):
    """Start a parent with one worker; gives the parent's process and the worker's pid."""
    started = []

    def begin(suspended: bool):
        asked = workload(tmp_path / "cell", fault="hang", phase="first")
        arguments = [str(tmp_path), str(worker_code), str(suspended), json.dumps(asked.to_wire())]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        started.append(subprocess.Popen([sys.executable, "-c", PARENT, *arguments], env=environ))
        wait_until(lambda: (tmp_path / "ready").exists() and (tmp_path / "ready").read_text())
        if not suspended:
            wait_until(lambda: events(tmp_path / "cell" / "log", "fault"))
        return started[0], int((tmp_path / "ready").read_text())

    yield begin
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("suspended", [False, True])
def test_it_dies_with_a_parent_that_is_killed(parent, suspended):
    process, pid = parent(suspended)
    assert alive(pid)
    process.kill()
    assert all_gone([pid])


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_dies_with_a_parent_that_ends_on_a_signal(parent, number):
    process, pid = parent(suspended=True)
    process.send_signal(number)
    assert all_gone([pid])
