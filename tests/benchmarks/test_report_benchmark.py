"""What a large report costs: 500 cells in at most 10 s and 2 MB."""

from pathlib import Path
from typing import Any

from support.sweep import sweep, written

from bench.report import write_report


def test_report_of_500_cells(benchmark: Any, tmp_path: Path):
    rows = sweep(models=17, rounds=6, batches=(1,), samples=360)
    assert len({row["cell_id"] for row in rows}) == 510
    run = written(tmp_path / "run.parquet", rows)
    page = benchmark.pedantic(write_report, args=([run], tmp_path / "report"), rounds=1)
    assert page.stat().st_size < 2_000_000
