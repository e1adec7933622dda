"""The places facts about a machine are read from. Every reader answers None where there is nothing to read."""

import subprocess
import sys
from pathlib import Path

ROOT = Path("/")  # tests pass a folder of their own in its place
TIMEOUT_S = 10


def read_text(path: Path) -> str | None:
    """Return a small system file's text, stripped; None where it is missing, unreadable or empty."""
    try:
        return path.read_text("utf-8", errors="replace").strip() or None
    except OSError:
        return None


def read_int(path: Path) -> int | None:
    """Return the whole number a system file holds, or None."""
    try:
        return int(read_text(path) or "")
    except ValueError:
        return None


def ask(*command: str) -> str | None:
    """Return what a command prints, stripped; None where it is missing, fails or does not answer in 10 s."""
    try:
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", errors="replace",
            timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return (answer.stdout.strip() or None) if answer.returncode == 0 else None


def registry(key: str, value: str) -> str | None:
    """Return a text of Windows' registry under HKEY_LOCAL_MACHINE, or None (also on every other system)."""
    if sys.platform != "win32":
        return None
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            return str(winreg.QueryValueEx(opened, value)[0]).strip() or None
    except OSError:
        return None
