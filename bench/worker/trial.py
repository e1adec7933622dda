"""One process's part in a round, phase by phase, on the parent's word."""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from bench.contract.job import Workload
from bench.contract.status import Failure, Status


class Trial:
    """Holds the adapter, the session and the bound requests between phases."""

    def __init__(self) -> None:
        self.adapter: Any = None
        self.session: Any = None
        self.requests: list[Any] = []
        self.workload: Workload | None = None

    def answer(self, op: str, arguments: dict[str, Any]) -> Any:
        phases: dict[str, Callable[..., Any]] = {
            "import": self.import_runtime,
            "probe": self.probe,
            "load": self.load,
            "first": self.first,
            "warm": self.warm,
            "burst": self.burst,
            "window": self.window,
            "verify": self.verify,
            "placement": self.placement,
            "memory": self.memory,
            "close": self.close,
        }
        if op not in phases:
            raise Failure(Status.ERROR, f"this worker knows no request `{op}`")
        return phases[op](**arguments)

    def import_runtime(self, adapter: str) -> dict[str, Any]:
        """Import numpy and the runtime; the parent's clock stays out of it."""
        start = perf_counter_ns()
        module = import_module(f"bench.worker.adapters.{adapter}")
        version = module.import_runtime()
        elapsed = perf_counter_ns() - start
        self.adapter = module
        return {"import_ns": elapsed, "version": version}

    def probe(self) -> dict[str, Any]:
        """Return what the runtime offers here: its version, execution providers and devices."""
        found: dict[str, Any] = self.adapter.probe()
        return found

    def load(self, workload: dict[str, Any]) -> dict[str, Any]:
        self.workload = Workload.from_wire(workload)
        start = perf_counter_ns()
        self.session = self.adapter.load(self.workload)
        return {"create_ns": perf_counter_ns() - start, "loaded": vars(self.session.loaded())}

    def first(self) -> dict[str, Any]:
        request = self.session.bind(self._inputs(0))
        start = perf_counter_ns()
        request.run()
        elapsed = perf_counter_ns() - start
        self.requests = [request]
        return {"first_ns": elapsed}

    def warm(self, **arguments: Any) -> dict[str, Any]:
        from bench.worker import timing

        return timing.warm(self.requests[0].run, **arguments)

    def burst(self, count: int, repeat: int) -> dict[str, Any]:
        from bench.worker import timing

        return timing.burst(self.requests[0].run, count, repeat)

    def window(self, seconds: float, concurrency: int) -> dict[str, Any]:
        from bench.worker import timing

        while len(self.requests) < concurrency:
            self.requests.append(self.session.bind(self._inputs(0)))
            self.requests[-1].run()  # a request's own first run is no part of throughput
        return timing.window([request.run for request in self.requests[:concurrency]], seconds)

    def verify(self, folder: str, state: dict[str, str]) -> list[dict[str, str]]:
        """Run every input set (and a sequence with the state fed back) and write the outputs; see worker/outputs.py."""
        from bench.worker.outputs import write_outputs

        def infer(inputs: dict[str, Any]) -> dict[str, Any]:
            request = self.session.bind(inputs)
            request.run()
            outputs: dict[str, Any] = request.outputs()
            return outputs

        return write_outputs(infer, self._workload().input_sets, state, Path(folder))

    def placement(self) -> dict[str, Any] | None:
        """Close the timed session and read placement from one of its own, made for that."""
        workload, inputs = self._workload(), self._inputs(0)
        self.requests, self.session = [], None
        found = self.adapter.placement(workload, inputs)
        return None if found is None else vars(found)

    def memory(self) -> dict[str, Any]:
        from bench.worker.memory import high_water_bytes

        return {"peak_rss_bytes": high_water_bytes()}

    def close(self) -> dict[str, Any]:
        self.requests, self.session = [], None
        return {"pid": os.getpid()}

    def _workload(self) -> Workload:
        if self.workload is None:
            raise Failure(Status.ERROR, "nothing is loaded")
        return self.workload

    def _inputs(self, index: int) -> dict[str, Any]:
        import numpy as np

        files = self._workload().input_sets[index]
        return {name: np.load(path, allow_pickle=False) for name, path in files.items()}
