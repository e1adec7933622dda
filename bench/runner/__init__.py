"""Measure a suite: prepare, rounds in workers, journal, one Parquet file."""

from bench.runner.sweep import resume, run

__all__ = ["resume", "run"]
