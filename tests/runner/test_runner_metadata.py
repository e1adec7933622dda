"""What a run says of itself: the duel, the last selfcheck, environments under names that tell them apart."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import plan
from bench.environments import Environment
from bench.runner.metadata import _without_folder, header_of, selfcheck_file
from bench.runner.prepare import Prepared
from bench.suite import Facts, load_text, with_duel

TEXT = "suite: s\nmatrix: {model: magika, target: cpu}"


def header(folder: Path, words: tuple[str, str] = ("as-is", "as-is"), **environments: Environment) -> dict:
    """The header of a duel, prepared as far as `environments`, given by side."""
    loaded = with_duel(load_text(TEXT, folder=folder), *words)
    made = plan(loaded, Facts("linux-x86_64", cores=2))
    targets = {f"cpu@{side}": environment for side, environment in environments.items()}
    prepared = Prepared(made, [], [], folder, targets, {}, {})
    return header_of("run", datetime.now(UTC), loaded, prepared, {"machine_id": "m1"})


def environment(folder: Path, freeze: str) -> Environment:
    return Environment(folder.name, freeze, folder / "bin/python", (freeze,), folder, 0.0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ORTBENCH_CACHE", str(tmp_path / "cache"))


def test_a_duel_is_told_in_the_words_of_its_sides(tmp_path):
    found = header(tmp_path, ("as-is", "threads=1"))
    assert found["duel"] == {"a": "as-is", "b": "threads=1"}
    assert {name: row["label"] for name, row in found["targets"].items()} == {
        "cpu@a": "ORT CPU, A: as-is",
        "cpu@b": "ORT CPU, B: threads=1",
    }


def test_the_last_selfcheck_of_this_machine_is_part_of_it(tmp_path):
    assert header(tmp_path)["selfcheck"] is None
    file = selfcheck_file("m1")
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"at": "2026-11-24", "suits": "standard", "same": [0.0], "slower": [0.03]}), "utf-8")
    assert header(tmp_path)["selfcheck"] == {"at": "2026-11-24", "suits": "standard"}


def test_two_environments_in_folders_of_one_name_are_two(tmp_path):
    """Two checkouts, each with its .venv: neither may hide what is installed in the other."""
    a, b = (environment(tmp_path / side / ".venv", f"onnxruntime==1.{side}") for side in ("30", "31"))
    found = header(tmp_path, ("environment=30/.venv", "environment=31/.venv"), a=a, b=b)
    freezes = [found["environments"][row["environment"]]["freeze"] for row in found["targets"].values()]
    assert freezes == [["onnxruntime==1.30"], ["onnxruntime==1.31"]]
    assert list(found["environments"]) == [".venv", ".venv (2)"]


def test_no_folder_of_this_machine_is_told(tmp_path):
    place = environment(tmp_path / "mine" / "venv", "onnxruntime==1.30")
    found = header(tmp_path, ("environment=mine/venv", "environment=mine/venv"), a=place, b=place)
    told = {name: found[name] for name in ("targets", "environments", "duel", "suite")}
    assert str(tmp_path) not in json.dumps(told)
    assert list(found["environments"]) == ["venv"]


def test_what_is_installed_decides_whether_a_run_can_go_on(tmp_path):
    hashes = set()
    for freeze in ("onnxruntime==1.30", "onnxruntime==1.31"):
        a, b = (environment(tmp_path / side / ".venv", each) for side, each in (("a", "x==1"), ("b", freeze)))
        hashes.add(header(tmp_path, ("environment=a/.venv", "environment=b/.venv"), a=a, b=b)["plan_hash"])
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("argument", "told"),
    [(str(Path.cwd() / "suites" / "mine.yaml"), "mine.yaml"), ("suites/mine.yaml", "suites/mine.yaml"), ("-o", "-o")],
)
def test_the_command_tells_no_folder_of_this_machine(argument: str, told: str):
    assert _without_folder(argument) == told
