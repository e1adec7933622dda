"""The worker's hot loop against a bare one, as a ratio in one run; docs/speed.md has the figures of the script."""

import pytest
from benchmarks.worker_overhead import measure

pytestmark = pytest.mark.runtimes


def test_a_worker_is_about_as_fast_as_a_bare_loop_and_takes_little_more_memory():
    """Wide bounds: they catch work that crept into the hot loop, not the weather of a shared machine."""
    found = measure("matmul-wide", rounds=2, bursts=6)
    assert 0.8 < found["ratio"] < 1.2
    assert found["added_mb"] < 4  # OpenSSL alone, imported by some module, is as much
