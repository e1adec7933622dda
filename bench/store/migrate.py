"""How a run written by an older ortbench becomes one of today's."""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bench.errors import UsageError
from bench.store.columns import SCHEMA_VERSION
from bench.store.table import SCHEMA

Meta = dict[str, Any]
Migration = Callable[[pa.Table, Meta], tuple[pa.Table, Meta]]


def _scenarios(table: pa.Table, meta: Meta) -> tuple[pa.Table, Meta]:
    """To version 2: what scenarios other than latency and duels brought. Until then there was neither."""
    known = {"scenario_kind": table.column("scenario"), "sessions": pa.nulls(len(table), pa.int16()).fill_null(1)}
    planned = pa.array(["planned"] * len(table))
    known["purpose"] = pc.if_else(table.column("round").is_valid(), planned, pa.scalar(None, pa.string()))
    return _with_columns(table, known), meta


def _unknown(table: pa.Table, meta: Meta) -> tuple[pa.Table, Meta]:
    """To versions 3 (making a runtime's own form), 4 (what a device did), 5 (operators, more of accuracy): unknown."""
    return _with_columns(table, {}), meta


def _with_columns(table: pa.Table, known: Mapping[str, Any]) -> pa.Table:
    """Append every column the table lacks: what is `known` of it, else nulls."""
    for name in SCHEMA.names:
        if name not in table.column_names:
            column = known.get(name, pa.nulls(len(table), SCHEMA.field(name).type))
            table = table.append_column(SCHEMA.field(name), column)
    return table


# Version n -> what turns a run of version n into one of version n + 1. Version 1 is the first.
MIGRATIONS: dict[int, Migration] = {1: _scenarios, 2: _unknown, 3: _unknown, 4: _unknown}


def migrate(
    table: pa.Table,
    meta: Meta,
    source: str,
    migrations: Mapping[int, Migration] = MIGRATIONS,
    current: int = SCHEMA_VERSION,
) -> tuple[pa.Table, Meta]:
    """Return the table and meta at schema version `current`, one step at a time.

    Raises UsageError where the run is newer than this ortbench, or no step leads on from its version.
    """
    version = check_version(meta, source, current)
    while version < current:
        if version not in migrations:
            raise UsageError(
                f"{source} has schema version {version}, and nothing leads from there to version {current}.",
                "Measure again with this ortbench, or read the run with the ortbench that wrote it.",
            )
        table, meta = migrations[version](table, meta)
        version += 1
        meta = {**meta, "schema_version": version}
    return table, meta


def check_version(meta: Meta, source: str, current: int = SCHEMA_VERSION) -> int:
    """Return the schema version of a run's meta. Raises UsageError where it has none, or a newer one."""
    version = meta.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise UsageError(
            f"{source} says schema version {version!r}, which is not a whole number from 1.",
            "Give a run that `ortbench run` wrote.",
        )
    if version > current:
        raise UsageError(
            f"{source} has schema version {version}; this ortbench reads versions up to {current}.",
            "Upgrade ortbench, then read it again.",
        )
    return version
