"""One run as one Parquet file: trials as rows, everything else about the run as JSON in the file's metadata."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import UsageError
from bench.store.columns import SCHEMA_VERSION
from bench.store.durable import replacing
from bench.store.journal import is_journal
from bench.store.migrate import Meta, migrate
from bench.store.table import SCHEMA, conform, frame_of, to_table

META_KEY = b"ortbench"
ROWS_AT_A_TIME = 1000  # bounds the memory a long run takes while it is written
SAMPLES = "samples_ns.list.element"


@dataclass(frozen=True)
class Run:
    """One finished run: where it was read from, its meta, and its trials as `bench.store.columns` names them."""

    path: Path
    meta: Meta
    trials: pd.DataFrame


def write_run(path: Path, rows: Iterable[dict[str, Any]], meta: Meta) -> Path:
    """Write a finished run, whole or not at all, and return its path.

    `rows` are dicts of `bench.store.columns`; `meta` is what the run knows beside its trials (plain JSON values).
    Raises BenchError where the disk refuses.
    """
    text = json.dumps({**meta, "schema_version": SCHEMA_VERSION}, ensure_ascii=False)
    schema = SCHEMA.with_metadata({META_KEY: text.encode()})
    with (
        replacing(Path(path)) as file,
        pq.ParquetWriter(
            file,
            schema,
            compression="zstd",
            compression_level=3,
            use_dictionary=[name for name in _leaves() if name != SAMPLES],
            column_encoding={SAMPLES: "BYTE_STREAM_SPLIT"},
        ) as writer,
    ):
        for some in _some_at_a_time(rows):
            writer.write_table(to_table(some).replace_schema_metadata(schema.metadata))
    return Path(path)


def read_run(path: Path | str) -> Run:
    """Read one finished run, an older schema version included.

    Raises UsageError, with the next step, where the file is missing, is no run of ours, is damaged or is newer.
    """
    path = Path(path)
    meta = read_meta(path)
    table, meta = migrate(_parquet(path), meta, str(path))
    return Run(path, meta, frame_of(conform(table, str(path))))


def read_meta(path: Path) -> Meta:
    """Return a run's meta, as it was written, without reading its trials. Raises as `read_run` does."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", "Name one run in it: a file that ends in .parquet.")
    if not path.exists():
        raise UsageError(f"There is no run at {path}.", "Runs are written under results/; `ortbench run` makes one.")
    with explained(path):
        found = pq.read_metadata(path).metadata or {}
    if META_KEY not in found:
        raise UsageError(
            f"{path} is a Parquet file, but not a run of ortbench.", "Give a file that `ortbench run` wrote."
        )
    try:
        meta = json.loads(found[META_KEY])
    except ValueError:
        meta = None
    if not isinstance(meta, dict):
        raise UsageError(f"{path} has damaged metadata.", "Take the run from a backup, or measure again.")
    return meta


def _parquet(path: Path) -> pa.Table:
    with explained(path):
        return pq.ParquetFile(path).read()


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what Arrow raises on a file that is not Parquet, or only part of one, into a sentence."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if is_journal(path):
            raise UsageError(
                f"{path} is the journal of a run that has not ended.", f"Finish it with `ortbench resume {path}`."
            ) from error
        raise UsageError(
            f"{path} is not a Parquet file, or is damaged or cut off.",
            "Give a run that `ortbench run` wrote; if it was copied, copy it again.",
        ) from error


def _some_at_a_time(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rows = iter(rows)
    while some := list(islice(rows, ROWS_AT_A_TIME)):
        yield some


def _leaves() -> Iterator[str]:
    for field in SCHEMA:
        yield f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name
