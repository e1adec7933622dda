"""A folder that cannot be written, a disk that fills up: said before any work, or with the way to go on."""

import sys

import pytest
from support.scripted_sweep import ended

from bench.store import read_run


@pytest.mark.parametrize("place", ["out", "out/below"])
def test_a_file_where_results_should_go_is_found_before_any_work(sweep, place):
    sweep.write()
    sweep.out.write_text("a file")
    code, said = sweep.ends("run", "suite.yaml", "--out", place, "--no-report")
    assert code == 2
    assert f"ERROR  Nothing can be written to {place}" in said
    assert "next:  Give another folder with `--out`." in said
    assert sweep.workers() == []
    assert sweep.out.read_text() == "a file"


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX does")
def test_a_disk_that_fills_up_while_measuring_loses_no_finished_trial(sweep):
    sweep.write(rounds=2, other={})
    sweep.environ["TEST_DISK_FULL_AFTER"] = "3"
    code, said = ended(sweep.start())
    assert code == 1
    assert f"{sweep.journal().name} could not be written: File too large." in said
    assert f"`ortbench resume {sweep.journal().relative_to(sweep.folder)}`" in said
    assert "Traceback" not in said
    before = sweep.journalled()
    assert len(before) == 3
    del sweep.environ["TEST_DISK_FULL_AFTER"]
    code, said = sweep.resume()
    assert code == 0, said
    trials = read_run(sweep.result()).trials
    kept = [tuple(samples) for samples in trials["samples_ns"]]
    assert all(tuple(row["samples_ns"]) in kept for row in before)
    assert len(trials) == 3 + 2  # the cut-off round was taken again whole
    assert sweep.leftovers() == []
