"""What a process does on its device, whoever made that: by NVIDIA's library, or by Linux's drivers.

Nothing on systems and devices that tell nothing. All of it is read while nothing is timed.
"""

from collections.abc import Callable
from typing import Any

from bench.environments.machine import drm, nvml


def device_bytes(pid: int) -> int | None:
    """Return the memory process `pid` holds on all devices; None where that is not told."""
    held = nvml.device_bytes(pid)
    return drm.device_bytes(pid) if held is None else held


def watch(pid: int) -> Callable[[], dict[str, Any]]:
    """Begin to watch process `pid` at work. What is returned tells, when that has just ended, the columns of a trial.

    `device_utilisation` is the share of the time in which the device computed: all the time watched, or NVML's last
    sampling period of up to a second. `device_clock_mhz` is that of NVIDIA's multiprocessors.
    """
    before = drm.busy(pid)

    def ended() -> dict[str, Any]:
        share = drm.share(before, drm.busy(pid))  # of this process: an NVIDIA card beside it tells nothing of that
        utilisation, clock_mhz = (share, None) if share else nvml.running(pid) or (share, None)
        return {"device_utilisation": utilisation, "device_clock_mhz": clock_mhz}

    return ended
