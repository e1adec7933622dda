"""How much of the machine this process may use: affinity, and the quotas of control groups (v1 and v2)."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.environments.machine.sources import ROOT, read_int, read_text

UNLIMITED_BYTES = 1 << 60  # v1 writes a number close to 2^63 where there is no limit


def usable_cores() -> int:
    """Return the physical cores within affinity and quota, at least 1: the default number of threads."""
    allowed = affinity()
    cores = cores_of(allowed) if allowed else None
    whole = cores or psutil.cpu_count(logical=False) or os.cpu_count() or 1
    if allowed:
        whole = min(whole, len(allowed))
    quota = cpu_quota()
    return max(1, min(whole, math.floor(quota))) if quota else whole


def affinity() -> set[int] | None:
    """Return the logical processors this process may run on; None where the system has no such notion (macOS)."""
    try:
        return set(psutil.Process().cpu_affinity())
    except (AttributeError, OSError, psutil.Error):
        return None


def affinity_count() -> int | None:
    allowed = affinity()
    return len(allowed) if allowed else None


def physical_cores() -> int | None:
    """Return the physical cores of the whole machine."""
    found: int | None = psutil.cpu_count(logical=False)
    return found


def cores_of(logical: set[int], root: Path = ROOT) -> int | None:
    """Return how many physical cores stand behind these logical processors, from Linux's sysfs; else None."""
    found = set()
    for number in logical:
        topology = root / f"sys/devices/system/cpu/cpu{number}/topology"
        package, core = read_int(topology / "physical_package_id"), read_int(topology / "core_id")
        if core is None:
            return None
        found.add((package, core))
    return len(found)


def cpu_quota(root: Path = ROOT) -> float | None:
    """Return the processors' worth of time the tightest enclosing control group grants; None without a limit."""
    found = []
    for folder in _groups(root, ""):
        quota, _, period = (read_text(folder / "cpu.max") or "max").partition(" ")
        if quota != "max":
            found.append(int(quota) / int(period or 100_000))
    for folder in _groups(root, "cpu"):
        allowed, every = read_int(folder / "cpu.cfs_quota_us"), read_int(folder / "cpu.cfs_period_us")
        if allowed and allowed > 0 and every:
            found.append(allowed / every)
    return min(found, default=None)


def memory_limit_bytes(root: Path = ROOT) -> int | None:
    """Return the tightest enclosing control group's memory limit; None without one."""
    found = [read_int(folder / "memory.max") for folder in _groups(root, "")]
    found += [read_int(folder / "memory.limit_in_bytes") for folder in _groups(root, "memory")]
    return min((limit for limit in found if limit is not None and limit < UNLIMITED_BYTES), default=None)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the control group this process is in, then those above it. `controller` is "" for version 2.

    Inside a container the path in /proc/self/cgroup may be the host's and missing here: only what exists is yielded.
    """
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if controller in names.split(",") and (controller or number == "0"):
            for mount in (names, controller) if controller else ("", "unified"):
                top = root / "sys/fs/cgroup" / mount
                parts = [part for part in path.split("/") if part not in ("", "..")]
                for depth in range(len(parts), -1, -1):
                    folder = top.joinpath(*parts[:depth])
                    if folder.is_dir():
                        yield folder
