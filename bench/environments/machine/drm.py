"""What Linux's drivers tell of a process on its GPUs: amdgpu, i915, xe and others of the direct rendering manager.

Each descriptor of a device has its figures in /proc/PID/fdinfo, under the keys of the kernel's "DRM client usage
stats" (Documentation/gpu/drm-usage-stats.rst).
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from time import monotonic_ns

from bench.environments.machine.sources import ROOT, read_text

MEMORY = re.compile(r"drm-(?:memory|resident)-(.+)")  # `memory` is what `resident` was called at first
WORKED = re.compile(r"drm-(engine|cycles)-(?!capacity-)(.+)")
OF_THE_HOST = ("system", "gtt", "cpu", "stolen-system")  # regions in the machine's own memory
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20}
Busy = dict[str, tuple[float, float]]  # engine -> what it has worked for a process, and what it could have


def device_bytes(pid: int, root: Path = ROOT) -> int | None:
    """Return the memory process `pid` holds on devices; None where none that has memory of its own tells."""
    held: dict[tuple[int, str], int] = {}
    for number, client in enumerate(_clients(pid, root)):
        for key, value in sorted(client.items()):  # where a driver has both names, `resident` comes last and counts
            if (found := MEMORY.fullmatch(key)) and found[1].rstrip("0123456789") not in OF_THE_HOST:  # i915: system0
                held[number, found[1]] = _number(value)
    return sum(held.values()) if held else None


def busy(pid: int, root: Path = ROOT) -> Busy:
    """Return what each engine of each GPU has worked for process `pid` so far: in ns, or in cycles of its own clock."""
    worked: dict[str, float] = defaultdict(float)
    could: dict[str, float] = {}
    for client in _clients(pid, root):
        for key, value in client.items():
            if found := WORKED.fullmatch(key):
                total = str(monotonic_ns()) if found[1] == "engine" else client.get(f"drm-total-cycles-{found[2]}")
                if total is None:
                    continue
                engine = f"{client.get('drm-pdev')} {found[0]}"
                worked[engine] += _number(value) / _number(client.get(f"drm-engine-capacity-{found[2]}", "1"))
                could[engine] = _number(total)
    return {engine: (spent, could[engine]) for engine, spent in worked.items()}


def share(before: Busy, after: Busy) -> float | None:
    """Return the share of the time between two readings that the busiest engine worked, 0 to 1; None where unknown."""
    found = [
        (worked - before[engine][0]) / (could - before[engine][1])
        for engine, (worked, could) in after.items()
        if engine in before and could > before[engine][1]
    ]
    return min(1.0, max(0.0, *found)) if found else None  # less than before: a client has closed between the two


def _clients(pid: int, root: Path) -> Iterator[dict[str, str]]:
    """Yield the figures of each opening of a device by a process, once: descriptors may stand for the same one."""
    if not (root / "dev/dri").is_dir():
        return
    seen = set()
    for file in sorted((root / f"proc/{pid}/fdinfo").glob("*")):
        lines = (line.partition(":") for line in (read_text(file) or "").splitlines())
        client = {key: value.strip() for key, _, value in lines}
        which = tuple(client.get(key) for key in ("drm-driver", "drm-pdev", "drm-client-id"))
        if which[-1] is not None and which not in seen:
            seen.add(which)
            yield client


def _number(text: str) -> int:
    """Return `1024 KiB` in bytes; `12345 ns` and plain numbers as they are."""
    value, _, unit = text.partition(" ")
    return int(value) * UNITS.get(unit, 1)
