"""What a process that ended leaves behind: its last words, and whether the system ended it for memory."""

from pathlib import Path

from bench.contract.words import COLOURS

WORDS = 600


def last_words(log: Path) -> str:
    """Return the end of a worker's log on one line, 600 characters at most, no colours; "" where it said nothing."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 4 * WORDS))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return " ".join(COLOURS.sub("", text).split())[-WORDS:]


def oom_kills() -> int:
    """Return how often the kernel has ended a process of this cgroup for memory; 0 where it does not tell."""
    try:
        group = Path("/proc/self/cgroup").read_text("ascii").strip().rpartition(":")[2].lstrip("/")
        events = (Path("/sys/fs/cgroup") / group / "memory.events").read_text("ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in events.splitlines() if line.startswith("oom_kill ")), 0)
