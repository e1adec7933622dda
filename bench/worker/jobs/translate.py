"""Make a model into the form a runtime takes, by that runtime's own tool, in its own environment."""

from importlib import import_module
from pathlib import Path
from typing import Any

from bench.contract.job import Workload


def run(adapter: str, workload: dict[str, Any], folder: str) -> dict[str, Any]:
    """Call the adapter's `translate(workload, folder)`, which returns the file it made. Raises Failure."""
    made: Path = import_module(f"bench.worker.adapters.{adapter}").translate(Workload.from_wire(workload), Path(folder))
    return {"file": made.name, "bytes": sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())}
