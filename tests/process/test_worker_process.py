"""A worker's life: what it answers, how each way of ending is told, and that nothing of it stays behind."""

import os
import signal
import sys
import threading
import time

import numpy as np
import psutil
import pytest
from support.scripted import PYTHON, alive, all_gone, cpu_s, events, loaded, tree_of, wait_until, workload

from bench.contract.status import Failure, Status
from bench.process import Worker

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
FOREVER_S, SOON_S = 600, 0.3


def fails(worker, op, **arguments) -> Failure:
    with pytest.raises(Failure) as caught:
        worker.ask(op, **arguments)
    return caught.value


def test_it_goes_through_its_phases(start, tmp_path):
    worker = loaded(start(), workload(tmp_path / "cell", latency_ms=0.1))
    assert len(worker.ask("burst", count=5, repeat=2)["samples_ns"]) == 5
    assert worker.ask("window", seconds=0.01, concurrency=2)["completed"] >= 2
    (tmp_path / "out").mkdir()
    files = worker.ask("verify", folder=str(tmp_path / "out"), state={})
    assert [np.load(each["x"]).shape for each in files] == [(2, 6)] * 2
    assert worker.ask("placement")["nodes"] == {"scripted": 2}
    assert worker.resident_bytes() > 1_000_000
    assert worker.peak_bytes() >= 0.9 * worker.resident_bytes()
    assert (worker.greeting["pid"], worker.spawn_ns > 0) == (worker.process.pid, True)


def test_a_segmentation_fault_names_signal_phase_and_last_words(start, tmp_path):
    worker = loaded(start(), workload(tmp_path / "cell", fault="segfault", phase="burst"))
    failure = fails(worker, "burst", count=3, repeat=1)
    assert failure.status == Status.CRASHED
    if sys.platform != "win32":
        assert "SIGSEGV" in failure.reason
    assert "during `burst`" in failure.reason
    assert failure.reason.endswith("it last wrote: about to segfault in burst")
    assert fails(worker, "burst", count=3, repeat=1) is failure  # a dead worker says again how it died


def test_an_exit_names_its_code(start, tmp_path):
    worker = start()
    worker.ask("import", adapter="scripted")
    failure = fails(worker, "load", workload=workload(tmp_path / "cell", fault="exit", phase="load", code=7).to_wire())
    assert (failure.status, "exit code 7 during `load`" in failure.reason) == (Status.CRASHED, True)


@posix
def test_a_kill_from_outside_is_a_crash_and_not_taken_for_memory(start, tmp_path):
    worker = loaded(start(), workload(tmp_path / "cell", fault="kill", phase="warm", after=2))
    failure = fails(worker, "warm", least=10, least_s=0, most_s=1, agree=0.1)
    assert (failure.status, "SIGKILL" in failure.reason) == (Status.CRASHED, True)


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        ("raise", Status.ERROR, "RuntimeError: the script says so"),
        ("memory", Status.OUT_OF_MEMORY, "MemoryError"),
        ("allocation", Status.OUT_OF_MEMORY, "Failed to allocate memory"),
        ("refuse", Status.UNSUPPORTED, "does not support"),
    ],
)
def test_what_a_runtime_says_travels_back_typed(start, tmp_path, fault, status, said):
    failure = fails(
        loaded(start(), workload(tmp_path / "cell", fault=fault, phase="burst")), "burst", count=3, repeat=1
    )
    assert (failure.status, said in failure.reason) == (status, True)


def test_a_worker_that_cannot_start_says_so(tmp_path, worker_code):
    empty = tmp_path / "empty"
    (empty / "bench").mkdir(parents=True)
    (empty / "bench" / "__init__.py").touch()  # an installed ortbench must not take its place
    with pytest.raises(Failure, match=r"exit code 1 during `start`.*No module named 'bench.worker'") as caught:
        Worker(PYTHON, empty, tmp_path / "log")
    assert caught.value.status == Status.CRASHED


def test_an_interpreter_that_is_gone_is_a_typed_failure(tmp_path, worker_code):
    with pytest.raises(Failure, match="could not be started") as caught:
        Worker(tmp_path / "no" / "python", worker_code, tmp_path / "log")
    assert caught.value.status == Status.ERROR


def test_an_unknown_request_or_adapter_is_an_error_of_that_request(start):
    assert "No module named" in fails(start(), "import", adapter="no_such_runtime").reason


def test_what_a_runtime_says_in_its_log_alone_is_part_of_the_reason(start, tmp_path):
    """As ONNX Runtime does of a device that is missing, or of a driver that is too old."""
    asked = workload(tmp_path / "cell", fault="mumble", phase="load").to_wire()
    worker = start()
    worker.ask("import", adapter="scripted")
    failure = fails(worker, "load", workload=asked)
    assert failure.status == Status.ERROR
    assert failure.reason.startswith("it did not start: ")
    assert failure.reason.endswith("[E:scripted] driver version is insufficient")  # without its colours


def test_noise_on_stdout_cannot_corrupt_the_protocol(start, tmp_path):
    worker = loaded(start(), workload(tmp_path / "cell", fault="noise", phase="burst", latency_ms=0.1, children=1))
    for count in (3, 7):
        assert len(worker.ask("burst", count=count, repeat=1)["samples_ns"]) == count
    assert b"EP Error" in worker.log.read_bytes()


