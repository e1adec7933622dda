"""The `ortbench` command with the scripted runtime in its catalog: `python scripted_ortbench.py run suite.yaml ...`.

What is in place of something real: a row of the catalog; the tools' environment, the inspection and the reference of a
model whose outputs are its inputs (they would need onnx and onnxruntime); and waits that tests have no use for: a
warm-up that ends at once, a short look at the machine's load, no extra rounds for what a busy machine does. Everything
else - plan, workers, rounds, journal, files, signals - is what users run.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from bench import catalog

ROW = {
    "label": "Scripted",
    "adapter": "scripted",
    "requirements": [],
    "formats": ["onnx"],
    "targets": {
        "scripted": {"label": "Scripted"},
        "scripted-cached": {"label": "Scripted, compiled", "cache": "scripted", "cache_always": True},
        "scripted-translated": {
            "label": "Scripted, of a form of its own",
            "formats": [],
            "translates": ["onnx"],
            "translator": "tools",
        },
    },
}
INSPECTED = {
    "inputs": {"x": {"shape": ["batch", 6], "dtype": "float32"}},
    "outputs": {"x": {}},
    "operators": {"Id": 1},
    "weights": 0,
    "subnormal": 0,
}
SUITE = """\
suite: faults
baseline: steady
models: {{tiny: {{{model}}}}}
targets:
{targets}
matrix: {{model: tiny, target: [{names}], {axes}, threads: 1}}
measure: {{rounds: {rounds}, bursts: 6, burst_ms: 4, windows: 0}}
"""


def install(patch: Callable[[Any, str, Any], None]) -> None:
    """Put what is scripted in place, with `patch(owner, name, value)`."""
    table = catalog._table
    patch(catalog, "_table", lambda name: table(name) | ({"scripted": ROW} if name == "runtimes" else {}))
    for cached in (catalog.runtimes, catalog.targets):
        cached.cache_clear()
    from support.scripted import BRIEF

    from bench.environments import EnvironmentSpec
    from bench.models import fetching
    from bench.runner import lanes, measure, prepare, trial

    patch(prepare, "tools_spec", lambda: EnvironmentSpec("tools", (), current=True))
    patch(fetching, "inspect", lambda shop, model, sha256: INSPECTED)
    patch(lanes, "reference", lambda shop, model, sha256, sets, *_: sets)
    patch(trial, "WARM", BRIEF)
    patch(measure, "BIMODAL", 1e9)
    patch(import_module("bench.environments.machine.conditions"), "SAMPLE_S", 0.01)


def write_suite(
    folder: Path,
    rounds: int | str = 2,
    model: str = "path: tiny.onnx",
    axes: str = "batch: 2",
    **scripts: dict[str, Any],
) -> Path:
    """Write a suite of scripted targets, by name; their logs are `folder / NAME.log`.

    A script's `base` is the target of the catalog it starts from; `rounds`, `model` and `axes` are YAML.
    """
    (folder / "tiny.onnx").write_bytes(b"not read by anything scripted")
    scripts = {"steady": {}, **scripts}
    lines = []
    for name, script in scripts.items():
        options = {"log": str(folder / f"{name}.log"), **script}
        base = options.pop("base", "scripted")
        told = ", ".join(f"{key}: {value!r}" for key, value in options.items())
        lines.append(f"  {name}: {{target: {base}, environment: current, options: {{{told}}}}}")
    text = SUITE.format(targets="\n".join(lines), names=", ".join(scripts), rounds=rounds, model=model, axes=axes)
    (folder / "suite.yaml").write_text(text, "utf-8")
    return folder / "suite.yaml"


def _full_after(rows: int) -> None:
    """Let the system refuse every write beyond the journal's size once it holds `rows` trials."""
    import resource

    from bench.store import Journal

    append, taken = Journal.append, []

    def limited(self: Journal, row: dict[str, Any]) -> None:
        append(self, row)
        taken.append(row)
        if len(taken) == rows:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.path.stat().st_size, resource.RLIM_INFINITY))

    Journal.append = limited  # type: ignore[method-assign]


if __name__ == "__main__":
    install(setattr)
    if full_after := os.environ.get("TEST_DISK_FULL_AFTER"):
        _full_after(int(full_after))
    sys.argv[0] = "ortbench"
    from bench.cli import main

    main()
