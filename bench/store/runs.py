"""Reading many runs is reading many files: a folder, a glob, or the files by name."""

from collections.abc import Iterable, Sequence
from glob import glob
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import UsageError
from bench.store.columns import COLUMNS, SCHEMA_VERSION
from bench.store.migrate import check_version, migrate
from bench.store.parquet import explained, read_meta
from bench.store.table import conform, frame_of


def read_runs(paths: Iterable[Path | str] | Path | str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the trials of every run among `paths` (files, folders, globs), one row a trial.

    Only `columns` are read from disk where they are given. Raises UsageError where nothing is found, a column is
    unknown, or a file cannot be read as a run.
    """
    wanted = list(columns) if columns is not None else list(COLUMNS)
    unknown = [name for name in wanted if name not in COLUMNS]
    if unknown:
        raise UsageError(f"A run has no column {unknown[0]}.", f"Its columns are {', '.join(COLUMNS)}.")
    return frame_of(pa.concat_tables([_columns(path, wanted) for path in find_runs(paths)]))


def find_runs(paths: Iterable[Path | str] | Path | str) -> list[Path]:
    """Return the files that `paths` name, each once: a folder stands for every .parquet file in it."""
    paths = [paths] if isinstance(paths, (str, Path)) else list(paths)
    found: dict[Path, Path] = {}
    for path in paths:
        here = _expand(Path(path))
        if not here:
            raise UsageError(f"There is no run at {path}.", "Name a .parquet file, a folder of them, or a glob.")
        found.update({file.resolve(): file for file in here})
    if not found:
        raise UsageError("No run was named.", "Name a .parquet file, a folder of them, or a glob.")
    return list(found.values())


def _expand(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.glob("*.parquet"))
    if path.exists():
        return [path]
    return sorted(Path(name) for name in glob(str(path), recursive=True) if Path(name).is_file())  # noqa: PTH207 absolute globs


def _columns(path: Path, wanted: list[str]) -> pa.Table:
    """Read only what is wanted where the file is of today's version; migrate a whole older one first."""
    meta = read_meta(path)
    current = check_version(meta, str(path)) == SCHEMA_VERSION
    with explained(path):
        file = pq.ParquetFile(path)
        table = file.read(columns=[name for name in wanted if name in file.schema_arrow.names] if current else None)
    if not current:
        table, _ = migrate(table, meta, str(path))
    return conform(table, str(path), wanted)
