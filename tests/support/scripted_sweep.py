"""A scripted sweep as a user starts it: a command of its own, in a folder of its own, that can be killed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.scripted import all_gone, events, wait_until
from support.scripted_ortbench import write_suite
from support.wheelhouse import ROOT

from bench.store.journal import Journal

DRIVER = ROOT / "tests" / "support" / "scripted_ortbench.py"


@dataclass
class Sweep:
    """`folder` holds the suite and the logs, `out` the results; what runs is given `environ` on top of ours."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    started: list["subprocess.Popen[str]"] = field(default_factory=list)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def write(self, **scripts: Any) -> Path:
        return write_suite(self.folder, **scripts)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start `ortbench run` of the suite, or the verb in `arguments`."""
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        arguments = arguments or ("run", "suite.yaml", "--out", "out", "--no-report")
        places = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "TMPDIR": str(temporary)}
        process = subprocess.Popen(
            [sys.executable, str(DRIVER), *arguments],
            cwd=self.folder,
            env={**os.environ, **places, **self.environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def ends(self, *arguments: str) -> tuple[int, str]:
        """Run to the end; returns the exit code and all that was said."""
        return ended(self.start(*arguments))

    def resume(self) -> tuple[int, str]:
        return self.ends("resume", str(self.journal()), "--no-report")

    def journal(self) -> Path:
        (path,) = self.out.glob("*.journal")
        return path

    def result(self) -> Path:
        (path,) = self.out.glob("*.parquet")
        return path

    def journalled(self) -> list[dict[str, Any]]:
        with Journal.open(self.journal()) as journal:
            return journal.rows()

    def until_fault(self, name: str) -> None:
        """Wait until target `name` does what its script says."""
        wait_until(lambda: events(self.folder / f"{name}.log", "fault"))

    def workers(self) -> list[int]:
        """The process id of every worker so far."""
        return [row["pid"] for log in self.folder.glob("*.log") for row in events(log, "process")]

    def leftovers(self) -> list[str]:
        """What lies where temporary files are put, and beside results and journals."""
        allowed = (".parquet", ".journal")
        return sorted(
            str(path) for place in (self.folder / "tmp", self.out) if place.is_dir() for path in place.iterdir()
            if path.suffix not in allowed
        )  # fmt: skip


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    said, complained = process.communicate(timeout=120)
    return process.returncode, said + complained


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator[Sweep]:
    made = Sweep(tmp_path)
    yield made
    for process in made.started:
        process.kill()
        process.communicate()
    assert all_gone(made.workers()), "a worker outlived the sweep"


def kill(pids: list[int]) -> None:
    """SIGKILL each, in this order; gone already is as good."""
    for pid in pids:
        try:
            psutil.Process(pid).kill()
        except psutil.NoSuchProcess:
            continue
