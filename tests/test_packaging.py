"""What is installed: a wheel that holds everything it needs, starts fast, and finds its suites from anywhere."""

import json
import os
import subprocess
import sys
import zipfile
from email import message_from_string
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import bench

ROOT = Path(__file__).parents[1]
HEAVY = {"jinja2", "matplotlib", "numpy", "pandas", "pyarrow", "pydantic", "rich", "ruamel", "scipy", "uv"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    [path] = folder.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def unpacked(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as an installation would lay it out; its dependencies are those of this interpreter."""
    folder = tmp_path_factory.mktemp("site-packages")
    wheel.extractall(folder)
    return folder


def python(unpacked: Path, *arguments: str) -> str:
    """Run Python far from the checkout, with the unpacked wheel before everything else."""
    environ = {**os.environ, "PYTHONPATH": str(unpacked)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=unpacked.parent, env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout


def metadata(wheel: zipfile.ZipFile, name: str) -> str:
    return wheel.read(f"ortbench-{bench.__version__}.dist-info/{name}").decode()


def test_the_wheel_holds_the_package_and_the_suites_and_nothing_else(wheel: zipfile.ZipFile):
    package = [path for path in (ROOT / "bench").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    expected = {path.relative_to(ROOT).as_posix() for path in package}
    expected |= {f"bench/shipped_suites/{path.name}" for path in (ROOT / "suites").glob("*.yaml")}
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == expected
    assert {"bench/py.typed", "bench/catalog/models.toml", "bench/report/templates/page.html"} <= expected


def test_it_needs_no_onnxruntime_and_no_extra_asks_for_two(wheel: zipfile.ZipFile):
    found = message_from_string(metadata(wheel, "METADATA"))
    required = [Requirement(text) for text in found.get_all("Requires-Dist", [])]
    runtimes = [row for row in required if row.name.startswith("onnxruntime")]
    assert [row for row in runtimes if row.marker is None] == []
    for extra in found.get_all("Provides-Extra", []):
        where = {"extra": extra, "sys_platform": "win32"}
        assert sum(row.marker is not None and row.marker.evaluate(where) for row in runtimes) <= 1, extra


def test_it_installs_the_command_with_its_licence(wheel: zipfile.ZipFile):
    assert "ortbench = bench.cli:main" in metadata(wheel, "entry_points.txt")
    assert "Apache License" in metadata(wheel, "licenses/LICENSE")


def test_the_command_tells_its_version(unpacked: Path):
    assert python(unpacked, "-m", "bench", "--version") == f"ortbench, version {bench.__version__}\n"


def test_every_name_of_the_api_can_be_had(unpacked: Path):
    code = "import bench; print(*[type(getattr(bench, name)).__name__ for name in bench.__all__])"
    assert python(unpacked, "-c", code).split() == ["function"] * (len(bench.__all__) - 1) + ["str"]


@pytest.mark.parametrize(
    "code", ["import bench", "from bench.cli import group; group(['--help'], standalone_mode=False)"]
)
def test_neither_the_import_nor_help_loads_anything_heavy(unpacked: Path, code: str):
    said = python(unpacked, "-c", f"{code}; import sys; print(); print(*sys.modules)")
    assert {name.partition(".")[0] for name in said.splitlines()[-1].split()} & HEAVY == set()


def test_shipped_suites_are_found_from_anywhere(unpacked: Path):
    code = "import json; from bench.suite import *; print(json.dumps({n: str(p) for n, p in shipped_suites().items()}))"
    found = {name: Path(path) for name, path in json.loads(python(unpacked, "-c", code)).items()}
    suites = {path.stem: path.read_bytes() for path in (ROOT / "suites").glob("*.yaml")}
    assert {name: path.read_bytes() for name, path in found.items()} == suites
    assert {path.parent for path in found.values()} == {unpacked / "bench" / "shipped_suites"}
    assert "quickstart" in python(unpacked, "-m", "bench", "check", "quickstart")


def test_an_installed_ortbench_is_what_these_tests_import():
    try:
        installed = distribution("ortbench")
    except PackageNotFoundError:
        pytest.skip("ortbench is not installed here: these tests run on the checkout")
    if json.loads(installed.read_text("direct_url.json") or "{}").get("dir_info", {}).get("editable"):
        pytest.skip("ortbench is installed as editable: these tests run on the checkout")
    assert Path(bench.__file__) == Path(str(installed.locate_file("bench/__init__.py")))
