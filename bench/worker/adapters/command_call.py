"""One call of a program: its placeholders filled in, and the files that have to be where it runs."""

import os
import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract.job import Workload
from bench.contract.tool import Tool, fill, names_in

Place = Callable[[str], str]  # a file here -> how the program is told of it
SPACES = re.compile(r"[\s'\"]")
PLAIN = re.compile(r"[\w.]+")
LATER = ("seconds", "concurrency", "sessions")  # not known before it is called


class Call:
    """`command` is what runs, `sent` the files to copy first (here -> there), `report` the file it writes, if any."""

    def __init__(
        self, tool: Tool, workload: Workload, folder: Path, seconds: int, concurrency: int, sessions: int
    ) -> None:
        self.folder = folder
        self.there = f"{tool.there}/ortbench-{os.getpid()}"
        self.sent: dict[str, str] = {}
        place = self._place if tool.reach else str
        asked = dict(zip(LATER, (str(seconds), str(concurrency), str(sessions)), strict=True))
        inputs = _inputs(workload, folder)
        _write_raw(tool, inputs)
        values = _values(tool, workload, inputs, place, self.there if tool.reach else str(folder)) | asked
        self.command = [fill(text, values) for text in tool.command]
        self.report = Path(fill(tool.report, values)) if tool.report else None

    def _place(self, file: str) -> str:
        return self.sent.setdefault(file, f"{self.there}/{len(self.sent)}{Path(file).suffix}")


def words_of(tool: Tool, workload: Workload) -> str:
    """Return the command line for people: files by their names, since results are published; no folder of this machine.

    What is only known when it is called stays a placeholder.
    """
    later = {name: f"{{{name}}}" for name in LATER}
    values = _values(tool, workload, _inputs(workload, Path()), lambda file: Path(file).name, "{folder}") | later
    return " ".join(_quoted(fill(text, values)) for text in tool.command)


def _quoted(text: str) -> str:
    return text if text and not SPACES.search(text) else shlex.quote(text)


def _values(tool: Tool, workload: Workload, inputs: list[dict[str, Any]], place: Place, folder: str) -> dict[str, str]:
    found = {
        **workload.options,
        "threads": str(workload.threads),
        "batch": str(workload.batch),
        "precision": workload.precision,
        "device": workload.device or "",
        "folder": folder,
        "model": place(workload.model),
    }
    return found | {name: _list(how, inputs, place) for name, how in tool.lists.items()}


def _inputs(workload: Workload, folder: Path) -> list[dict[str, Any]]:
    """Return of each input, in the model's order, its name, array (not read) and files."""
    sets = workload.input_sets[0] if workload.input_sets else {}
    return [
        {"name": name, "array": np.load(file, mmap_mode="r"), "file": file, "raw": str(folder / f"{number}.bin")}
        for number, (name, file) in enumerate(sets.items())
    ]


def _write_raw(tool: Tool, inputs: Iterable[dict[str, Any]]) -> None:
    if any("raw" in names_in(how["each"] + how.get("unnamed", "")) for how in tool.lists.values()):
        for each in inputs:
            np.ascontiguousarray(each["array"]).tofile(each["raw"])


def _list(how: dict[str, str], inputs: list[dict[str, Any]], place: Place) -> str:
    types = dict(pair.split("=", 1) for pair in how.get("types", "").split())
    makers: dict[str, Callable[[dict[str, Any]], str]] = {
        "name": lambda each: str(each["name"]),
        "shape": lambda each: how.get("sizes", ",").join(map(str, each["array"].shape)),
        "dtype": lambda each: types.get(each["array"].dtype.name, each["array"].dtype.name),
        "file": lambda each: place(each["file"]),
        "raw": lambda each: place(each["raw"]),
    }
    plain = all(PLAIN.fullmatch(each["name"]) for each in inputs)
    text = how["each"] if plain else how.get("unnamed") or how["each"]
    wanted = set(names_in(text))  # a file that is not named is not sent either
    return how.get("between", ",").join(fill(text, {name: makers[name](each) for name in wanted}) for each in inputs)
