"""What Linux's drivers tell of a process on its GPUs, from make-believe folders with the text each driver writes."""

from pathlib import Path
from typing import Any

import pytest

from bench.environments.machine import device, drm

MIB = 1 << 20
AMDGPU = """
pos:\t0
flags:\t02100002
drm-driver:\tamdgpu
drm-client-id:\t{client}
drm-pdev:\t0000:03:00.0
pasid:\t32770
drm-memory-vram:\t{vram} KiB
drm-memory-gtt: \t2048 KiB
drm-memory-cpu: \t512 KiB
drm-total-vram:\t999999 KiB
amd-evicted-vram:\t7 KiB
drm-engine-gfx:\t{gfx} ns
drm-engine-compute:\t{compute} ns
"""
I915 = """
drm-driver:\ti915
drm-client-id:\t4
drm-pdev:\t0000:00:02.0
drm-total-system0:\t0
drm-resident-system0:\t8 MiB
drm-resident-stolen-system0:\t1 MiB
drm-engine-render:\t{render} ns
drm-engine-video:\t{video} ns
drm-engine-capacity-video:\t2
"""
XE = """
drm-driver:\txe
drm-client-id:\t9
drm-pdev:\t0000:05:00.0
drm-total-vram0:\t64 MiB
drm-resident-vram0:\t16 MiB
drm-resident-gtt:\t4 MiB
drm-cycles-ccs:\t{ccs}
drm-total-cycles-ccs:\t{total}
drm-engine-capacity-ccs:\t4
"""


def process(root: Path, *clients: str, pid: int = 7) -> Path:
    """Lay out a make-believe /proc in which a process has these descriptors, beside some that are no device's."""
    (root / "dev/dri").mkdir(parents=True, exist_ok=True)
    folder = root / f"proc/{pid}/fdinfo"
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(["pos:\t0\nflags:\t0100000\nmnt_id:\t15\n", *clients]):
        (folder / str(number)).write_text(text.lstrip())
    return root


def amdgpu(client: int = 1, vram: int = 1024, gfx: int = 0, compute: int = 0) -> str:
    return AMDGPU.format(client=client, vram=vram, gfx=gfx, compute=compute)


def test_memory_is_that_of_every_client_once_and_of_no_region_of_the_hosts(tmp_path: Path):
    root = process(tmp_path, amdgpu(1), amdgpu(1), amdgpu(2, vram=2048), XE.format(ccs=0, total=1))
    assert drm.device_bytes(7, root) == (1 + 2 + 16) * MIB


def test_the_same_number_on_two_devices_is_two_clients(tmp_path: Path):
    root = process(tmp_path, amdgpu(1), amdgpu(1).replace("03:00", "04:00"))
    assert drm.device_bytes(7, root) == 2 * MIB


def test_a_driver_that_has_both_names_of_memory_counts_once(tmp_path: Path):
    root = process(tmp_path, amdgpu(1) + "drm-resident-vram:\t3072 KiB\n")
    assert drm.device_bytes(7, root) == 3 * MIB


def test_a_gpu_that_uses_the_machines_memory_holds_none_of_its_own(tmp_path: Path):
    root = process(tmp_path, I915.format(render=0, video=0))
    assert drm.device_bytes(7, root) is None


def test_nothing_is_told_of_a_process_without_a_gpu_or_that_is_gone(tmp_path: Path):
    root = process(tmp_path)
    assert (drm.device_bytes(7, root), drm.busy(7, root)) == (None, {})
    assert (drm.device_bytes(8, root), drm.busy(8, root)) == (None, {})


def test_without_a_device_no_descriptor_is_read(tmp_path: Path):
    root = process(tmp_path, amdgpu())
    (root / "dev/dri").rmdir()
    assert (drm.device_bytes(7, root), drm.busy(7, root)) == (None, {})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    now = [1_000]
    monkeypatch.setattr(drm, "monotonic_ns", lambda: now[0])
    return now


def test_engines_that_count_time_are_busy_for_their_share_of_ours(tmp_path: Path, clock: list[int]):
    before = drm.busy(7, process(tmp_path, amdgpu(1, gfx=100, compute=500), amdgpu(2, compute=50)))
    clock[0] += 1_000
    after = drm.busy(7, process(tmp_path, amdgpu(1, gfx=200, compute=900), amdgpu(2, compute=250)))
    assert drm.share(before, after) == pytest.approx(0.6), "the compute engine, both clients"


def test_engines_of_which_there_are_several_are_all_busy_only_at_all_of_them(tmp_path: Path, clock: list[int]):
    before = drm.busy(7, process(tmp_path, I915.format(render=0, video=0)))
    clock[0] += 1_000
    after = drm.busy(7, process(tmp_path, I915.format(render=300, video=1_000)))
    assert drm.share(before, after) == pytest.approx(0.5)


def test_engines_that_count_cycles_are_busy_for_their_share_of_their_own_clocks(tmp_path: Path):
    before = drm.busy(7, process(tmp_path, XE.format(ccs=4_000, total=10_000)))
    after = drm.busy(7, process(tmp_path, XE.format(ccs=5_000, total=11_000)))
    assert drm.share(before, after) == pytest.approx(0.25)
    assert drm.share(after, after) is None, "no time has passed"


@pytest.mark.parametrize(
    ("of_nvidia", "by_the_driver", "told"),
    [
        ((0.97, 1980), None, (0.97, 1980)),
        (None, 0.6, (0.6, None)),
        ((0.02, 210), 0.6, (0.6, None)),  # an NVIDIA card that idles beside the AMD card at work
        ((0.97, 1980), 0.0, (0.97, 1980)),
        (None, None, (None, None)),
    ],
)
def test_one_place_chooses_who_is_asked(monkeypatch: pytest.MonkeyPatch, of_nvidia: Any, by_the_driver: Any, told: Any):
    monkeypatch.setattr(device.nvml, "running", lambda pid: of_nvidia)
    monkeypatch.setattr(device.drm, "busy", lambda pid: {})
    monkeypatch.setattr(device.drm, "share", lambda before, after: by_the_driver)
    found = device.watch(7)()
    assert (found["device_utilisation"], found["device_clock_mhz"]) == told


def test_memory_is_nvidias_where_that_is_told_else_the_drivers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(device.drm, "device_bytes", lambda pid: 2 * MIB)
    monkeypatch.setattr(device.nvml, "device_bytes", lambda pid: 3 * MIB)
    assert device.device_bytes(7) == 3 * MIB
    monkeypatch.setattr(device.nvml, "device_bytes", lambda pid: None)
    assert device.device_bytes(7) == 2 * MIB
