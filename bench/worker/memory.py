"""The process's own high-water mark of resident memory, without polling."""

import sys


def high_water_bytes() -> int | None:
    """Return the largest resident set this process ever had, in bytes; None where the system does not tell.

    Linux: VmHWM, since ru_maxrss is inherited from a large parent across fork. macOS: ru_maxrss, in bytes there.
    Windows: the peak working set is read by the parent (psutil), so None here.
    """
    if sys.platform == "linux":
        with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None
