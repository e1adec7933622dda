"""One file a runtime. The catalog names a row's adapter; the worker imports that module and calls what is below.

An adapter module has
    import_runtime() -> str                     import the runtime (timed), return its version
    probe() -> dict                             version, execution providers or devices offered here
    load(workload) -> Session                   load and compile (timed); raises Failure with a typed status
    placement(workload, inputs) -> Placement    from a session of its own, never the timed one; None where unreadable
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from bench.contract.job import Loaded

if TYPE_CHECKING:
    import numpy as np


class Request(Protocol):
    """One set of inputs bound to a session. `run` is one inference: inputs in host memory, outputs readable there.

    Where the boundary of the workload is device_resident, both are in the device's memory instead; it is done by then.
    """

    run: Callable[[], object]

    def outputs(self) -> "dict[str, np.ndarray]":
        """Return the outputs of the last run by name."""


class Session(Protocol):
    """One loaded cell."""

    def loaded(self) -> Loaded:
        """Return what took effect, read back from the runtime."""

    def bind(self, inputs: "dict[str, np.ndarray]") -> Request:
        """Prepare a request; several may be in flight at once, each in a thread of its own."""
