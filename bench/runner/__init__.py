"""Measure a suite: prepare, rounds in workers, journal, one Parquet file."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.runner.sweep import resume, run

__all__ = ["resume", "run"]


def __getattr__(name: str) -> object:
    """Load the sweep only when it is asked for: what shows its events needs none of it."""
    if name in __all__:
        return getattr(import_module("bench.runner.sweep"), name)
    raise AttributeError(f"module 'bench.runner' has no attribute '{name}'")
