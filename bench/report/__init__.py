"""Runs as one static HTML page: view models, matplotlib SVG, Jinja2."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.report.publish import write_report as write_report


def __getattr__(name: str) -> object:
    """Load what draws only when it is asked for: the terminal uses this package's words without matplotlib."""
    if name == "write_report":
        return import_module("bench.report.publish").write_report
    raise AttributeError(f"module 'bench.report' has no attribute '{name}'")
