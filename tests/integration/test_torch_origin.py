"""A model that comes from torch: exported where it is trained, measured beside its origin."""

from pathlib import Path

import pytest

import bench
from bench.store import read_run

pytestmark = pytest.mark.runtimes

FACTORY = """
import torch

def small():
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.GELU(), torch.nn.Linear(64, 8))

    class Named(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.module = module

        def forward(self, features):
            return self.module(features)

    return Named(), {"features": torch.zeros(2, 32)}
"""
SUITE = """
suite: origin
preset: quick
measure: {rounds: 1, bursts: 6, windows: 0, trial_s: 1}
models:
  small: {factory: "mine:small", inputs: {features: {shape: [batch, 32], normal: [0, 1]}}}
matrix: {model: small, target: [cpu, torch], batch: [1, 4]}
"""


def test_a_factory_is_exported_and_both_sides_agree_at_every_batch(tmp_path: Path):
    (tmp_path / "mine.py").write_text(FACTORY, "utf-8")
    (tmp_path / "origin.yaml").write_text(SUITE, "utf-8")
    trials = read_run(bench.run(tmp_path / "origin.yaml", tmp_path / "results")).trials
    assert sorted(zip(trials.target, trials.batch, strict=True)) == [("cpu", 1), ("cpu", 4), ("torch", 1), ("torch", 4)]
    assert (trials.status == "ok").all(), trials[["cell_id", "reason"]].to_string()
    assert trials.output_ok.all()
    assert set(trials.precision_effective) == {"fp32"}
