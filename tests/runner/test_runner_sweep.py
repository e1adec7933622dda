"""What a killed run left in the cache is removed by the next; what a living one uses stays."""

import os
import subprocess
import sys

from bench.environments import cache_root
from bench.runner import sweep


def test_the_scratch_of_a_process_that_is_gone_is_removed_and_a_living_ones_stays():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    home = cache_root() / "scratch"
    stale, used = home / f"{gone.pid}-stale", home / f"{os.getppid()}-used"
    for folder in (stale, used):
        folder.mkdir(parents=True)
        (folder / "outputs.npy").write_bytes(b"x")
    with sweep._scratch() as own:
        assert own.is_dir() and own.parent == home
        assert not stale.exists() and used.exists()
    assert not own.exists()
    (used / "outputs.npy").unlink()
    used.rmdir()
