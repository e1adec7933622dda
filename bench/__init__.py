"""ortbench: which runtime, execution provider, precision and batch size to deploy a model with, on this machine.

The names below are the Python API. They load on first use, because this file is also copied into the worker's
folder, where nothing but `bench.contract` and `bench.worker` exists.
"""

from importlib import import_module

__version__ = "0.1.0"

_API = {
    "load_suite": "bench.suite",
    "plan": "bench.suite",
    "run": "bench.runner",
    "read_runs": "bench.store",
    "compare": "bench.analysis",
    "write_report": "bench.report",
}
__all__ = [*_API, "__version__"]


def __getattr__(name: str) -> object:
    if name in _API:
        return getattr(import_module(_API[name]), name)
    raise AttributeError(f"module 'bench' has no attribute '{name}'")
