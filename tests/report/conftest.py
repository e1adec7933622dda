"""One run and its report, shared by the tests that only read them."""

from pathlib import Path

import pytest
from support.sweep import written

from bench.analysis import summarize
from bench.report import write_report
from bench.report.scope import Scope, scope
from bench.store import Run, read_run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(written(tmp_path_factory.mktemp("runs") / "sweep.parquet"))


@pytest.fixture(scope="session")
def sweep_scope(run: Run) -> Scope:
    return scope(run.meta, run.trials, summarize(run.trials, run.meta), "")


@pytest.fixture(scope="session")
def folder(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report's folder."""
    return write_report([run.path], tmp_path_factory.mktemp("reports") / "sweep").parent
