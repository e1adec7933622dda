"""What changes while a machine measures: load, stolen time, power, clock. Read before and after a run."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from bench.environments.machine.sources import ROOT, ask, read_int, read_text

SAMPLE_S = 0.25


def conditions() -> dict[str, Any]:
    """Return the machine's state now, watching its processors for 0.25 s.

    `busy_share` and `steal_share` are of all logical processors over that time; `steal_s` is since the system started
    (Linux guests), so two readings give what was stolen between them.
    """
    before = psutil.cpu_times()
    time.sleep(SAMPLE_S)
    after = psutil.cpu_times()
    spent = {name: getattr(after, name) - getattr(before, name) for name in after._fields}
    for name in ("guest", "guest_nice"):  # Linux counts these inside user and nice
        spent.pop(name, None)
    total = sum(spent.values())
    idle = spent.get("idle", 0.0) + spent.get("iowait", 0.0)
    steal = getattr(after, "steal", None)
    return {
        "load_1min": os.getloadavg()[0] if sys.platform != "win32" else None,
        "busy_share": round(1 - idle / total, 4) if total > 0 else None,
        "steal_share": round(spent["steal"] / total, 4) if "steal" in spent and total > 0 else None,
        "steal_s": steal,
        "power_source": power_source(),
        "governor": governor(),
        "turbo": turbo(),
        "clock_mhz": clock_mhz(),
        "throttle_count": throttle_count(),
        "memory_available_bytes": psutil.virtual_memory().available,
    }


def power_source() -> str | None:
    """Return "battery" or "mains"; None where the machine has no battery that the system knows of."""
    try:
        battery = psutil.sensors_battery()
    except (AttributeError, OSError, psutil.Error):
        return None
    if battery is None or battery.power_plugged is None:
        return None
    return "mains" if battery.power_plugged else "battery"


def governor(root: Path = ROOT) -> str | None:
    """Return what decides the clock: Linux's cpufreq governor, or the name of Windows' power scheme."""
    if sys.platform == "win32":
        scheme = ask("powercfg", "/getactivescheme")
        return scheme.rpartition("(")[2].rstrip(")") if scheme and "(" in scheme else None
    return read_text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def turbo(root: Path = ROOT) -> bool | None:
    """Return whether the processor may exceed its base clock (Linux); None where that cannot be read."""
    cpu = root / "sys/devices/system/cpu"
    off, on = read_int(cpu / "intel_pstate/no_turbo"), read_int(cpu / "cpufreq/boost")
    if off is not None:
        return off == 0
    return bool(on) if on is not None else None


def clock_mhz() -> float | None:
    """Return the present clock averaged over the processors, MHz."""
    try:
        found = psutil.cpu_freq()
    except (AttributeError, OSError, RuntimeError):
        return None
    return round(found.current, 1) if found and found.current else None


def throttle_count(root: Path = ROOT) -> int | None:
    """Return how often the processors lowered their clock for heat since the system started (Linux on Intel)."""
    files = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/core_throttle_count")
    found = [count for count in map(read_int, files) if count is not None]
    return sum(found) if found else None
