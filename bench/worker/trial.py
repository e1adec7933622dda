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
        self.sessions: list[Any] = []  # the first is the timed one; more only where a scenario asks for them
        self.requests: list[Any] = []  # of the sessions in turn
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
            "offer": self.offer,
            "pause": self.pause,
            "cycle": self.cycle,
            "tool": self.tool,
            "verify": self.verify,
            "recheck": self.recheck,
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

    def probe(self, **about: Any) -> dict[str, Any]:
        """Return what the runtime offers here: its version, execution providers and devices."""
        found: dict[str, Any] = self.adapter.probe(**about)
        return found

    def load(self, workload: dict[str, Any]) -> dict[str, Any]:
        self.workload = Workload.from_wire(workload)
        self.sessions = self.requests = []  # of another file, which would keep its weights beside this one's
        start = perf_counter_ns()
        session = self.adapter.load(self.workload)
        elapsed = perf_counter_ns() - start
        self.sessions = [session]
        loaded = session.loaded()
        for name in self.workload.options.keys() - loaded.options.keys():
            raise Failure(Status.UNSUPPORTED, f"this target takes no option `{name}`: leave it out of `options`")
        return {"create_ns": elapsed, "loaded": vars(loaded)}

    def first(self) -> dict[str, Any]:
        request = self.sessions[0].bind(self._inputs(0))
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

    def window(self, seconds: float, concurrency: int, sessions: int = 1) -> dict[str, Any]:
        from bench.worker import timing

        return timing.window(self._runs(concurrency, sessions), seconds)

    def offer(self, concurrency: int, sessions: int, **arguments: Any) -> dict[str, Any]:
        from bench.worker import load

        return load.offer(self._runs(concurrency, sessions), **arguments)

    def pause(self, seconds: float, lead_in: int) -> dict[str, Any]:
        """Work, sleep, then time one inference."""
        from bench.worker import timing

        return timing.pause(self.requests[0].run, seconds, lead_in)

    def cycle(self, give_back: bool) -> dict[str, Any]:
        """Open a session, run it once and close it; see worker/cycles.py. The timed session is closed before."""
        from bench.worker.cycles import cycle

        self.requests, self.sessions = [], []
        inputs = self._inputs(0)
        return cycle(lambda: self.adapter.load(self._workload()).bind(inputs).run(), give_back)

    def tool(self, seconds: int, concurrency: int, sessions: int) -> dict[str, Any]:
        """Let a program measure by itself, and return what it reports."""
        found: dict[str, Any] = self._session().measure(seconds, concurrency, sessions)
        return found

    def _runs(self, concurrency: int, sessions: int) -> list[Callable[[], object]]:
        """Return `concurrency` requests' runs, spread over `sessions`; what is missing is opened, and run once."""
        if len(self.sessions) > sessions:  # another spread than before: the first session and request stay
            del self.sessions[1:], self.requests[1:]
        while len(self.sessions) < sessions:
            self.sessions.append(self.adapter.load(self._workload()))
        while len(self.requests) < concurrency:
            session = self.sessions[len(self.requests) % sessions]
            self.requests.append(session.bind(self._inputs(0)))
            self.requests[-1].run()  # a request's own first run is no part of throughput
        return [request.run for request in self.requests[:concurrency]]

    def verify(self, folder: str, state: dict[str, str]) -> list[dict[str, str]]:
        """Run every input set (and a sequence with the state fed back) and write the outputs; see worker/outputs.py."""
        from bench.worker.outputs import write_outputs

        return write_outputs(self._infer, self._workload().input_sets, state, Path(folder))

    def recheck(self, folder: str, repeats: int, axes: dict[str, int]) -> dict[str, Any]:
        """Run the first set again, and first items alone, and write the outputs; see worker/outputs.py."""
        from bench.worker.outputs import write_again

        return write_again(self._infer, self._workload().input_sets, repeats, axes, Path(folder))

    def _infer(self, inputs: dict[str, Any]) -> dict[str, Any]:
        request = self._session().bind(inputs)
        request.run()
        outputs: dict[str, Any] = request.outputs()
        return outputs

    def placement(self) -> dict[str, Any] | None:
        """Close the timed session and read placement from one of its own, made for that."""
        workload, inputs = self._workload(), self._inputs(0)
        self.requests, self.sessions = [], []
        found = self.adapter.placement(workload, inputs)
        return None if found is None else vars(found)

    def memory(self) -> dict[str, Any]:
        from bench.worker.memory import high_water_bytes

        return {"peak_rss_bytes": high_water_bytes()}

    def close(self) -> dict[str, Any]:
        self.requests, self.sessions = [], []
        return {"pid": os.getpid()}

    def _session(self) -> Any:
        """Return the timed session; one like it where a scenario has closed that."""
        if not self.sessions:
            self.sessions = [self.adapter.load(self._workload())]
        return self.sessions[0]

    def _workload(self) -> Workload:
        if self.workload is None:
            raise Failure(Status.ERROR, "nothing is loaded")
        return self.workload

    def _inputs(self, index: int) -> dict[str, Any]:
        import numpy as np

        files = self._workload().input_sets[index]
        return {name: np.load(path, allow_pickle=False) for name, path in files.items()}
