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


def _held(nvml: Any, card: Any, pid: int) -> list[int]:
    """Return the memory process `pid` holds on a card; nothing where it holds none, or that is not told."""
    found = nvml.nvmlDeviceGetComputeRunningProcesses(card)
    return [one.usedGpuMemory for one in found if one.pid == pid and one.usedGpuMemory is not None]


def device_bytes(pid: int) -> int | None:
    """Return the memory process `pid` holds on all cards, or None where that is not told (in some containers)."""
    nvml = _library()
    if nvml is None:
        return None
    try:
        held = [used for card in _cards(nvml) for used in _held(nvml, card, pid)]
    except nvml.NVMLError:
        return None
    return sum(held) if held else None


def running(pid: int) -> tuple[float, int] | None:
    """Return the share of the last sampling period (a sixth of a second to one) with a kernel running, and the clock.

    The clock is that of the multiprocessors, MHz. Of the cards process `pid` holds memory on, the busiest; where
    processes are hidden, as in some containers, the only card there is.
    """
    nvml = _library()
    if nvml is None:
        return None
    try:
        cards = list(_cards(nvml))
        found = [
            (nvml.nvmlDeviceGetUtilizationRates(card).gpu / 100, nvml.nvmlDeviceGetClockInfo(card, nvml.NVML_CLOCK_SM))
            for card in [card for card in cards if _held(nvml, card, pid)] or (cards if len(cards) == 1 else [])
        ]
    except nvml.NVMLError:
        return None
    return max(found, default=None)


def slowed() -> bool:
    """Tell whether any card runs below the clock asked for now: heat, power, or a brake."""
    nvml = _library()
    if nvml is None:
        return False
    try:
        return any(nvml.nvmlDeviceGetCurrentClocksThrottleReasons(card) & SLOWED for card in _cards(nvml))
    except nvml.NVMLError:
        return False
