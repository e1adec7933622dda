"""Environments built by the real uv, from wheels made here: used whole, shared, rebuilt when damaged."""

import json
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
from support.wheelhouse import closed_port, make_wheel, serve, start_python

from bench.environments import EnvironmentSpec, clean, ensure, is_built, key_of, list_built
from bench.environments.built import freeze_of
from bench.errors import BenchError, EnvironmentFailed

SPEC = EnvironmentSpec("thing", ("thing==1.0",))
BUILD = """
from bench.environments import EnvironmentSpec, ensure
lines = []
found = ensure(EnvironmentSpec("thing", ("thing==1.0",)), lines.append)
print(found.freeze[0], any("Installed" in line for line in lines))
"""


def imports(python, module: str) -> str:
    command = [str(python), "-I", "-c", f"import {module}; print({module}.VERSION, {module}.__file__)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_it_holds_what_was_asked_and_runs_from_where_it_was_put(wheelhouse):
    wheelhouse.add("thing", "1.0")
    wheelhouse.add("thing", "2.0")
    lines: list[str] = []
    built = ensure(SPEC, lines.append)
    assert built.freeze == ("thing==1.0",)
    assert imports(built.python, "thing").startswith("1.0 " + str(built.folder))
    assert list(built.folder.rglob("thing*.pyc"))  # no first import pays for compiling
    assert any("thing==1.0" in line for line in lines)
    assert wheelhouse.leftovers() == []


def test_it_is_reused_without_asking_uv(wheelhouse):
    wheelhouse.add("thing", "1.0")
    first = ensure(SPEC)
    shutil.rmtree(wheelhouse.wheels)
    lines: list[str] = []
    again = ensure(EnvironmentSpec("another name", SPEC.requirements), lines.append)
    assert lines == []
    assert (again.key, again.freeze, again.built_s) == (first.key, first.freeze, first.built_s)
    assert again.label == "another name"


def remove_package(folder):
    shutil.rmtree(next(folder.rglob("thing-1.0.dist-info")))


def cut_marker(folder):
    (folder / "ortbench-environment.json").write_text("{")


def lose_interpreter(folder):
    text = (folder / "pyvenv.cfg").read_text()
    (folder / "pyvenv.cfg").write_text(text.replace("home = ", "home = /nowhere"))


@pytest.mark.parametrize("damage", [remove_package, cut_marker, lose_interpreter])
def test_a_damaged_one_is_rebuilt(wheelhouse, damage):
    wheelhouse.add("thing", "1.0")
    damage(ensure(SPEC).folder)
    assert not is_built(SPEC)
    assert list_built() == []
    rebuilt = ensure(SPEC)
    assert rebuilt.freeze == freeze_of(rebuilt.folder) == ("thing==1.0",)
    assert imports(rebuilt.python, "thing")


def test_two_processes_build_it_once(wheelhouse):
    wheelhouse.add("thing", "1.0")
    running = [start_python(BUILD) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    assert sorted(out.split() for out, _ in said) == [["thing==1.0", "False"], ["thing==1.0", "True"]]
    assert wheelhouse.leftovers() == []


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_build_that_was_killed_is_never_taken_for_a_good_one(wheelhouse, monkeypatch):
    wheel = make_wheel(wheelhouse.wheels, "thing", "1.0", {"thing.py": b"VERSION = '1.0'\n" + b"#" * 100_000})
    with serve() as site:
        site.pages[f"simple/thing/{wheel.name}"] = wheel.read_bytes()
        site.pages["simple/thing/"] = f'<a href="{wheel.name}">{wheel.name}</a>'.encode()
        site.stall.add(f"simple/thing/{wheel.name}")
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", f"{site.url}/simple")
        building = start_python(BUILD)
        assert site.stalled.wait(60), building.communicate(timeout=5)
        below = psutil.Process(building.pid).children(recursive=True)
        building.send_signal(signal.SIGKILL)
        building.communicate(timeout=10)
        assert len(wheelhouse.leftovers()) == 1
        assert list_built() == []
        if sys.platform == "linux":  # uv went with it
            assert psutil.wait_procs(below, timeout=5)[1] == []
        site.stall.clear()
        site.go_on.set()
        assert imports(ensure(SPEC).python, "thing").startswith("1.0")
    assert wheelhouse.leftovers() == []


def test_an_interrupted_build_ends_uv_and_leaves_nothing(wheelhouse):
    wheelhouse.add("thing", "1.0")

    def press_ctrl_c(line: str) -> None:
        raise KeyboardInterrupt

    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(KeyboardInterrupt):
        ensure(SPEC, press_ctrl_c)
    assert wheelhouse.leftovers() == []
    assert set(psutil.Process().children(recursive=True)) <= before
    assert not is_built(SPEC)


def test_a_version_that_does_not_exist_is_explained(wheelhouse):
    wheelhouse.add("thing", "2.0")
    with pytest.raises(EnvironmentFailed) as caught:
        ensure(SPEC)
    assert "`thing` could not be built: no set of packages" in caught.value.message
    assert "thing==1.0" in caught.value.message
    assert "pip index versions" in caught.value.hint
    assert wheelhouse.leftovers() == []


def test_no_network_is_explained(wheelhouse, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", f"{closed_port()}/simple")
    with pytest.raises(EnvironmentFailed, match="index could not be reached") as caught:
        ensure(SPEC)
    assert "find-links" in caught.value.hint


def test_a_cache_that_cannot_be_written_is_explained(wheelhouse):
    wheelhouse.cache.write_text("a file where the folder should be")
    with pytest.raises(EnvironmentFailed, match="a file stands where a folder is needed") as caught:
        ensure(SPEC)
    assert "ORTBENCH_CACHE" in caught.value.hint


def test_the_current_interpreter_is_taken_as_it_is(wheelhouse):
    found = ensure(EnvironmentSpec("current", (), current=True))
    assert found.folder is None
    assert str(found.python) == sys.executable
    assert f"psutil=={psutil.__version__}" in found.freeze
    assert not wheelhouse.cache.exists()


def test_clean_removes_all_but_what_is_kept(wheelhouse):
    wheelhouse.add("thing", "1.0")
    wheelhouse.add("thing", "2.0")
    kept, gone = ensure(SPEC), ensure(EnvironmentSpec("old", ("thing==2.0",)))
    (wheelhouse.cache / "environments" / "feedface.tmp-1").mkdir()
    assert clean(keep=[kept.key]) == sorted([gone.key, "feedface"])
    assert [found.key for found in list_built()] == [kept.key]
    assert wheelhouse.leftovers() == []


def test_an_environment_in_use_is_not_cleaned(wheelhouse):
    wheelhouse.add("thing", "1.0")
    built = ensure(SPEC)
    with subprocess.Popen([built.python, "-c", "input()"], stdin=subprocess.PIPE) as using:
        deadline = time.monotonic() + 10
        while not psutil.Process(using.pid).cmdline() and time.monotonic() < deadline:
            time.sleep(0.01)
        with pytest.raises(BenchError, match=f"Process {using.pid} still runs"):
            clean()
        using.communicate(b"\n")
    assert clean() == [built.key]


def test_the_marker_tells_how_it_was_made(wheelhouse):
    wheelhouse.add("thing", "1.0")
    built = ensure(SPEC)
    marker = json.loads((built.folder / "ortbench-environment.json").read_text())
    assert marker["requirements"] == ["thing==1.0"]
    assert marker["freeze"] == ["thing==1.0"]
    assert built.folder.name == key_of(SPEC) == marker["key"]
    assert 0 < built.built_s < 60


def test_a_cpu_build_of_torch_is_what_gets_installed(wheelhouse):
    wheelhouse.add("torch", "2.13.0")
    wheelhouse.add("torch", "2.13.0+cpu")
    built = ensure(EnvironmentSpec("torch", ("torch==2.13.0",), torch_cpu=True))
    assert built.freeze == ("torch==2.13.0+cpu",)
