"""Runs as one static HTML page: view models, matplotlib SVG, Jinja2."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.report.publish import write_comparison as write_comparison
    from bench.report.publish import write_report as write_report


def __getattr__(name: str) -> object:
    """Load what draws only when it is asked for: the terminal uses this package's words without matplotlib."""
    if name in ("write_report", "write_comparison"):
        return getattr(import_module("bench.report.publish"), name)
    raise AttributeError(f"module 'bench.report' has no attribute '{name}'")
