"""Virtual environments that somebody else made: taken as they are, with what is installed in them."""

import subprocess
import sys
from dataclasses import replace

import pytest

from bench.catalog import targets
from bench.environments import ensure, is_built, spec_for
from bench.environments.built import found_environment, python_of
from bench.errors import EnvironmentFailed, UsageError


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A virtual environment made by `python -m venv`, without pip."""
    folder = tmp_path_factory.mktemp("somebody") / "their venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder


def where(folder, code: str) -> str:
    command = [str(python_of(folder)), "-c", f"import sys, sysconfig; print({code})"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def install(wheelhouse, folder, *names: str) -> None:
    for name in names:
        wheelhouse.add(*name.split("=="))
    import uv

    command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--no-index", "--find-links", wheelhouse.wheels]
    subprocess.run([*command, "--python", python_of(folder), *names], check=True)


def test_it_runs_where_it_is_and_lists_what_is_installed_there(made, wheelhouse):
    install(wheelhouse, made, "thing==1.0", "Some.Other==2.0")
    found = found_environment("mine", made)
    assert where(made, "sys.prefix") == str(made)
    assert found.python == python_of(made)
    assert set(found.freeze) == {"thing==1.0", "some-other==2.0"}
    assert (found.label, found.folder, found.built_s) == ("mine", made, 0.0)
    assert found.python_version == where(made, "sys.version.split()[0]")


def test_what_is_installed_later_makes_it_another_one(made, wheelhouse):
    before = found_environment("mine", made)
    assert before == found_environment("mine", made)
    install(wheelhouse, made, "late==1.0")
    after = found_environment("mine", made)
    assert set(after.freeze) - set(before.freeze) == {"late==1.0"}
    assert after.key != before.key


def test_two_folders_with_the_same_packages_are_two_environments(tmp_path):
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        python_of(folder).parent.mkdir(parents=True)
        python_of(folder).touch()
    first, second = (found_environment("venv", folder) for folder in folders)
    assert first.freeze == second.freeze == ()
    assert first.key != second.key


@pytest.mark.skipif(sys.platform == "win32", reason="the folder of packages has no version in its name there")
@pytest.mark.parametrize("line", ["version = 3.99.1", "version_info = 3.99.1", "version_info = 3.99.1.final.0"])
def test_one_of_another_python_lists_what_is_installed_there_too(tmp_path, line):
    """As written by `python -m venv`, uv and virtualenv."""
    python_of(tmp_path).parent.mkdir(parents=True)
    python_of(tmp_path).touch()
    (tmp_path / "pyvenv.cfg").write_text(f"home = /opt/python3.99/bin\ninclude-system-site-packages = false\n{line}\n")
    (tmp_path / "lib" / "python3.99" / "site-packages" / "thing-1.0.dist-info").mkdir(parents=True)
    found = found_environment("newer", tmp_path)
    assert found.freeze == ("thing==1.0",)
    assert found.python_version == "3.99.1"


@pytest.mark.parametrize("make", [lambda folder: None, lambda folder: folder.mkdir()], ids=["missing", "empty"])
def test_a_folder_that_is_none_is_told_with_the_next_step(tmp_path, make):
    folder = tmp_path / "venv"
    make(folder)
    with pytest.raises(EnvironmentFailed) as caught:
        ensure(spec_for(replace(targets()["cpu"], environment=str(folder))))
    assert caught.value.message.startswith(f"{folder} is no virtual environment: there is no ")
    assert "`python -m venv`" in caught.value.hint
    assert caught.value.exit_code == 3


def test_a_target_names_the_folder_and_nothing_is_built(made, wheelhouse):
    spec = spec_for(replace(targets()["cpu"], environment=str(made)))
    assert (spec.label, spec.requirements) == (made.name, ())
    assert is_built(spec)
    found = ensure(spec)
    assert found == found_environment(made.name, made)
    assert not wheelhouse.cache.exists()


def test_a_folder_is_found_from_where_we_are_and_from_home(made, monkeypatch):
    monkeypatch.chdir(made.parent)
    monkeypatch.setenv("HOME", str(made.parent))
    monkeypatch.setenv("USERPROFILE", str(made.parent))
    for words in (made.name, f"~/{made.name}"):
        assert ensure(spec_for(replace(targets()["cpu"], environment=words))).folder == made


def test_requirements_beside_a_folder_are_refused(made):
    target = replace(targets()["cpu"], environment=str(made), requirements=["onnxruntime==1.20.1"])
    with pytest.raises(UsageError) as caught:
        spec_for(target)
    assert "onnxruntime==1.20.1" in caught.value.message
    assert str(made) in caught.value.message
    assert "installs nothing there" in caught.value.message
    assert "Leave `requirements` out" in caught.value.hint
