"""What a machine says about itself, and what control groups leave of it."""

import json
import os
import platform
import socket
from pathlib import Path

import pytest

from bench.environments.machine import conditions, devices, fingerprint, on_this_machine, platform_name, usable_cores
from bench.environments.machine.conditions import governor, throttle_count, turbo
from bench.environments.machine.cpu import caches, cpu_flags, cpu_model
from bench.environments.machine.gpu import _nvidia, drm, software_vulkan
from bench.environments.machine.limits import cores_of, cpu_quota, memory_limit_bytes
from bench.environments.machine.virtual import container, hypervisor


def system(root: Path, **files: str) -> Path:
    """Lay out a make-believe Linux: keys are paths with `__` for `/`."""
    for path, text in files.items():
        target = root / path.replace("__", "/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text + "\n")
    return root


def test_the_tightest_quota_above_us_holds_in_version_2(tmp_path):
    root = system(tmp_path, proc__self__cgroup="0::/a/b")
    system(root / "sys/fs/cgroup/a", **{"cpu.max": "150000 100000", "memory.max": "2000000"})
    system(root / "sys/fs/cgroup/a/b", **{"cpu.max": "max 100000", "memory.max": "max"})
    assert cpu_quota(root) == 1.5
    assert memory_limit_bytes(root) == 2_000_000


def test_version_1_is_read_too(tmp_path):
    root = system(tmp_path, proc__self__cgroup="4:memory:/job\n2:cpu,cpuacct:/job\n0::/")
    system(root / "sys/fs/cgroup/cpu,cpuacct/job", **{"cpu.cfs_quota_us": "200000", "cpu.cfs_period_us": "100000"})
    system(root / "sys/fs/cgroup/memory/job", **{"memory.limit_in_bytes": "9223372036854771712"})
    system(root / "sys/fs/cgroup/memory", **{"memory.limit_in_bytes": "4096000"})
    assert cpu_quota(root) == 2.0
    assert memory_limit_bytes(root) == 4_096_000


def test_inside_a_container_the_hosts_path_may_be_missing(tmp_path):
    root = system(tmp_path, proc__self__cgroup="0::/docker/0123")
    system(root / "sys/fs/cgroup", **{"cpu.max": "50000 100000"})
    assert cpu_quota(root) == 0.5


def test_no_control_group_is_no_limit(tmp_path):
    assert cpu_quota(tmp_path) is None
    assert memory_limit_bytes(tmp_path) is None


def test_two_threads_of_one_core_count_once(tmp_path):
    for number, core in enumerate([0, 0, 1, 1]):
        topology = tmp_path / f"sys/devices/system/cpu/cpu{number}/topology"
        system(topology, core_id=str(core), physical_package_id="0")
    assert cores_of({0, 1, 2, 3}, tmp_path) == 2
    assert cores_of({0, 1}, tmp_path) == 1
    assert cores_of({7}, tmp_path) is None


def test_processor_facts_are_read_from_linux(tmp_path):
    root = system(tmp_path, proc__cpuinfo="processor : 0\nmodel name : Some(R) CPU   9\nflags : sse avx2 avx\n")
    for index, (level, kind, size) in enumerate([("1", "Data", "32K"), ("3", "Unified", "16M")]):
        system(root / f"sys/devices/system/cpu/cpu0/cache/index{index}", level=level, type=kind, size=size)
    assert cpu_model(root) == "Some CPU 9"
    assert cpu_flags(root) == ["avx", "avx2", "sse"]
    assert caches(root) == {"L1d": 32 * 1024, "L3": 16 * 1024**2}
    assert caches(tmp_path / "none") is None


@pytest.mark.skipif(platform.system() == "Windows", reason="the files are Linux's")
def test_clock_policy_is_read_from_linux(tmp_path):
    root = system(tmp_path, sys__devices__system__cpu__cpu0__cpufreq__scaling_governor="powersave")
    assert (governor(root), turbo(root), throttle_count(root)) == ("powersave", None, None)
    system(root, sys__devices__system__cpu__intel_pstate__no_turbo="1")
    system(root / "sys/devices/system/cpu/cpu0/thermal_throttle", core_throttle_count="3")
    system(root / "sys/devices/system/cpu/cpu1/thermal_throttle", core_throttle_count="4")
    assert (turbo(root), throttle_count(root)) == (False, 7)


@pytest.mark.skipif(platform.system() != "Linux", reason="the files are Linux's")
def test_a_guest_is_told_from_bare_metal(tmp_path):
    assert hypervisor(system(tmp_path / "a", proc__cpuinfo="flags : sse hypervisor")) == "unnamed"
    assert hypervisor(system(tmp_path / "b", sys__class__dmi__id__sys_vendor="QEMU")) == "QEMU"
    assert hypervisor(system(tmp_path / "c", proc__sys__kernel__osrelease="5.15-Microsoft-standard")) == "WSL"
    bare = {"x86_64": "none"}.get(platform.machine())
    assert hypervisor(system(tmp_path / "d", proc__cpuinfo="flags : sse")) == bare
    assert hypervisor(tmp_path / "nothing") is None
    assert container(system(tmp_path / "e", **{".dockerenv": ""})) == "docker"


def test_graphics_cards_are_found_and_connectors_are_not(tmp_path):
    card = tmp_path / "sys/class/drm/card0/device"
    system(card, vendor="0x8086", device="0x46a6")
    system(tmp_path / "sys/class/drm/card0-HDMI-A-1/device", vendor="0x8086")
    assert drm(tmp_path) == [{"vendor": "intel", "name": "intel 0x46a6", "driver": None, "memory": None}]


def test_nvidia_smi_is_understood():
    assert _nvidia("NVIDIA H200, 570.86, 143771 MiB") == [
        {"vendor": "nvidia", "name": "NVIDIA H200", "driver": "570.86", "memory": "143771 MiB"}
    ]
    assert _nvidia(None) == []


def test_the_fingerprint_is_json_and_keeps_the_hosts_name_to_itself():
    text = json.dumps(fingerprint())
    name = socket.gethostname()
    assert len(name) < 4 or name not in text
    assert json.loads(text)["cpu"]["usable_cores"] == usable_cores()


def test_the_identity_is_stable_and_twins_can_be_told_apart(monkeypatch):
    monkeypatch.delenv("ORTBENCH_MACHINE_NAME", raising=False)
    first = fingerprint()
    assert fingerprint()["machine_id"] == first["machine_id"]
    assert first["name"].endswith(("core", "cores"))
    monkeypatch.setenv("ORTBENCH_MACHINE_NAME", "left rack")
    named = fingerprint()
    assert named["name"] == "left rack"
    assert named["machine_id"] != first["machine_id"]


def test_conditions_are_shares_of_the_whole_machine():
    found = conditions()
    for name in ("busy_share", "steal_share"):
        assert found[name] is None or 0 <= found[name] <= 1
    assert found["memory_available_bytes"] > 0


def test_what_a_plan_needs_to_know():
    assert platform_name() == f"{platform.system()}-{platform.machine()}".lower()
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


def test_an_nvidia_card_without_its_driver_is_of_no_use(monkeypatch):
    cards = [{"vendor": "nvidia", "driver": None}, {"vendor": "intel", "driver": None}]
    monkeypatch.setattr("bench.environments.machine.gpus", lambda: cards)
    assert devices() - {"software-vulkan"} == {"intel", "gpu"}
    cards[0]["driver"] = "570.86"
    assert devices() - {"software-vulkan"} == {"intel", "nvidia", "gpu"}


def test_a_software_vulkan_driver_is_found_beside_chromium_and_its_place_put_into_variables(monkeypatch, tmp_path):
    assert software_vulkan(tmp_path) is None
    icd = tmp_path / "usr/lib/chromium/vk_swiftshader_icd.json"
    icd.parent.mkdir(parents=True)
    icd.touch()
    assert software_vulkan(tmp_path) == icd
    monkeypatch.setattr("bench.environments.machine.software_vulkan", lambda: icd)
    asked = {"VK_ICD_FILENAMES": "{icd}", "LD_LIBRARY_PATH": "{icd_folder}", "OTHER": "as it is"}
    assert on_this_machine(asked) == {
        "VK_ICD_FILENAMES": str(icd), "LD_LIBRARY_PATH": str(icd.parent), "OTHER": "as it is"
    }  # fmt: skip
