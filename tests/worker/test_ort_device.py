"""Requests in a device's memory, on a stand-in of ONNX Runtime that replays graphs as CUDA does."""

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from bench.contract.job import DEVICE_RESIDENT, HOST_TO_HOST, Loaded, Workload
from bench.contract.status import Failure
from bench.worker.adapters import ort
from bench.worker.adapters.ort_device import DeviceRequest

X = {"x": np.arange(4, dtype=np.float32)}
GRAPHS_ON = {"enable_cuda_graph": "1"}


class Value:
    """Memory on a device. `log` is what everybody did to the device, in order."""

    log: ClassVar[list[str]] = []

    def __init__(self, array: np.ndarray, place: tuple[str, int]) -> None:
        self.array, self.place = array.copy(), place

    @classmethod
    def ortvalue_from_numpy(cls, array: np.ndarray, device: str, number: int) -> "Value":
        cls.log.append(f"put on {device}:{number}")
        return cls(array, (device, number))

    def update_inplace(self, array: np.ndarray) -> None:
        self.log.append("copy in")
        self.array[...] = array


class Binding:
    def __init__(self) -> None:
        self.inputs: dict[str, Value] = {}
        self.outputs: dict[str, Value | tuple[str, int]] = {}
        self.found: list[Value] = []

    def bind_ortvalue_input(self, name: str, value: Value) -> None:
        self.inputs[name] = value

    def bind_ortvalue_output(self, name: str, value: Value) -> None:
        self.outputs[name] = value

    def bind_output(self, name: str, device: str, number: int) -> None:
        self.outputs[name] = (device, number)

    def get_outputs(self) -> list[Value]:
        return self.found

    def synchronize_outputs(self) -> None:
        Value.log.append("wait")

    def copy_outputs_to_cpu(self) -> list[np.ndarray]:
        Value.log.append("copy out")
        return [value.array.copy() for value in self.found]


class Session:
    """Doubles its input. What is captured under a number is replayed where it was captured, whatever is bound now."""

    def __init__(self, graphs: bool) -> None:
        self.graphs = graphs
        self.captured: dict[int, tuple[Value, list[Value]]] = {}
        self.running = 0

    def get_outputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="y")]

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        return {}

    def get_session_options(self) -> SimpleNamespace:
        return SimpleNamespace(intra_op_num_threads=1)

    def io_binding(self) -> Binding:
        return Binding()

    def run_with_iobinding(self, binding: Binding, options: Any = None) -> None:
        self.running += 1
        assert self.running == 1 or not self.graphs, "runs of a session with graphs overlap"
        number = options.number if options else 0
        Value.log.append(f"run {number}" if options else "run")
        if self.graphs and number in self.captured:
            source, targets = self.captured[number]
        else:
            source, bound = binding.inputs["x"], binding.outputs["y"]
            targets = [bound if isinstance(bound, Value) else Value(np.full(4, np.nan, np.float32), bound)]
            if self.graphs and number >= 0:
                assert isinstance(bound, Value), "a graph was captured whose output has no place that stays"
                self.captured[number] = source, targets
        targets[0].array[...] = 2 * source.array
        binding.found = targets
        if self.graphs:
            time.sleep(0.0005)
        self.running -= 1


class RunOptions:
    number = 0

    def add_run_config_entry(self, name: str, value: str) -> None:
        assert name == "gpu_graph_id"
        self.number = int(value)


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(Value, "log", [])
    monkeypatch.setattr(ort, "ort", SimpleNamespace(OrtValue=Value, RunOptions=RunOptions, __version__="0"))
    yield


def workload(boundary: str, **options: str) -> Workload:
    return Workload(
        "", "onnx", "fp32", 1, provider="CUDAExecutionProvider", boundary=boundary, memory="cuda", options=options
    )


def session(asked: Workload) -> ort.OrtSession:
    return ort.OrtSession(Session(ort.uses_graphs(asked)), asked)


def doubled(request: Any) -> bool:
    return bool(np.array_equal(request.outputs()["y"], 2 * X["x"]))


def test_inputs_are_put_on_the_device_named_before_a_run_which_copies_nothing_and_waits_for_it():
    request = session(workload(DEVICE_RESIDENT, device_id="1")).bind(X)
    assert Value.log == ["put on cuda:1"]
    request.run()
    assert Value.log[1:] == ["run", "wait"]
    assert doubled(request)


def test_a_graph_in_device_memory_is_captured_by_the_first_run_and_replayed_without_copies():
    request = session(workload(DEVICE_RESIDENT, **GRAPHS_ON)).bind(X)
    request.run()
    assert Value.log[1:] == ["run -1", "wait", "run 1", "wait"]
    request.run()
    assert Value.log[5:] == ["run 1", "wait"]
    assert doubled(request)


def test_from_host_to_host_a_graph_is_fed_and_read_inside_the_run():
    given = {"x": X["x"].copy()}
    request = session(workload(HOST_TO_HOST, **GRAPHS_ON)).bind(given)
    request.run()
    before = len(Value.log)
    given["x"] += 10
    request.run()
    assert Value.log[before:] == ["copy in", "run 1", "wait", "copy out"]
    assert np.array_equal(request.outputs()["y"], 2 * given["x"])


@pytest.mark.parametrize("boundary", [HOST_TO_HOST, DEVICE_RESIDENT])
def test_requests_of_a_session_replay_graphs_of_their_own_one_at_a_time(boundary: str):
    loaded = session(workload(boundary, trt_cuda_graph_enable="true"))
    requests = [loaded.bind({"x": X["x"] * factor}) for factor in (1, 10)]
    threads = [threading.Thread(target=lambda one=one: [one.run() for _ in range(20)]) for one in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [request.outputs()["y"].tolist() for request in requests] == [
        [0.0, 2.0, 4.0, 6.0],
        [0.0, 20.0, 40.0, 60.0],
    ]


def test_without_graphs_host_to_host_is_bound_as_ever(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ort, "OrtRequest", lambda session, inputs: "bound on the host")
    assert session(workload(HOST_TO_HOST, enable_cuda_graph="0")).bind(X) == "bound on the host"
    assert isinstance(session(workload(DEVICE_RESIDENT)).bind(X), DeviceRequest)


def test_placement_is_read_without_graphs_whose_replay_runs_no_kernels_of_its_own(monkeypatch: pytest.MonkeyPatch):
    asked: list[Workload] = []

    def create(workload: Workload, options: Any) -> None:
        asked.append(workload)
        raise Failure("error", "far enough")

    monkeypatch.setattr(ort, "_create", create)
    monkeypatch.setattr(ort, "_session_options", lambda workload: SimpleNamespace(add_session_config_entry=print))
    with pytest.raises(Failure, match="far enough"):
        ort.placement(workload(HOST_TO_HOST, device_id="1", **GRAPHS_ON), X)
    assert asked[0].options == {"device_id": "1"}


def test_a_devices_cell_never_says_it_ran_on_the_cpu():
    found: Loaded = session(workload(HOST_TO_HOST)).loaded()
    assert found.device == "CUDA"
