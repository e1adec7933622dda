"""What NVIDIA's management library tells while something runs (nvidia-ml-py). Nothing where no driver answers."""

from collections.abc import Iterator
from functools import cache
from typing import Any

# Reasons for a clock below the one asked for (nvml.h, nvmlClocksEventReasons): power cap, slowdown, heat, power brake.
SLOWED = 0x04 | 0x08 | 0x20 | 0x40 | 0x80


@cache
def _library() -> Any:
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # no package, no driver, or one that does not answer: NVMLError has a class a code
        return None
    return pynvml


def _cards(nvml: Any) -> Iterator[Any]:
    for index in range(nvml.nvmlDeviceGetCount()):
        yield nvml.nvmlDeviceGetHandleByIndex(index)


def device_bytes(pid: int) -> int | None:
    """Return the memory process `pid` holds on all cards, or None where that is not told (in some containers)."""
    nvml = _library()
    if nvml is None:
        return None
    try:
        held = [
            process.usedGpuMemory
            for card in _cards(nvml)
            for process in nvml.nvmlDeviceGetComputeRunningProcesses(card)
            if process.pid == pid and process.usedGpuMemory is not None
        ]
    except nvml.NVMLError:
        return None
    return sum(held) if held else None


def slowed() -> bool:
    """Tell whether any card runs below the clock asked for now: heat, power, or a brake."""
    nvml = _library()
    if nvml is None:
        return False
    try:
        return any(nvml.nvmlDeviceGetCurrentClocksThrottleReasons(card) & SLOWED for card in _cards(nvml))
    except nvml.NVMLError:
        return False