@pytest.mark.parametrize("phase", ["load", "first", "warm", "burst", "window", "verify", "placement"])
def test_a_hang_in_any_phase_is_ended_at_its_limit(start, tmp_path, phase):
    limited = start(**{phase: SOON_S})
    asked = workload(tmp_path / "cell", fault="hang", phase=phase, latency_ms=0.1, children=1)
    requests = [
        ("import", {"adapter": "scripted"}),
        ("load", {"workload": asked.to_wire()}),
        ("first", {}),
        ("warm", {"least": 2, "least_s": 0, "most_s": 0.05, "agree": 1}),
        ("burst", {"count": 2, "repeat": 1}),
        ("window", {"seconds": 0.01, "concurrency": 2}),
        ("verify", {"folder": str(tmp_path), "state": {}}),
        ("placement", {}),
    ]
    below = []
    for op, arguments in requests:
        if op == phase:
            below = tree_of(limited.process.pid)
            failure = fails(limited, op, **arguments)
            break
        limited.ask(op, **arguments)
    assert failure.status == Status.TIMEOUT
    assert f"within 0.3 s of `{phase}`" in failure.reason
    assert all_gone(below)


@posix
def test_a_worker_that_somebody_else_stopped_is_ended_at_its_limit(start, tmp_path):
    worker = loaded(start(burst=SOON_S), workload(tmp_path / "cell", children=2))
    below = tree_of(worker.process.pid)
    os.kill(worker.process.pid, signal.SIGSTOP)
    assert fails(worker, "burst", count=3, repeat=1).status == Status.TIMEOUT
    assert len(below) == 3
    assert all_gone(below)


def test_a_suspended_worker_that_is_asked_is_ended_at_its_limit_with_its_children(start, tmp_path):
    worker = loaded(start(burst=SOON_S), workload(tmp_path / "cell", children=2))
    below = tree_of(worker.process.pid)
    worker.suspend()
    assert fails(worker, "burst", count=3, repeat=1).status == Status.TIMEOUT
    assert len(below) == 3
    assert all_gone(below)


@pytest.mark.parametrize("suspended", [False, True])
def test_ending_politely_takes_the_children_too(start, tmp_path, suspended):
    worker = loaded(start(), workload(tmp_path / "cell", children=2))
    below = tree_of(worker.process.pid)
    if suspended:
        worker.suspend()
    worker.end()
    assert len(below) == 3
    assert all_gone(below)


@posix
def test_a_crash_takes_the_children_too(start, tmp_path):
    worker = loaded(start(), workload(tmp_path / "cell", children=2, fault="segfault", phase="burst"))
    below = tree_of(worker.process.pid)
    fails(worker, "burst", count=3, repeat=1)
    assert all_gone(below)


@pytest.mark.parametrize("fault", ["segfault", "exit", "hang"])
def test_a_runtime_that_fails_while_it_is_closed_is_ended_all_the_same(start, tmp_path, fault):
    worker = loaded(start(close=SOON_S), workload(tmp_path / "cell", fault=fault, phase="close", children=1))
    below = tree_of(worker.process.pid)
    worker.end()
    assert all_gone(below)
    assert events(tmp_path / "cell" / "log", "fault")


def test_suspending_stops_the_processor_time_of_the_whole_tree(start, tmp_path):
    worker = loaded(start(), workload(tmp_path / "cell", spin=1, children=1))
    below = tree_of(worker.process.pid)
    wait_until(lambda: all(cpu_s([pid]) > 0.05 for pid in below))  # all of it works
    worker.suspend()
    wait_until(lambda: all(psutil.Process(pid).status() == psutil.STATUS_STOPPED for pid in below))
    before = cpu_s(below)
    time.sleep(0.3)
    assert cpu_s(below) == before
    worker.resume()
    wait_until(lambda: all(cpu_s([pid]) > 0.05 for pid in below) and cpu_s(below) > before + 0.1)
    assert len(worker.ask("burst", count=3, repeat=1)["samples_ns"]) == 3


@posix
@pytest.mark.parametrize("phase", ["load", "burst"])
def test_ctrl_c_while_waiting_leaves_no_process(start, tmp_path, phase):
    worker = start()
    asked = workload(tmp_path / "cell", fault="hang", phase=phase, children=1)
    worker.ask("import", adapter="scripted")
    below: list[int] = []

    def press() -> None:
        wait_until(lambda: events(tmp_path / "cell" / "log", "fault"))
        below.extend(tree_of(worker.process.pid))
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(KeyboardInterrupt), worker:
        worker.ask("load", workload=asked.to_wire())
        worker.ask("first")
        worker.ask("burst", count=3, repeat=1)
    assert below
    assert all_gone(below)


@posix
def test_ctrl_c_while_a_worker_starts_leaves_no_process(tmp_path, worker_code):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid.new && mv {tmp_path}/pid.new {tmp_path}/pid\nsleep 600\n")
    python.chmod(0o755)

    def press() -> None:
        wait_until((tmp_path / "pid").exists)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        Worker(python, worker_code, tmp_path / "log")
    assert not alive(int((tmp_path / "pid").read_text()))
