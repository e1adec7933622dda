"""What NVIDIA's library tells, from a scripted one: there is no card on the machines this runs on by default."""

import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from bench.environments.machine import nvml

MIB = 1 << 20


class NVMLError(Exception):
    pass


class Library:
    """Two cards. `held` is what each says of its processes, `reasons` why its clock is low."""

    NVMLError = NVMLError

    def __init__(self) -> None:
        self.held: list[list[tuple[int, int | None]]] = [[(7, 300 * MIB), (8, 5 * MIB)], [(7, 20 * MIB)]]
        self.reasons = [0, 0]
        self.at_work = [(35, 1100), (97, 1980)]  # per cent of its time, SM clock
        self.broken = False

    def nvmlInit(self) -> None:  # noqa: N802
        if self.broken:
            raise NVMLError

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.held)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetComputeRunningProcesses(self, card: int) -> list[SimpleNamespace]:  # noqa: N802
        if self.held[card] is None:
            raise NVMLError
        return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in self.held[card]]

    NVML_CLOCK_SM = 1

    def nvmlDeviceGetUtilizationRates(self, card: int) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(gpu=self.at_work[card][0], memory=0)

    def nvmlDeviceGetClockInfo(self, card: int, domain: int) -> int:  # noqa: N802
        assert domain == self.NVML_CLOCK_SM
        return self.at_work[card][1]

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, card: int) -> int:  # noqa: N802
        return self.reasons[card]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    found = Library()
    monkeypatch.setitem(sys.modules, "pynvml", found)
    nvml._library.cache_clear()
    yield found
    nvml._library.cache_clear()


def test_a_processs_memory_is_that_on_all_cards(library: Library):
    assert nvml.device_bytes(7) == 320 * MIB
    assert nvml.device_bytes(9) is None, "unknown, never zero"


def test_memory_a_container_hides_is_unknown(library: Library):
    library.held = [[(7, None)]]
    assert nvml.device_bytes(7) is None


@pytest.mark.parametrize(
    ("reason", "is_slowed"), [(0x00, False), (0x01, False), (0x02, False), (0x04, True), (0x48, True)]
)
def test_a_clock_held_down_by_heat_or_power_is_told_from_one_that_idles_or_was_set(
    library: Library, reason: int, is_slowed: bool
):
    library.reasons = [0x01, reason]
    assert nvml.slowed() is is_slowed


def test_utilisation_and_clock_are_those_of_the_card_the_process_is_on(library: Library):
    library.held = [[(7, MIB)], [(8, MIB)]]
    assert nvml.running(7) == (0.35, 1100)
    assert nvml.running(8) == (0.97, 1980)


def test_where_a_container_hides_which_card_that_is_nothing_is_told_unless_there_is_one(
    library: Library, monkeypatch: pytest.MonkeyPatch
):
    library.held = [[(4711, None)], []]
    assert nvml.running(7) is None
    monkeypatch.setattr(nvml, "_cards", lambda _: iter([0]))
    assert nvml.running(7) == (0.35, 1100)


def test_without_a_driver_nothing_is_told(library: Library):
    library.broken = True
    assert (nvml.device_bytes(7), nvml.running(7), nvml.slowed()) == (None, None, False)
