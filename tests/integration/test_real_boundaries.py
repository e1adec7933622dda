"""Inputs and outputs left in the memory of a device, on real runtimes whose device is the CPU: it is the host's."""

import json
import subprocess
from pathlib import Path

import pytest
from support.native import write_model

import bench
from bench import catalog
from bench.environments import cache_root, ensure, spec_for
from bench.process import worker_folder
from bench.store import Run, read_run
from bench.suite import load_text

pytestmark = pytest.mark.runtimes

SUITE = """
suite: boundaries
measure: {rounds: 1, bursts: 6, windows: 1, trial_s: 0.5}
targets:
  graphs-on-a-cpu: {target: cpu, options: {enable_cuda_graph: 1}}
matrix:
  model: magika
  target: [cpu, openvino-native, openvino, graphs-on-a-cpu]
  scenario: [latency, device_resident]
"""
# The requests that CUDA graphs need, on the CPU's memory: ONNX Runtime's calls are the same, and nothing is captured.
GRAPH_REQUESTS = """
import json, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from bench.contract.job import Workload
from bench.worker.adapters import ort
from bench.worker.adapters.ort_device import GraphRequest, Graphs
ort.import_runtime()
found = {}
for boundary in ("host_to_host", "device_resident"):
    workload = Workload(sys.argv[2], "onnx", "fp32", 1, boundary=boundary, memory="cpu")
    session, graphs = ort.load(workload).session, Graphs()
    given = {"x": np.ones((2, 6), np.float32)}
    request = GraphRequest(ort.ort, session, given, workload, graphs)
    request.run()
    first = {name: value.tolist() for name, value in request.outputs().items()}
    given["x"] += 1
    request.run()
    found[boundary] = [first, {name: value.tolist() for name, value in request.outputs().items()}]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(bench.run(load_text(SUITE), tmp_path_factory.mktemp("boundaries")))


def test_a_cell_is_measured_at_both_boundaries_verified_and_never_beside_itself(run: Run):
    for target in ("cpu", "openvino-native"):
        own = run.trials[run.trials.target == target].set_index("boundary")
        assert set(own.index) == {"host_to_host", "device_resident"}
        assert (own.status == "ok").all(), own.reason.tolist()
        assert own.output_ok.all() and own.block_id.nunique() == own.cell_id.nunique() == 2
        assert own.samples_ns.map(len).min() > 0


def test_a_provider_whose_memory_cannot_be_named_is_unsupported_there(run: Run):
    own = run.trials[run.trials.target == "openvino"].set_index("boundary")
    assert own.loc["host_to_host"].status == "ok"
    assert own.loc["device_resident"].status == "unsupported"
    assert own.loc["device_resident"].reason.startswith("ORT OpenVINO cannot leave inputs and outputs")


def test_cuda_graphs_of_a_provider_that_has_none_are_unsupported(run: Run):
    own = run.trials[run.trials.target == "graphs-on-a-cpu"]
    assert set(own.status) == {"unsupported"}
    assert own.reason.str.contains("no option `enable_cuda_graph`").all()


def test_a_request_for_graphs_reads_its_inputs_anew_only_from_host_to_host(tmp_path: Path):
    environment = ensure(spec_for(catalog.targets()["cpu"]))
    command = [
        environment.python,
        "-I",
        "-c",
        GRAPH_REQUESTS,
        worker_folder(cache_root()),
        write_model("three", tmp_path),
    ]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    ones = {"twice": [[2.0] * 6] * 2, "sum": [1.0] * 2}
    twos = {"twice": [[4.0] * 6] * 2, "sum": [2.0] * 2}
    assert found["host_to_host"] == [ones, twos]
    assert found["device_resident"][0] == ones
