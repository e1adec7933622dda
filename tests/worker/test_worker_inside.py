"""What a worker does with its pipes and its requests, seen from inside one that is not isolated."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from support.scripted import INPUTS, workload
from support.wheelhouse import ROOT

from bench.contract.wire import read_message, write_message
from bench.worker.memory import high_water_bytes
from bench.worker.serve import serve
from bench.worker.trial import Trial

NOISY = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from bench.worker.pipes import protocol_pipes
requests, replies = protocol_pipes()
print("python's own", flush=True)
os.write(1, b"a runtime's\\n")
os.system("echo from a child")
assert sys.stdin.read() == ""
replies.write(b"answer to " + requests.readline())
"""


def test_only_replies_reach_the_protocols_pipe_and_only_it_reads_requests():
    ended = subprocess.run([sys.executable, "-c", NOISY], input=b"a request\n", capture_output=True, timeout=60)
    assert ended.stdout == b"answer to a request\n"
    assert ended.stderr.split(b"\n")[:3] == [b"python's own", b"a runtime's", b"from a child"]


def answers(*requests: dict) -> list[dict]:
    """Serve these requests in this process; returns the replies behind the greeting."""
    sent, got = io.BytesIO(), io.BytesIO()
    for request in requests:
        write_message(sent, request)
    sent.seek(0)
    serve(sent, got)
    got.seek(0)
    replies = [json.loads(line) for line in got.read().splitlines()]
    assert replies[0]["ok"]["protocol"] == 1
    return replies[1:]


def test_an_error_answers_its_request_and_the_next_one_is_served(capfd):
    replies = answers({"op": "import", "adapter": "nothing"}, {"op": "dance"}, {"op": "memory"})
    assert [reply.get("failed") for reply in replies] == ["error", "error", None]
    assert "knows no request `dance`" in replies[1]["reason"]
    assert "Traceback" in capfd.readouterr().err  # for the log; the reply is one line


def test_serving_ends_with_close_or_with_the_pipe():
    assert len(answers({"op": "close"}, {"op": "memory"})) == 1
    assert answers() == []
    assert read_message(io.BytesIO()) is None


@pytest.fixture
def trial(tmp_path):
    made = Trial()
    made.import_runtime("scripted")
    made.load(workload(tmp_path / "cell", latency_ms=0.01).to_wire())
    return made


def test_every_input_set_is_verified(trial, tmp_path):
    files = trial.verify(str(tmp_path), {})
    for expected, found in zip(INPUTS, files, strict=True):
        np.testing.assert_array_equal(np.load(found["x"], allow_pickle=False), expected["x"])


def test_a_windows_own_first_runs_are_no_part_of_it(trial):
    trial.first()
    before = trial.sessions[0].script.calls.total()
    found = trial.window(seconds=0.0, concurrency=3, sessions=1)
    assert (found["completed"], len(trial.requests)) == (0, 3)
    assert trial.sessions[0].script.calls.total() == before + 2


def test_placement_never_comes_from_the_timed_session(trial):
    trial.first()
    assert trial.placement()["nodes"] == {"scripted": 2}
    assert (trial.sessions, trial.requests) == ([], [])


@pytest.mark.skipif(sys.platform == "win32", reason="the parent reads it there")
def test_the_high_water_mark_is_in_bytes_and_stays_when_memory_is_given_back():
    block = bytearray(200_000_000)
    during = high_water_bytes()
    del block
    assert high_water_bytes() > 0.95 * during  # Linux counts pages in batches
    assert during > 200_000_000
