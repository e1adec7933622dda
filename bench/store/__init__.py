"""Where trials are kept: a journal while a run is under way, one Parquet file once it has ended."""

from bench.store.journal import Journal
from bench.store.parquet import Run, read_run, write_run
from bench.store.runs import find_runs, read_runs
from bench.store.table import to_frame

__all__ = ["Journal", "Run", "find_runs", "read_run", "read_runs", "to_frame", "write_run"]
