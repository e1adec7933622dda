"""Write docs/runtimes.md from the catalog: `python docs/runtimes.py`. A test holds the page to it."""

from pathlib import Path

from bench import catalog
from bench.catalog import Precision, Provider, Runtime, Target
from bench.contract.tool import Tool

PAGE = Path(__file__).with_suffix(".md")
HEAD = """\
# Runtimes and execution providers

Every row of the catalog (`bench/catalog/providers.toml`, `runtimes.toml`), written by `python docs/runtimes.py`. What
of it your machine can measure, and what the rest misses there, tells `ortbench machine`; `ortbench run` builds the
environments a suite needs.

"Measured" says where a row was measured for real by us. **A row without a place has not been run on hardware yet**: it
is written by the maker's documentation, and everything up to the missing device is tested.

## Execution providers of ONNX Runtime

A provider comes with a wheel of its own, or as a plugin: a library that is registered in a stock ONNX Runtime. Azure's
provider is left out on purpose: it measures a network.

| Target | Provider | Comes with | Platforms | Needs | Computes on | Options passed | Proved by | Measured |
|---|---|---|---|---|---|---|---|---|
"""
NATIVE = """
## Native runtimes

They load a model's ONNX file, a twin of it, or its torch module; where they have a form of their own, the model is
translated by their own tool in a job before anything is timed (`translate_ns`).

| Target | Runtime | Comes with | Platforms | Takes | Options passed | Measured |
|---|---|---|---|---|---|---|
"""
RECIPES = """
## Recipes of runtimes' own

INT8 and INT4 as a runtime's maker makes them, beside the recipes for ONNX files: in one block of a run, on one page.
Each is made of the model as that runtime reads it at FP32, and held to the same tolerance of the same reference.

| Recipe | Label | Runs on | Made with | Options |
|---|---|---|---|---|
"""
TOOLS = """
## Other tools

Programs that measure by themselves, in their own way: what they report stands beside the rest, flagged `other_method`.
A suite can name any other: [suite.md](suite.md).

| Target | Tool | Comes with | Measures | Measured |
|---|---|---|---|---|
"""
NOTES = """
## Notes

"""


def page() -> str:
    """Return the page as it should be."""
    runtimes, providers = catalog.runtimes(), catalog.providers().values()
    native = [row for row in runtimes.values() if row.targets]
    makers = dict.fromkeys(row.environment for row in catalog.precisions().values() if row.native)
    rows = (*providers, *native, *(runtimes[name] for name in makers))
    notes = [(row.label, row.note) for row in rows if row.note]
    return (
        HEAD
        + "".join(_provider(row, runtimes[row.runtime]) for row in providers)
        + NATIVE
        + "".join(_native(row, name) for row in native for name in row.targets if not catalog.targets()[name].provider)
        + RECIPES
        + "".join(_recipe(row) for row in catalog.precisions().values() if row.native)
        + TOOLS
        + "".join(_tool(tool) for tool in catalog.tools().values())
        + NOTES
        + "".join(f"- {label}: {note}.\n" for label, note in notes)
    )


def _provider(row: Provider, runtime: Runtime) -> str:
    needs = [row.needs or runtime.needs or "", "fixed shapes" if row.fixed_shapes else ""]
    cells = (f"`{row.short}`", f"`{row.name}`", _packages(runtime), _platforms(row.platforms or runtime.platforms),
             _listed(needs), ", ".join(row.devices), _passed(row), row.proof, row.measured)  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def _native(row: Runtime, name: str) -> str:
    target = catalog.targets()[name]
    made = [f"{form}, translated" for form in target.translates]
    cells = (f"`{name}`", target.label, _packages(row), _platforms(row.platforms), _listed([*target.formats, *made]),
             _settings(target.options, target.variables), row.measured)  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def _recipe(row: Precision) -> str:
    takes = [f"`{name}`" for name, target in catalog.targets().items() if _runs(row, target)]
    maker = catalog.runtimes()[row.environment]
    cells = (f"`{row.name}`", row.label, _listed(takes), _packages(maker), _settings(row.options))
    return f"| {' | '.join(cells)} |\n"


def _runs(row: Precision, target: Target) -> bool:
    return row.format in target.formats and (not target.precisions or row.name in target.precisions)


def _passed(row: Provider) -> str:
    """Return the options a provider is given, and that which takes the device."""
    device = f"`{row.device_option}`: the device" if row.device_option else ""
    return _listed([_settings(row.options, row.variables), device])


def _settings(*several: dict[str, str]) -> str:
    return ", ".join(f"`{name}={value}`" for settings in several for name, value in settings.items())


def _tool(row: Target) -> str:
    tool = row.tool or Tool()
    cells = (f"`{row.name}`", row.label, tool.comes_with, tool.scenario, tool.measured)
    return f"| {' | '.join(cells)} |\n"


def _packages(runtime: Runtime) -> str:
    common = ("numpy", "onnx==", "onnxscript", "transformers", "safetensors")
    return ", ".join(f"`{text}`" for text in runtime.requirements if not text.startswith(common))


def _platforms(patterns: list[str]) -> str:
    return ", ".join(patterns) or "any"


def _listed(parts: list[str]) -> str:
    return ", ".join(filter(None, parts))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
