"""A folder of the cache is whole, or it is not there."""

import errno
import threading
from pathlib import Path

import pytest

from bench.environments.folders import cache_root, disk_errors, finished_folder
from bench.errors import EnvironmentFailed


def write(folder: Path) -> None:
    (folder / "done").write_text("yes")


def is_done(folder: Path) -> bool:
    return (folder / "done").exists()


def test_it_is_made_once(tmp_path):
    target = tmp_path / "a" / "b"
    assert finished_folder(target, write, is_done) is True
    assert finished_folder(target, write, is_done) is False
    assert is_done(target)


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt()])
def test_a_failure_leaves_nothing_and_is_passed_on(tmp_path, error):
    def fail(folder: Path) -> None:
        write(folder)
        raise error

    with pytest.raises(type(error)):
        finished_folder(tmp_path / "x", fail, is_done)
    assert [path.name for path in tmp_path.iterdir()] == ["x.lock"]


def test_what_an_interrupted_build_left_is_removed_by_the_next(tmp_path):
    left = tmp_path / "x.tmp-0123456789ab"
    left.mkdir()
    write(left)
    finished_folder(tmp_path / "x", write, is_done)
    assert not left.exists()
    assert is_done(tmp_path / "x")


def test_a_damaged_folder_is_made_anew(tmp_path):
    target = tmp_path / "x"
    target.mkdir()
    (target / "half").write_text("")
    assert finished_folder(target, write, is_done)
    assert not (target / "half").exists()


def test_others_wait_for_the_one_that_makes_it(tmp_path):
    made, waiting, inside = [], threading.Event(), threading.Event()

    def slow(folder: Path) -> None:
        made.append(1)
        inside.set()
        assert waiting.wait(10)
        write(folder)

    first = threading.Thread(target=finished_folder, args=(tmp_path / "x", slow, is_done))
    first.start()
    assert inside.wait(10)
    assert finished_folder(tmp_path / "x", slow, is_done, on_wait=waiting.set) is False
    first.join()
    assert made == [1]


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only")])
def test_a_refusing_disk_is_named_with_the_way_out(tmp_path, number, words):
    def fail(folder: Path) -> None:
        raise OSError(number, "refused", str(folder / "file"))

    with pytest.raises(EnvironmentFailed, match=words) as caught:
        finished_folder(tmp_path / "x", fail, is_done)
    assert "ORTBENCH_CACHE" in caught.value.hint
    assert not list(tmp_path.glob("*.tmp-*"))


def test_other_errors_of_the_system_keep_their_own_name():
    with pytest.raises(ConnectionResetError), disk_errors(Path("x")):
        raise ConnectionResetError(errno.ECONNRESET, "reset")


def test_the_cache_goes_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("ORTBENCH_CACHE", str(tmp_path / "mine"))
    assert cache_root() == tmp_path / "mine"
    monkeypatch.delenv("ORTBENCH_CACHE")
    assert cache_root().name == "ortbench"
