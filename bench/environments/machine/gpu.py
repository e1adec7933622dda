"""Graphics and neural accelerators, and the drivers they run with."""

import sys
from functools import cache
from pathlib import Path

from bench.environments.machine.sources import ROOT, ask, read_text, registry

VENDORS = {"0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel", "0x5143": "qualcomm", "0x106b": "apple"}
WINDOWS_DISPLAYS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
Gpu = dict[str, str | None]


@cache
def gpus() -> tuple[Gpu, ...]:
    """Return each GPU as {vendor, name, driver, memory}; what the system does not tell is None.

    NVIDIA's through nvidia-smi, the rest from Linux's sysfs or Windows' registry; Apple's is part of its processor.
    """
    own = _nvidia(ask("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"))
    others = _windows() if sys.platform == "win32" else drm()
    return (*own, *(row for row in others if not (own and row["vendor"] == "nvidia")))


def drm(root: Path = ROOT) -> list[Gpu]:
    """Return the GPUs Linux's direct rendering manager knows, with the kernel driver bound to each."""
    found = []
    for card in sorted((root / "sys/class/drm").glob("card[0-9]*")):
        vendor = read_text(card / "device/vendor")
        if vendor is None or "-" in card.name:  # card0-HDMI-A-1 is a connector
            continue
        driver = card / "device/driver"
        found.append(
            {
                "vendor": VENDORS.get(vendor, vendor),
                "name": f"{VENDORS.get(vendor, vendor)} {read_text(card / 'device/device') or ''}".strip(),
                # A kernel's driver has the kernel's version; NVIDIA's answers through nvidia-smi or not at all.
                "driver": driver.resolve().name if driver.exists() and vendor != "0x10de" else None,
                "memory": None,
            }
        )
    return found


def software_vulkan(root: Path = ROOT) -> Path | None:
    """Return the driver file of a Vulkan device that is software: SwiftShader beside Chromium, or Mesa's llvmpipe."""
    places = ("usr/lib/chromium*", "opt/google/chrome*", "usr/share/vulkan/icd.d", "etc/vulkan/icd.d")
    found = (file for place in places for name in ("vk_swiftshader*", "lvp*") for file in root.glob(f"{place}/{name}"))
    return next((file for file in found if file.suffix == ".json"), None)


def _nvidia(answer: str | None) -> list[Gpu]:
    rows = [[part.strip() for part in line.split(",")] for line in (answer or "").splitlines()]
    return [{"vendor": "nvidia", "name": r[0], "driver": r[1], "memory": r[2]} for r in rows if len(r) == 3]


def _windows() -> list[Gpu]:
    found = []
    for number in range(16):
        key = rf"{WINDOWS_DISPLAYS}\{number:04d}"
        name = registry(key, "DriverDesc")
        if name:
            vendor = next((maker for maker in VENDORS.values() if maker in name.lower()), "other")
            driver = registry(key, "DriverVersion") if vendor != "nvidia" else None
            found.append({"vendor": vendor, "name": name, "driver": driver, "memory": None})
    return found
