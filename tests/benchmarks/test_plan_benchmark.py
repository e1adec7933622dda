"""Planning 10,000 cells: at most 2 s, import included."""

import subprocess
import sys
from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture

PLAN = """
import bench
from bench.suite import Facts, load_text
numbers = f"batch: {list(range(1, 51))}, threads: {list(range(1, 21))}"
precisions = "[fp32, fp16, int8, int4, int8-dynamic]"
text = f"suite: big\\nmatrix: {{model: magika, target: [cpu, openvino], precision: {precisions}, {numbers}}}"
print(len(bench.plan(load_text(text), Facts("linux-x86_64", 2)).cells))
"""


def test_plan_of_ten_thousand_cells_from_a_fresh_process(benchmark: BenchmarkFixture):
    def fresh() -> str:
        root = Path(__file__).parents[2]
        return subprocess.run([sys.executable, "-c", PLAN], cwd=root, capture_output=True, text=True, check=True).stdout

    assert benchmark.pedantic(fresh, rounds=5) == "10000\n"
