"""How a run written by an older ortbench becomes one of today's."""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from bench.errors import UsageError
from bench.store.columns import SCHEMA_VERSION

Meta = dict[str, Any]
Migration = Callable[[pa.Table, Meta], tuple[pa.Table, Meta]]

# Version n -> what turns a run of version n into one of version n + 1. Version 1 is the first.
MIGRATIONS: dict[int, Migration] = {}


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
