"""A run is one Parquet file: it holds all of itself, appears whole or not at all, and says why it cannot be read."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.rows import make_failed, make_meta, make_rounds, make_row

from bench.errors import BenchError, UsageError
from bench.store import Journal, read_run, read_runs, to_frame, write_run
from bench.store.columns import COLUMNS
from bench.store.migrate import migrate


def test_a_run_comes_back_as_it_was_written(tmp_path: Path) -> None:
    rows = [*make_rounds(3, flags=["contended"]), make_failed("skipped", "no NPU here", round=None, target="openvino")]
    run = read_run(write_run(tmp_path / "run.parquet", rows, make_meta(rows)))
    assert list(run.trials.columns) == list(COLUMNS)
    assert run.trials["samples_ns"][1].tolist() == rows[1]["samples_ns"]
    assert run.trials["flags"][0].tolist() == ["contended"]
    assert run.trials["started_at"][0] == pd.Timestamp("2026-11-23T12:00:00", tz="UTC")
    assert run.trials["reason"].tolist() == ["", "", "", "no NPU here"]
    assert run.trials["output_ok"].tolist() == [True, True, True, None]
    assert math.isnan(run.trials["round"][3]) and run.trials["samples_ns"][3] is None
    assert run.meta == make_meta(rows) | {"schema_version": 5}


def test_rows_of_a_journal_and_of_a_run_give_the_same_frame(tmp_path: Path) -> None:
    rows = [*make_rounds(2), make_failed("crashed", "signal 11")]
    path = write_run(tmp_path / "run.parquet", rows, make_meta(rows))
    pd.testing.assert_frame_equal(to_frame(rows), read_run(path).trials)


def test_samples_are_stored_byte_by_byte_and_compressed(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run.parquet", make_rounds(4), make_meta())
    group = pq.read_metadata(path).row_group(0)
    column = next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema.startswith("samples_ns"))
    assert "BYTE_STREAM_SPLIT" in column.encodings and column.compression == "ZSTD"
    assert not any("DICTIONARY" in encoding for encoding in column.encodings)


def test_ten_thousand_trials_are_written_and_read(tmp_path: Path) -> None:
    rows = (make_row(round=number % 100, cell_id=f"cell-{number // 100}") for number in range(10_000))
    path = write_run(tmp_path / "run.parquet", rows, make_meta())
    trials = read_runs(path, columns=["cell_id", "round", "samples_ns"])
    assert trials.shape == (10_000, 3) and trials["cell_id"].nunique() == 100
    assert trials["samples_ns"].map(len).eq(54).all()


def test_a_write_that_fails_leaves_the_old_run_and_nothing_else(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run.parquet", make_rounds(1), make_meta())
    before = path.read_bytes()

    def breaking() -> object:
        yield make_row()
        raise OSError(28, "No space left on device")

    with pytest.raises(BenchError, match="No space left on device") as caught:
        write_run(path, breaking(), make_meta())
    assert "resume" in caught.value.hint
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_column_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="latency_ms"):
        write_run(tmp_path / "run.parquet", [make_row() | {"latency_ms": 1}], make_meta())
    assert list(tmp_path.iterdir()) == []


def test_many_runs_are_read_from_files_folders_and_globs_each_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_run(tmp_path / f"{name}.parquet", [make_row(run_id=name)], make_meta())
    for paths in (tmp_path, [tmp_path / "*.parquet"], [tmp_path / "a.parquet", tmp_path, tmp_path / "b.parquet"]):
        assert sorted(read_runs(paths)["run_id"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "damaged or cut off"),
        (lambda path: path.write_bytes(b""), "damaged or cut off"),
        (lambda path: path.write_text("suite: vision\n"), "not a Parquet file"),
        (lambda path: pq.write_table(pa.table({"x": [1]}), path), "not a run of ortbench"),
        (lambda path: path.unlink(), "There is no run"),
        (lambda path: (path.unlink(), path.mkdir()), "is a folder"),
    ],
)
def test_what_is_not_a_run_is_named_with_a_next_step(tmp_path: Path, damage: object, says: str) -> None:
    path = write_run(tmp_path / "run.parquet", make_rounds(1), make_meta())
    damage(path)
    with pytest.raises(UsageError, match=says) as caught:
        read_run(path)
    assert str(path) in caught.value.message and caught.value.hint


def test_a_journal_given_for_a_run_is_recognised(tmp_path: Path) -> None:
    with (
        Journal.create(tmp_path / "run.journal", {}) as journal,
        pytest.raises(UsageError, match="has not ended") as caught,
    ):
        read_run(journal.path)
    assert "ortbench resume" in caught.value.hint


def test_a_run_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run.parquet", make_rounds(1), make_meta())
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({b"ortbench": b'{"schema_version": 99}'}), path)
    for read in (read_run, read_runs):
        with pytest.raises(UsageError, match="version 99") as caught:
            read(path)
        assert "Upgrade" in caught.value.hint


def test_an_older_run_goes_through_every_migration_in_turn() -> None:
    def rename(table: pa.Table, meta: dict) -> tuple[pa.Table, dict]:
        return table.rename_columns(["run_id"]), meta

    def stamp(table: pa.Table, meta: dict) -> tuple[pa.Table, dict]:
        return table, meta | {"boundary": table.column_names}

    table, meta = migrate(
        pa.table({"id": ["r"]}), {"schema_version": 1}, "x", migrations={1: rename, 2: stamp}, current=3
    )
    assert table.column_names == ["run_id"]
    assert meta == {"schema_version": 3, "boundary": ["run_id"]}


def test_a_stored_run_of_version_3_knows_nothing_of_what_devices_did(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run.parquet", make_rounds(2), make_meta())
    table = pq.read_table(path).drop_columns(["device_utilisation", "device_clock_mhz"])
    pq.write_table(table.replace_schema_metadata({b"ortbench": b'{"schema_version": 3}'}), path)
    trials = read_run(path).trials
    assert list(trials.columns) == list(COLUMNS) and len(trials) == 2
    assert trials["device_utilisation"].isna().all() and trials["device_clock_mhz"].isna().all()


def test_a_version_that_no_migration_leads_on_from_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing leads from there to version 3"):
        migrate(pa.table({}), {"schema_version": 1}, "x", migrations={}, current=3)


def test_numbers_keep_every_digit(tmp_path: Path) -> None:
    exact = [2**52 + 1, 1, 10**15 + 7]
    run = read_run(
        write_run(tmp_path / "run.parquet", [make_row(samples_ns=exact, sample_burst=[0, 0, 1])], make_meta())
    )
    assert run.trials["samples_ns"][0].dtype == np.int64 and run.trials["samples_ns"][0].tolist() == exact
