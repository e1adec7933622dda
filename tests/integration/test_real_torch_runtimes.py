"""A torch module on every runtime that takes it, its export or another form of it: a real CNN and a transformer."""

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest

import bench
from bench.environments import cache_root, ensure, spec_of
from bench.models import fetch_catalog
from bench.process import worker_folder
from bench.store import Run, read_run
from bench.suite import load_text

pytestmark = [pytest.mark.runtimes, pytest.mark.heavy]

SUITE = """
suite: from-torch
preset: quick
measure: {rounds: 1, bursts: 6, windows: 0, trial_s: 1}
models:
  holes: {catalog: all-minilm-l6, inputs: {attention_mask: {integers: [0, 1]}}}
include:
  - {model: crepe-tiny, threads: 2, batch: [1, 2],
     target: [cpu, torch, torch-script, torch-aot, torch-bf16, litert, mnn, ncnn, executorch]}
  - {model: crepe-tiny, threads: 1, batch: 1, target: [torch-script, torch-aot, litert, ncnn, executorch]}
  - {model: all-minilm-l6, threads: 2, batch: 1,
     target: [torch-script, torch-aot, torch-bf16, litert, mnn, ncnn, executorch]}
  - {model: all-minilm-l6, threads: 2, batch: 2, target: [mnn, ncnn]}
  - {model: holes, threads: 2, batch: 1, target: [cpu, torch, torch-aot, litert, mnn, ncnn, executorch]}
  - {model: holes, threads: 1, batch: 1, target: [cpu, tract]}
  - {model: magika, threads: 2, batch: 1, target: [torch-aot, ncnn, executorch]}
"""
TRANSLATED = {"torch-aot", "litert", "mnn", "ncnn", "executorch"}
# The largest difference from transformers' model with the same mask, and with no mask, over tokens of both types.
COMPARE = """
import sys
sys.path.insert(0, sys.argv[1])
import torch
from transformers import AutoModel
from bench.worker.factories import sentence_encoder

module, _ = sentence_encoder(sys.argv[2])
own = AutoModel.from_pretrained(sys.argv[2], local_files_only=True).eval()
torch.manual_seed(0)
ids, types, mask = torch.randint(0, 30522, (3, 40)), torch.randint(0, 2, (3, 40)), torch.ones(3, 40, dtype=torch.int64)
mask[1, 25:] = mask[2, ::2] = 0
with torch.inference_mode():
    found = module.eval()(ids, mask, types)
    masked, unmasked = (own(ids, m, types).last_hidden_state for m in (mask, None))
print(float((found - masked).abs().max()), float((found - unmasked).abs().max()))
"""
# Each output is a small difference of large products: 1000 * 1 - 1000 * 1.001. With the 8 bits that BF16 has for its
# digits, 1.001 is 1, and nothing is left of it.
ILL_CONDITIONED = """
import torch

def product():
    class Product(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(64, 8, bias=False)
            with torch.no_grad():
                self.linear.weight.copy_(torch.tensor([1.0, -1.001]).repeat(8, 32))

        def forward(self, features):
            return self.linear(features)

    return Product(), {"features": torch.full((2, 64), 1000.0)}
"""
PRODUCT_SUITE = """
suite: product
preset: quick
measure: {rounds: 1, bursts: 6, windows: 0, trial_s: 1}
models:
  product: {factory: "mine:product", inputs: {features: {shape: [batch, 64], constant: 1000}}}
matrix:
  model: product
  target: [cpu, torch, torch-bf16, torch-script, torch-compile, torch-aot, litert, ncnn, executorch]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(bench.run(load_text(SUITE), tmp_path_factory.mktemp("from-torch")))


def row(run: Run, model: str, target: str, batch: int = 1, threads: int = 2) -> pd.Series:
    t = run.trials
    found = t[(t.model == model) & (t.target == target) & (t.batch == batch) & (t.threads == threads)]
    assert len(found) == 1, f"{model} {target} has {len(found)} rows"
    return found.iloc[0]


def test_what_computes_in_fp32_is_right_and_says_so(run: Run):
    ok = run.trials[(run.trials.status == "ok") & (run.trials.target != "torch-bf16")]
    assert set(ok.target) >= {"cpu", "torch", "torch-script", *TRANSLATED}
    assert ok.output_ok.all(), ok[["cell_id", "max_rel_error"]].to_string()
    assert set(ok.precision_effective) == {"fp32"}


def test_every_cell_ran_or_says_what_stopped_it(run: Run):
    failed = run.trials[run.trials.status != "ok"]
    assert set(failed.status) <= {"unsupported", "skipped"}, failed[["cell_id", "status", "reason"]].to_string()
    assert failed.reason.str.len().gt(20).all()


def test_the_transformer_runs_and_is_right_on_every_runtime(run: Run):
    for target in ("torch-script", *TRANSLATED):
        found = row(run, "all-minilm-l6", target)
        assert found.status == "ok" and found.max_rel_error < 1e-5, (target, found.max_rel_error, found.reason)


@pytest.mark.parametrize(("target", "threads"), [*((name, 2) for name in ("torch", *TRANSLATED)), ("tract", 1)])
def test_no_runtime_attends_to_what_is_masked(run: Run, target: str, threads: int):
    """ncnn reads on behind a mask of one row for all queries; with every token attended to, zeros lie there too."""
    found = row(run, "holes", target, threads=threads)
    assert found.status == "ok" and found.max_rel_error < 1e-5, (found.max_rel_error, found.reason)


def test_the_encoder_is_the_one_of_transformers():
    folder = fetch_catalog("all-minilm-l6").path
    command = [ensure(spec_of("torch")).python, "-c", COMPARE, worker_folder(cache_root()), folder]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    masked, unmasked = map(float, said[-2:])
    assert masked < 1e-5 and unmasked > 0.1


def test_what_a_runtime_has_no_layer_for_is_named(run: Run):
    found = row(run, "all-minilm-l6", "ncnn", batch=2)
    assert found.status == "unsupported"
    assert "ncnn has no layer for Tensor.reshape" in found.reason


def test_a_model_without_a_torch_module_is_skipped_with_what_would_make_it_run(run: Run):
    for target in ("torch-aot", "ncnn", "executorch"):
        found = row(run, "magika", target)
        assert found.status == "skipped" and "a `factory`" in found.reason


def test_batches_above_one_verify_too(run: Run):
    for target in ("torch-script", *TRANSLATED):
        assert row(run, "crepe-tiny", target, batch=2).output_ok, target


def test_the_threads_asked_for_took_effect(run: Run):
    ok = run.trials[run.trials.status == "ok"]
    assert (ok.threads_effective == ok.threads).all(), ok[["cell_id", "threads_effective"]].to_string()
    compiled = [json.loads(row(run, "crepe-tiny", "torch-aot", threads=n).options) for n in (1, 2)]
    assert [options["threads_compiled"] for options in compiled] == ["1", "2"]


def test_making_another_form_has_its_time_and_loading_a_module_has_none(run: Run):
    ok = run.trials[run.trials.status == "ok"]
    made = ok.target.isin(TRANSLATED)
    assert (ok[made].translate_ns > 0).all() and (ok[made].model_bytes > 0).all()
    assert ok[~made].translate_ns.isna().all()


def test_executorch_tells_what_xnnpack_took(run: Run):
    cnn, transformer = row(run, "crepe-tiny", "executorch"), row(run, "all-minilm-l6", "executorch")
    for found in (cnn, transformer):
        assert 0 < found.nodes_on_provider < found.nodes_total
        assert "partial_fallback" not in found["flags"]  # its own kernels took the rest
    assert cnn.nodes_on_provider / cnn.nodes_total > transformer.nodes_on_provider / transformer.nodes_total


def test_autocast_computes_in_bf16_and_the_row_says_so(run: Run):
    for model in ("crepe-tiny", "all-minilm-l6"):
        found = row(run, model, "torch-bf16")
        assert found.status == "ok" and found.precision_effective == "bf16"
        assert "precision_differs" in found["flags"]


def test_a_product_that_needs_fp32_tells_bf16_from_it(tmp_path: Path):
    (tmp_path / "mine.py").write_text(ILL_CONDITIONED, "utf-8")
    (tmp_path / "product.yaml").write_text(PRODUCT_SUITE, "utf-8")
    trials = read_run(bench.run(tmp_path / "product.yaml", tmp_path / "results")).trials.set_index("target")
    assert (trials.status == "ok").all(), trials.reason.to_string()
    assert trials.output_ok.to_dict() == {name: name != "torch-bf16" for name in trials.index}
    computed = trials.precision_effective.to_dict()
    assert [computed[name] for name in ("cpu", "torch", "torch-bf16")] == ["fp32", "fp32", "bf16"]
    assert {"precision_differs", "wrong_output"} <= set(trials.loc["torch-bf16", "flags"])
    assert not {"precision_differs", "wrong_output"} & set(trials.loc["torch", "flags"])


DEVICES_SUITE = """
suite: torch-devices
preset: quick
measure: {rounds: 1, bursts: 6, windows: 0, trial_s: 1}
targets:
  less-overhead: {target: torch-compile, options: {mode: reduce-overhead}}
  no-such-mode: {target: torch-compile, options: {mode: much-faster}}
  no-such-gpu: {target: torch, device: "cuda:63"}
include:
  - {model: crepe-tiny, threads: 2, target: [cpu, torch, less-overhead], scenario: [latency, device_resident]}
  - {model: crepe-tiny, threads: 2, target: [no-such-mode, no-such-gpu]}
"""


def test_torch_runs_at_both_boundaries_and_says_what_it_has_not(tmp_path: Path):
    trials = read_run(bench.run(load_text(DEVICES_SUITE), tmp_path)).trials
    measured = trials[trials.target.isin(["torch", "less-overhead"])]
    assert measured.groupby("target").boundary.nunique().eq(2).all()
    assert measured.status.eq("ok").all() and measured.output_ok.all(), measured.reason.tolist()
    assert json.loads(trials[trials.target == "less-overhead"].iloc[0].options)["mode"] == "reduce-overhead"
    for target, why in (("no-such-mode", "torch.compile has no mode `much-faster`"), ("no-such-gpu", "cuda:63")):
        row = trials[trials.target == target].iloc[-1]
        assert row.status == "unsupported" and why in row.reason
