"""A trial that was appended is not lost, whatever ends the process and wherever the last line was cut."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.rows import make_row

from bench.errors import BenchError, UsageError
from bench.store import Journal

ROOT = Path(__file__).parents[2]
HEADER = {"plan_hash": "abc", "suite": {"name": "ünïcode"}}

APPENDING = """
import sys
from bench.store import Journal
with Journal.{how} as journal:
    for number in range({count}):
        journal.append({{"round": number, "samples_ns": list(range(2000))}})
        print(number, flush=True)
    {then}
"""


def appending(how: str, count: int, then: str = "pass") -> subprocess.Popen:
    """Start a process of its own that appends; it prints the number of each row once it is on the disk."""
    script = APPENDING.format(how=how, count=count, then=then)
    return subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )


def numbers(journal: Journal) -> list[int]:
    return [row["round"] for row in journal.rows()]


def test_header_and_rows_come_back(tmp_path: Path) -> None:
    rows = [make_row(round=number) for number in range(3)]
    with Journal.create(tmp_path / "run.journal", HEADER) as journal:
        for row in rows:
            journal.append(row)
        assert journal.rows() == rows
    with Journal.open(tmp_path / "run.journal") as journal:
        assert journal.header == HEADER and journal.rows() == rows


def test_a_journal_cut_at_any_byte_keeps_every_whole_row_and_can_be_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    with Journal.create(path, HEADER) as journal:
        ends = [path.stat().st_size]
        for number in range(3):
            journal.append({"round": number, "reason": "ü"})
            ends.append(path.stat().st_size)
    whole = path.read_bytes()
    for size in range(ends[0], len(whole) + 1):
        path.write_bytes(whole[:size])
        expected = list(range(sum(end <= size for end in ends[1:])))
        with Journal.open(path) as journal:
            assert numbers(journal) == expected, f"cut at {size}"
            journal.append({"round": 9})
        with Journal.open(path) as journal:
            assert numbers(journal) == [*expected, 9], f"cut at {size}, then appended"


def test_any_single_damaged_byte_of_the_last_row_costs_that_row_only(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    with Journal.create(path, HEADER) as journal:
        journal.append({"round": 0})
        start = path.stat().st_size
        journal.append({"round": 1})
    whole = path.read_bytes()
    for place in range(start, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with Journal.open(path) as journal:
            assert numbers(journal) == [0], f"byte {place}"


def test_a_damaged_row_in_the_middle_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    with Journal.create(path, HEADER) as journal:
        for number in range(3):
            journal.append({"round": number})
    before = path.read_bytes()
    lines = before.splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[2].replace(b"1", b"7"), *lines[3:]]))
    damaged = path.read_bytes()
    with pytest.raises(BenchError, match="line 3") as caught:
        Journal.open(path)
    assert caught.value.hint and path.read_bytes() == damaged, "nothing may be thrown away"


@pytest.mark.parametrize("content", [b"", b"{}\n", b"PAR1\x00\x00", b"00000000 {}\n"])
def test_what_is_not_a_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.journal"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="not a journal"):
        Journal.open(path)
    assert path.read_bytes() == content


def test_a_missing_journal_and_one_that_is_there_already_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no journal"):
        Journal.open(tmp_path / "run.journal")
    Journal.create(tmp_path / "run.journal", HEADER).close()
    with pytest.raises(UsageError, match="another run") as caught:
        Journal.create(tmp_path / "run.journal", HEADER)
    assert "ortbench resume" in caught.value.hint


def test_a_row_the_run_could_not_hold_is_refused_at_once(tmp_path: Path) -> None:
    with Journal.create(tmp_path / "run.journal", HEADER) as journal:
        with pytest.raises(ValueError, match="latency_ms"):
            journal.append({"latency_ms": 1})
        with pytest.raises(Exception, match="convert"):
            journal.append({"spawn_ns": "soon"})
        journal.append({"round": 0})
        assert numbers(journal) == [0]


def test_a_process_killed_while_it_appends_loses_no_row_it_had_finished(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    process = appending(f"create({str(path)!r}, {{}})", count=100_000)
    done = [int(process.stdout.readline()) for _ in range(40)]
    process.kill()
    done += [int(line) for line in process.stdout.read().splitlines()]
    process.wait()
    with Journal.open(path) as journal:
        found = numbers(journal)
        assert found[: len(done)] == done, "what was told to be on the disk is there"
        assert found == list(range(len(found))) and len(found) - len(done) <= 1
        journal.append({"round": len(found)})
        assert numbers(journal)[-1] == len(found)


def test_two_processes_cannot_write_one_journal(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    process = appending(f"create({str(path)!r}, {{}})", count=1, then="sys.stdin.read()")
    assert process.stdout.readline() == "0\n"
    with pytest.raises(UsageError, match="Another process is writing"):
        Journal.open(path)
    process.communicate("")
    with Journal.open(path) as journal:
        assert numbers(journal) == [0]


def test_two_journals_in_one_process_exclude_each_other_too(tmp_path: Path) -> None:
    with Journal.create(tmp_path / "run.journal", HEADER), pytest.raises(UsageError, match="is writing"):
        Journal.open(tmp_path / "run.journal")


FULL_DISK = """
import resource
from pathlib import Path
from bench.errors import BenchError
from bench.store import Journal
path = Path({path!r})
with Journal.create(path, {{}}) as journal:
    journal.append({{"round": 0, "reason": "x" * 1000}})
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 500, hard))
    try:
        journal.append({{"round": 1, "reason": "x" * 1000}})
    except BenchError as error:
        print(error.message, error.hint)
    print(path.stat().st_size)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    journal.append({{"round": 2}})
    print([row["round"] for row in journal.rows()])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a limit on the size of files stands in for a full disk")
def test_a_disk_that_fills_up_in_the_middle_of_a_row_leaves_a_sound_journal(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK.format(path=str(path))], cwd=ROOT, capture_output=True, text=True
    )
    told, size, rows = done.stdout.splitlines()
    assert str(path) in told and "Free some space" in told
    assert int(size) < 1300, "half a row was taken back"
    assert rows == "[0, 2]"


def test_discard_leaves_nothing_behind(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "run.journal", HEADER)
    journal.append({"round": 0})
    journal.discard()
    assert list(tmp_path.iterdir()) == []
