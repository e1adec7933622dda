"""ONNX Runtime's requests whose inputs and outputs have places in the device's memory: to stay there, or for graphs.

A graph replays what was captured at the addresses it was captured at, so inputs and outputs need places that stay
(onnxruntime.ai, "CUDA Execution Provider", "Using CUDA Graphs").
"""

from collections.abc import Callable
from itertools import count
from threading import Lock
from typing import Any

import numpy as np

from bench.contract.job import DEVICE_RESIDENT, Workload

GRAPHS = ("enable_cuda_graph", "trt_cuda_graph_enable")  # options of the CUDA and the TensorRT provider
NO_GRAPH = -1  # as a run's `gpu_graph_id`: neither capture nor replay


def uses_graphs(workload: Workload) -> bool:
    return any(workload.options.get(name, "0").lower() in ("1", "true") for name in GRAPHS)


class DeviceRequest:
    """Inputs are in the device's memory, outputs are left there; a run ends when the device is done."""

    def __init__(self, ort: Any, session: Any, inputs: dict[str, np.ndarray], workload: Workload) -> None:
        place = (workload.memory, int(workload.options.get("device_id", 0)))
        self.session = session
        self.names = [output.name for output in session.get_outputs()]
        self.inputs = {name: ort.OrtValue.ortvalue_from_numpy(value, *place) for name, value in inputs.items()}
        self.binding = session.io_binding()
        for name, value in self.inputs.items():
            self.binding.bind_ortvalue_input(name, value)
        for name in self.names:
            self.binding.bind_output(name, *place)
        self.run: Callable[[], object] = self._run

    def outputs(self) -> dict[str, np.ndarray]:
        return dict(zip(self.names, self.binding.copy_outputs_to_cpu(), strict=True))

    def _run(self, options: Any = None) -> None:
        self.session.run_with_iobinding(self.binding, options)
        self.binding.synchronize_outputs()


class Graphs:
    """The CUDA graphs of a session: one a request, and one run at a time, which is all the provider can do.

    Nothing else may use the device while a graph is captured, so that copies wait for their turn too.
    """

    def __init__(self) -> None:
        self.numbers = count(1)
        self.turn = Lock()


class GraphRequest(DeviceRequest):
    """A request with a graph of its own. Its first run captures it; later ones replay it.

    From host to host a run copies the inputs into their places on the device, and the outputs out of theirs.
    """

    def __init__(
        self, ort: Any, session: Any, inputs: dict[str, np.ndarray], workload: Workload, graphs: Graphs
    ) -> None:
        super().__init__(ort, session, inputs, workload)
        self.given = inputs
        self.copies = workload.boundary != DEVICE_RESIDENT
        self.turn = graphs.turn
        self.captured, self.uncaptured = (_options(ort, number) for number in (next(graphs.numbers), NO_GRAPH))
        self.result: list[np.ndarray] = []
        self.run = self._capture

    def outputs(self) -> dict[str, np.ndarray]:
        return dict(zip(self.names, self.result, strict=True)) if self.copies else super().outputs()

    def _capture(self) -> None:
        """Run without a graph, so that the outputs get places of the right size; keep these, and run again with one."""
        with self.turn:
            self._run(self.uncaptured)
            for name, value in zip(self.names, self.binding.get_outputs(), strict=True):
                self.binding.bind_ortvalue_output(name, value)
        self.run = self._replay_copying if self.copies else self._replay
        self.run()

    def _replay(self) -> None:
        with self.turn:
            self._run(self.captured)

    def _replay_copying(self) -> None:
        with self.turn:
            for name, value in self.inputs.items():
                value.update_inplace(self.given[name])
            self._run(self.captured)
            self.result = self.binding.copy_outputs_to_cpu()


def _options(ort: Any, graph: int) -> Any:
    options = ort.RunOptions()
    options.add_run_config_entry("gpu_graph_id", str(graph))
    return options
