"""Plugin providers, devices and placement on real builds of ONNX Runtime: whatever falls back says so."""

from pathlib import Path

import pandas as pd
import pytest

import bench
from bench.analysis import summarize
from bench.environments.machine import devices, fingerprint, platform_name
from bench.store import Run, read_run
from bench.suite import load_text

pytestmark = [
    pytest.mark.runtimes,
    pytest.mark.skipif(platform_name() != "linux-x86_64", reason="these plugins have wheels for Linux on x86-64"),
]
ONCE = "measure: {rounds: 1, bursts: 6, windows: 0, trial_s: 0.5}\n"
SUITE = f"""
suite: plugins
{ONCE}
targets:
  for-another-ort: {{target: ggml, requirements: ["onnxruntime==1.20.1", "onnxruntime-ggml==0.2.0"]}}
  before-plugins: {{target: webgpu-software, requirements: ["onnxruntime==1.22.1"]}}
  unknown-option: {{target: openvino, options: {{nonsense: 1}}}}
  option-of-cpu: {{target: cpu, options: {{nonsense: 1}}}}
  no-such-gpu: {{target: ggml, device: GPU.7}}
matrix:
  model: magika
  target:
    - cpu
    - ggml
    - openvino-plugin
    - openvino:GPU.3
    - for-another-ort
    - before-plugins
    - unknown-option
    - option-of-cpu
    - no-such-gpu
include: [{{model: basic-pitch, target: [cpu, ggml]}}]
"""
WEBGPU = f"""
suite: webgpu
{ONCE}
placement: {{nodes: %s, strict: %s}}
matrix: {{model: magika, target: [cpu, webgpu-software]}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(bench.run(load_text(SUITE), tmp_path_factory.mktemp("plugins")))


def ended(run: Run, target: str, model: str = "magika") -> tuple[str, str]:
    trials = run.trials[(run.trials.target == target) & (run.trials.model == model)]
    assert len(trials), f"{target} has no row"
    row = trials.iloc[-1]
    return row.status, row.reason


def test_a_provider_that_took_no_node_is_no_measurement_although_its_session_lists_it(run: Run):
    status, reason = ended(run, "ggml")
    assert status == "unsupported" and reason.startswith("ggml took none of its ") and "CPUExecutionProvider" in reason
    cells = summarize(run.trials, run.meta)
    cell = cells[(cells.target == "ggml") & (cells.model == "magika")].iloc[0]
    assert not cell.valid


def test_a_node_that_was_taken_and_fails_at_run_time_is_typed_and_the_sweep_goes_on(run: Run):
    status, reason = ended(run, "ggml", "basic-pitch")
    assert status == "error" and "ggml" in reason and "Conv" in reason
    assert ended(run, "cpu", "basic-pitch")[0] == "ok"


def test_a_plugin_without_a_device_here_is_skipped_with_that_reason(run: Run):
    if "intel" in (fingerprint()["cpu"]["model"] or "").lower():
        pytest.skip("this plugin offers its devices on Intel processors")
    assert ended(run, "openvino-plugin") == (
        "skipped", "onnxruntime_ep_openvino was registered, and offers no device on this machine"
    )  # fmt: skip


def test_a_plugin_for_another_ort_cannot_be_had_together_with_it(run: Run):
    status, reason = ended(run, "for-another-ort")
    assert status == "skipped" and "could not be built" in reason and "onnxruntime==1.20.1" in reason


@pytest.mark.skipif("software-vulkan" not in devices(), reason="no software Vulkan device: it comes with Chromium")
def test_a_plugin_in_an_ort_that_takes_none_says_so(run: Run):
    status, reason = ended(run, "before-plugins")
    assert status == "skipped" and "ONNX Runtime 1.22.1 takes no plugin" in reason


def test_a_device_that_is_not_there_is_no_fallback_to_cpu(run: Run):
    assert ended(run, "openvino:GPU.3")[0] == "error" and "fell back" in ended(run, "openvino:GPU.3")[1]
    status, reason = ended(run, "no-such-gpu")
    assert status == "unsupported" and reason == "ggml offers CPU.0, 0, CPU here, not GPU.7"


@pytest.mark.parametrize("target", ["unknown-option", "option-of-cpu"])
def test_an_option_that_does_not_exist_is_refused(run: Run, target: str):
    status, reason = ended(run, target)
    assert status in ("error", "unsupported") and ("nonsense" in reason or "Invalid OpenVINO EP option" in reason)


@pytest.mark.skipif("software-vulkan" not in devices(), reason="no software Vulkan device: it comes with Chromium")
def test_webgpu_on_a_software_adapter_is_right_flagged_and_says_what_it_left_to_the_cpu(tmp_path: Path):
    row = webgpu(tmp_path, 0.5, "false")
    assert row.status == "ok" and row.output_ok
    assert {"software_adapter", "partial_fallback"} <= set(row["flags"])
    assert 0 < row.nodes_on_provider < row.nodes_total and 0.5 < row.time_on_provider <= 1


@pytest.mark.skipif("software-vulkan" not in devices(), reason="no software Vulkan device: it comes with Chromium")
@pytest.mark.parametrize(
    ("nodes", "strict", "status", "said"),
    [(1.0, "false", "unsupported", "the suite asks for 100%"), (0.0, "true", "error", "fallback to CPU")],
)
def test_what_a_suite_asks_of_placement_decides(tmp_path: Path, nodes: float, strict: str, status: str, said: str):
    row = webgpu(tmp_path, nodes, strict)
    assert row.status == status and said in row.reason


def webgpu(folder: Path, nodes: float, strict: str) -> pd.Series:
    trials = read_run(bench.run(load_text(WEBGPU % (nodes, strict)), folder)).trials
    return trials[trials.target == "webgpu-software"].iloc[0]
