"""The processor: its name, its instruction sets, its caches."""

import platform
import re
from pathlib import Path

from bench.environments.machine.sources import ROOT, ask, read_int, read_text, registry

UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def cpu_model(root: Path = ROOT) -> str | None:
    """Return the processor's name as its maker writes it, spaces tidied."""
    name = (
        _cpuinfo(root, "model name", "Hardware", "cpu model")
        or ask("sysctl", "-n", "machdep.cpu.brand_string")
        or registry(r"HARDWARE\DESCRIPTION\System\CentralProcessor\0", "ProcessorNameString")
        or _arm_part(root)
        or platform.processor()
    )
    return " ".join(re.sub(r"\((R|TM|r|tm)\)", "", name).split()) if name else None


def cpu_flags(root: Path = ROOT) -> list[str] | None:
    """Return the instruction sets the processor offers, sorted, as the system spells them. None on Windows."""
    text = _cpuinfo(root, "flags", "Features")
    if text is None:
        text = ask("sysctl", "-n", "machdep.cpu.features", "machdep.cpu.leaf7_features") or _apple_features()
    return sorted(set(text.lower().split())) if text else None


def caches(root: Path = ROOT) -> dict[str, int] | None:
    """Return the bytes of each cache the first core reaches (L1d, L1i, L2, L3), from Linux's sysfs; else None."""
    found = {}
    for index in sorted((root / "sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = read_int(index / "level"), read_text(index / "type"), read_text(index / "size")
        parts = re.fullmatch(r"(\d+)([KMG]?)", size or "")
        if level and kind and parts:
            letter = {"Data": "d", "Instruction": "i"}.get(kind, "")
            found[f"L{level}{letter}"] = int(parts[1]) * UNITS[parts[2]]
    return found or None


def _cpuinfo(root: Path, *names: str) -> str | None:
    fields: dict[str, str] = {}
    for line in (read_text(root / "proc/cpuinfo") or "").splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    return next((fields[name] for name in names if fields.get(name)), None)


def _arm_part(root: Path) -> str | None:
    """ARM's /proc/cpuinfo gives numbers only; they still tell machines apart."""
    implementer, part = _cpuinfo(root, "CPU implementer"), _cpuinfo(root, "CPU part")
    return f"ARM implementer {implementer} part {part}" if implementer and part else None


def _apple_features() -> str | None:
    lines = (ask("sysctl", "hw.optional.arm") or "").splitlines()
    on = [line.partition(":")[0].removeprefix("hw.optional.arm.") for line in lines if line.endswith(": 1")]
    return " ".join(on) or None
