"""Trials as rows, as an Arrow table and as a DataFrame: three forms of the same columns."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa

from bench.errors import UsageError
from bench.store.columns import COLUMNS

_TYPES = {
    "string": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "bool": pa.bool_(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "list<string>": pa.list_(pa.string()),
    "list<int16>": pa.list_(pa.int16()),
    "list<int32>": pa.list_(pa.int32()),
    "list<int64>": pa.list_(pa.int64()),
    "list<float64>": pa.list_(pa.float64()),
}
SCHEMA = pa.schema([(name, _TYPES[kind]) for name, kind in COLUMNS.items()])


def to_table(rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Return trials as an Arrow table. A column that is left out is null.

    Raises ValueError for a column there is not, and Arrow's errors for a value of another type: both are faults of
    ours, not of a user.
    """
    rows = list(rows)
    unknown = {name for row in rows for name in row} - set(COLUMNS)
    if unknown:
        raise ValueError(f"no such column in a run: {', '.join(sorted(unknown))}")
    return pa.Table.from_arrays([_column(rows, field) for field in SCHEMA], schema=SCHEMA)


def to_frame(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Return trials as the same DataFrame that reading them back from a finished run gives."""
    return frame_of(to_table(rows))


def frame_of(table: pa.Table) -> pd.DataFrame:
    """Return a table as pandas. Lists become arrays; a null number becomes NaN, a null text or bool None."""
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    for field in table.schema:
        if pa.types.is_string(field.type):
            column = frame[field.name].astype(object)
            frame[field.name] = column.where(column.notna(), None)
    return frame


def conform(table: pa.Table, source: str, columns: Sequence[str] = tuple(COLUMNS)) -> pa.Table:
    """Return `columns` of a table of today's version, in the schema's types. Raises UsageError where they differ."""
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise UsageError(f"{source} has no column {missing[0]}.", "Give a file that `ortbench run` wrote, unchanged.")
    try:
        return table.select(list(columns)).cast(pa.schema([SCHEMA.field(name) for name in columns]))
    except pa.ArrowInvalid as error:
        raise UsageError(f"{source} holds another type than its column should: {error}.", "Measure again.") from error


def _column(rows: list[dict[str, Any]], field: pa.Field) -> pa.Array:
    values = [row.get(field.name) for row in rows]
    if pa.types.is_timestamp(field.type):
        values = [_moment(value) for value in values]
    return pa.array(values, field.type)


def _moment(value: Any) -> Any:
    """Rows hold ISO text where Parquet holds a timestamp; text without a zone is UTC."""
    if not isinstance(value, str):
        return value
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
