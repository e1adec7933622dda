"""Plugin providers, devices and placement on real builds of ONNX Runtime: whatever falls back says so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.native import FINE, write_model

import bench
from bench.analysis import summarize
from bench.catalog import targets
from bench.contract.job import Workload
from bench.environments import ensure, spec_for
from bench.environments.machine import devices, fingerprint, on_this_machine, platform_name
from bench.process import Worker
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
  option-of-ggml: {{target: ggml, options: {{nonsense: 1}}}}
  no-such-gpu: {{target: ggml, device: GPU.7}}
models:
  product: {{path: product.onnx, inputs: {{x: {{constant: {FINE}}}}}}}
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
    - option-of-ggml
    - no-such-gpu
include:
  - {{model: basic-pitch, target: [cpu, ggml]}}
  - {{model: product, target: [cpu, ggml, qnn-simulator]}}
  - {{model: product, target: [cpu, ggml], precision: int4}}
"""
WEBGPU = f"""
suite: webgpu
{ONCE}
placement: {{nodes: %s, strict: %s}}
matrix: {{model: magika, target: [cpu, webgpu-software]}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("plugins")
    write_model("product", folder)
    (folder / "plugins.yaml").write_text(SUITE, "utf-8")
    return read_run(bench.run(folder / "plugins.yaml", folder / "results"))


def last(run: Run, target: str, model: str, precision: str = "fp32") -> pd.Series:
    t = run.trials
    trials = t[(t.target == target) & (t.model == model) & (t.precision == precision)]
    assert len(trials), f"{target} has no row"
    return trials.iloc[-1]


def ended(run: Run, target: str, model: str = "magika") -> tuple[str, str]:
    row = last(run, target, model)
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


def test_openvinos_plugin_is_right_in_fp32_or_is_skipped_where_it_offers_no_device(run: Run):
    row = last(run, "openvino-plugin", "magika")
    if "intel" not in (fingerprint()["cpu"]["model"] or "").lower():
        reason = "onnxruntime_ep_openvino was registered, and offers no device on this machine"
        assert (row.status, row.reason) == ("skipped", reason)
        return
    assert row.status == "ok" and row.output_ok, "its own default is BF16 where the processor has that"


def test_a_plugin_for_another_ort_cannot_be_had_together_with_it(run: Run):
    status, reason = ended(run, "for-another-ort")
    assert status == "skipped" and "could not be built" in reason and "onnxruntime==1.20.1" in reason


@pytest.mark.skipif("software-vulkan" not in devices(), reason="no software Vulkan device: it comes with Chromium")
def test_a_plugin_in_an_ort_that_takes_none_says_so(run: Run):
    status, reason = ended(run, "before-plugins")
    assert status == "skipped" and "ONNX Runtime 1.22.1 takes no plugin" in reason


def test_a_device_that_is_not_there_is_no_fallback_to_cpu(run: Run):
    status, reason = ended(run, "openvino:GPU.3")
    assert status == "error" and "did not start on GPU.3, and ONNX Runtime fell back" in reason
    assert reason.endswith("Device GPU.3 is not available")  # what it says in its log alone
    status, reason = ended(run, "no-such-gpu")
    assert status == "unsupported" and reason == "ggml offers CPU.0, 0, CPU here, not GPU.7"


@pytest.mark.parametrize("target", ["unknown-option", "option-of-cpu", "option-of-ggml"])
def test_an_option_that_does_not_exist_is_refused(run: Run, target: str):
    status, reason = ended(run, target)
    assert status in ("error", "unsupported", "skipped") and "nonsense" in reason


def test_weights_in_int4_that_a_plugin_leaves_to_the_cpu_in_silence_are_not_its_own(run: Run):
    assert ended(run, "ggml", "product")[0] == "ok" and last(run, "ggml", "product").nodes_on_provider == 1
    row = last(run, "ggml", "product", "int4")
    assert row.status == "unsupported" and row.reason.startswith("ggml took none of its ")
    assert last(run, "cpu", "product", "int4").status == "ok"


def test_qnn_gets_fixed_shapes_and_a_soc_and_takes_it_all(run: Run):
    row = last(run, "qnn-simulator", "product")
    assert row.status == "ok", row.reason
    assert row.nodes_on_provider == row.nodes_total == 1 and row.time_on_provider == 1
    assert row.precision_effective == "fp16" and {"simulator", "precision_differs"} <= set(row["flags"])


def test_qnn_that_is_given_open_dimensions_takes_nothing_in_silence(place: Callable[..., Any]):
    """The trap itself: why its files are fixed, and why a session that lists the provider proves nothing."""
    assert set(place("qnn-simulator")["nodes"]) == {"CPUExecutionProvider"}


@pytest.mark.skipif("software-vulkan" not in devices(), reason="no software Vulkan device: it comes with Chromium")
def test_what_webgpu_1_27_leaves_out_of_its_assignment_is_counted_from_the_profile(place: Callable[..., Any]):
    found = place("webgpu", targets()["webgpu-software"].variables)
    assert found["nodes"] == {"WebGpuExecutionProvider": 1}
    assert found["time_share"]["WebGpuExecutionProvider"] > 0.5


@pytest.fixture
def place(worker_code: Path, tmp_path: Path) -> Callable[..., Any]:
    """Load the product as it is, with its open batch, on a target; return where it went."""
    model = write_model("product", tmp_path)
    np.save(tmp_path / "x.npy", np.ones((1, 64), np.float32))

    def found(name: str, variables: dict[str, str] | None = None) -> Any:
        target = targets()[name]
        about = {"provider": target.provider, "plugin": target.plugin, "options": target.options}
        sets, places = [{"x": str(tmp_path / "x.npy")}], {"cache_dir": str(tmp_path)}
        workload = Workload(str(model), "onnx", "fp32", 2, input_sets=sets, **about, **places)
        python, log = ensure(spec_for(target)).python, tmp_path / "worker.log"
        with Worker(python, worker_code, log, {}, on_this_machine(variables or target.variables)) as worker:
            worker.ask("import", adapter="ort")
            worker.ask("load", workload=workload.to_wire())
            worker.ask("first")
            return worker.ask("placement")

    return found


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
