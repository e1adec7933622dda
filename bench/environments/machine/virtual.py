"""Whether another system stands between this one and the hardware."""

import platform
import sys
from pathlib import Path

from bench.environments.machine.sources import ROOT, ask, read_text, registry

BIOS = r"HARDWARE\DESCRIPTION\System\BIOS"
MAKERS = ("qemu", "kvm", "vmware", "virtualbox", "innotek", "xen", "parallels", "bochs", "amazon ec2", "google compute")


def hypervisor(root: Path = ROOT) -> str | None:
    """Return the hypervisor's maker, "unnamed" for one that does not say, "none" on bare metal; None if unknown."""
    if sys.platform == "darwin":
        return {"1": "unnamed", "0": "none"}.get(ask("sysctl", "-n", "kern.hv_vmm_present") or "")
    if "microsoft" in (read_text(root / "proc/sys/kernel/osrelease") or "").lower():
        return "WSL"
    maker = _product(root)
    if any(name in maker.lower() for name in MAKERS) or "virtual machine" in maker.lower():
        return maker
    flags = read_text(root / "proc/cpuinfo") or ""
    if " hypervisor" in flags:
        return read_text(root / "sys/hypervisor/type") or maker or "unnamed"
    # x86 guests show the flag; elsewhere its absence says nothing.
    return "none" if "flags" in flags and platform.machine().lower() in ("x86_64", "amd64", "i686") else None


def container(root: Path = ROOT) -> str | None:
    """Return the kind of container this runs in, or None where no trace of one is found."""
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    return read_text(root / "run/systemd/container")


def _product(root: Path) -> str:
    dmi = root / "sys/class/dmi/id"
    parts = [
        read_text(dmi / "sys_vendor") or registry(BIOS, "SystemManufacturer"),
        read_text(dmi / "product_name") or registry(BIOS, "SystemProductName"),
    ]
    return " ".join(part for part in parts if part)
