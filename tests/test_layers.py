"""The layers of design.md, read from the imports of every file: a package imports only from lines below its own."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench
from bench import catalog

PACKAGE = Path(bench.__file__).parent
LAYERS = [  # from the top down; `bench` itself and `worker` have tests of their own
    {"cli", "console"},
    {"fleet"},
    {"report", "runner"},
    {"analysis", "models"},
    {"environments", "store"},
    {"suite", "process"},
    {"catalog"},
    {"contract", "errors"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
ENTRANCES = {"__init__", "__main__"}  # of the package itself: the API, loaded on use, and `python -m bench`
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text("utf-8")) for path in FILES}


def layer(path: Path) -> str:
    """The package, or the module, directly under bench/ that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def of(*names: str) -> list[Path]:
    found = [path for path in FILES if layer(path) in names]
    assert found, f"no file belongs to {names}"
    return found


def imported(path: Path, module_level: bool = False) -> Iterator[str]:
    """Every module a file imports, absolute; with `module_level` only those that importing the file imports."""
    package = ["bench", *path.relative_to(PACKAGE).parts[:-1]]
    nodes = _unindented(TREES[path]) if module_level else ast.walk(TREES[path])
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _unindented(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs on import: not the bodies of functions, nor what is for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        if not typing_only and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from _unindented(node)


def ours(path: Path) -> set[str]:
    """The packages under bench/ that a file imports from, its own left out."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("bench.")} & set(RANK | {"worker": 0}) - {
        layer(path)
    }


def test_every_package_has_its_place():
    assert {layer(path) for path in FILES} - ENTRANCES - {"worker"} <= set(RANK)


@pytest.mark.parametrize("path", [path for path in FILES if layer(path) in RANK], ids=lambda path: path.stem)
def test_a_package_imports_only_from_lines_below_its_own(path):
    allowed = {name for name, rank in RANK.items() if rank > RANK[layer(path)]}
    if layer(path) == "models":
        allowed |= {"environments"}
    if layer(path) == "cli":
        allowed |= {"console"}
    assert ours(path) <= allowed


def test_the_contract_imports_the_standard_library_only():
    for path in of("contract"):
        assert {name.split(".")[0] for name in imported(path)} <= {*sys.stdlib_module_names, "bench"}, path
        assert ours(path) == set(), path


def test_the_worker_imports_of_ours_only_the_contract():
    for path in of("worker"):
        assert ours(path) <= {"contract"}, path


def test_outside_adapters_and_jobs_the_worker_imports_numpy_at_most():
    """A runtime is imported inside a timed phase; factories import torch when they are called."""
    for path in of("worker"):
        if not {"adapters", "jobs"} & set(path.relative_to(PACKAGE).parts):
            allowed = {*sys.stdlib_module_names, "bench", "numpy"}
            assert {name.split(".")[0] for name in imported(path, module_level=True)} <= allowed, path


def test_an_adapter_imports_its_runtime_only_when_it_is_told_to():
    for path in of("worker"):
        if path.parent.name == "adapters":
            allowed = {*sys.stdlib_module_names, "bench", "numpy"}
            assert {name.split(".")[0] for name in imported(path, module_level=True)} <= allowed, path


def test_nobody_imports_the_worker():
    for path in FILES:
        if layer(path) != "worker":
            assert "worker" not in ours(path), path


def test_the_package_itself_loads_nothing_until_it_is_used():
    """It is copied into the worker's folder, where there is nothing but the contract and the worker."""
    names = list(imported(PACKAGE / "__init__.py", module_level=True))
    assert {name.split(".")[0] for name in names} <= set(sys.stdlib_module_names)


@pytest.mark.parametrize(
    ("library", "layers"),
    [
        ("pandas", {"store", "analysis", "report", "cli"}),  # in cli, the verbs that show a run's table
        ("matplotlib", {"report"}),
        ("jinja2", {"report"}),
        ("click", {"cli"}),
        ("rich", {"cli", "console"}),
        ("pydantic", {"suite"}),
    ],
)
def test_a_library_lives_in_its_layers(library, layers):
    users = {layer(path) for path in FILES if library in {name.split(".")[0] for name in imported(path)}}
    assert users <= layers


HELP = """
import sys
sys.argv = ["ortbench", "--help"]
from bench.cli import main
try:
    main()
finally:
    print(*sys.modules)
"""


def test_asking_for_help_imports_no_heavy_library():
    environ = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    said = subprocess.run([sys.executable, "-c", HELP], env=environ, capture_output=True, text=True, check=True).stdout
    loaded = set(said.splitlines()[-1].split())
    assert "bench.cli" in loaded
    assert not loaded & {"pandas", "numpy", "pyarrow", "pydantic", "matplotlib", "scipy", "rich", "psutil", "ruamel"}


def test_only_cli_and_console_print_or_exit():
    """The worker's scripted adapter makes noise on purpose, and a worker whose parent has died has nobody to tell."""
    for path in FILES:
        if layer(path) in ("cli", "console", "worker"):
            continue
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("print", "sys.exit", "exit", "quit", "os._exit"), f"{path}:{node.lineno} {called}"
            assert not isinstance(node, ast.Raise) or "SystemExit" not in ast.dump(node), f"{path}:{node.lineno}"


def test_every_adapter_the_catalog_names_is_there_and_whole():
    for runtime in catalog.runtimes().values():
        if runtime.adapter:
            path = PACKAGE / "worker" / "adapters" / f"{runtime.adapter}.py"
            assert path.is_file(), f"{runtime.name} names the adapter {runtime.adapter}"
            functions = {node.name for node in TREES[path].body if isinstance(node, ast.FunctionDef)}
            assert {"import_runtime", "probe", "load", "placement"} <= functions, path


def test_every_adapter_is_named_by_the_catalog_or_is_the_scripted_one():
    named = {runtime.adapter for runtime in catalog.runtimes().values()}
    files = [path for path in (PACKAGE / "worker" / "adapters").glob("*.py") if path.stem != "__init__"]
    whole = {
        path.stem
        for path in files
        if "load" in {node.name for node in TREES[path].body if isinstance(node, ast.FunctionDef)}
    }
    assert whole - named == {"scripted"}
