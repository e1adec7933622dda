"""What other processes did while a round was timed: on a sibling hyperthread they slow it without ever queueing."""

import os
from collections.abc import Iterable
from time import perf_counter

import psutil

LEAST_S = 0.3  # processor time is counted in hundredths of a second
BUSY_SHARE = 0.10  # of the machine's processor time: a busy core of up to ten


class Neighbours:
    """Watches from its making on. `pids` are the round's workers; they and this process are no neighbours."""

    def __init__(self, pids: Iterable[int]) -> None:
        self.pids = [os.getpid(), *pids]
        self.began, self.busy, self.own = perf_counter(), _busy_s(), self._own_s()

    def busy_share(self) -> float | None:
        """Return the share of all processors' time that others took so far.

        None where one of ours has ended, or too little time has passed for the system's clock of processor time.
        What a hypervisor gave to other guests counts as theirs, where the system tells (steal).
        """
        own, passed = self._own_s(), perf_counter() - self.began
        if own is None or self.own is None or passed < LEAST_S:
            return None
        others = _busy_s() - self.busy - (own - self.own)
        return max(0.0, others) / (passed * (os.cpu_count() or 1))

    def _own_s(self) -> float | None:
        try:
            trees = [process for pid in self.pids for process in _tree(pid)]
            times = [process.cpu_times() for process in trees]
        except psutil.Error:
            return None
        return float(sum(time.user + time.system for time in times))


def _tree(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process] if pid == os.getpid() else [process, *process.children(recursive=True)]


def _busy_s() -> float:
    """Return the seconds that all processors together have been busy since the system started."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    twice = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # Linux counts these in user and nice too
    return float(sum(times) - idle - twice)
