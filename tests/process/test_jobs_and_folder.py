"""Jobs in processes of their own, and the folder that workers run from."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from support.scripted import PYTHON
from support.wheelhouse import start_python

import bench
from bench.contract.status import Failure, Status
from bench.process import run_job, worker_folder


def test_a_job_returns_what_the_worker_found_and_leaves_nothing(worker_code, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set(psutil.Process().children(recursive=True))
    assert run_job(PYTHON, worker_code, "import", adapter="scripted")["version"] == "1.0"
    assert list(tmp_path.iterdir()) == []
    assert set(psutil.Process().children(recursive=True)) <= before


def test_a_job_that_fails_is_typed_and_leaves_nothing(worker_code, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("ORTBENCH_SCRIPT", '{"fault": "exit", "phase": "import", "code": "9"}')
    with pytest.raises(Failure, match="exit code 9 during `import`; it last wrote: about to exit") as caught:
        run_job(PYTHON, worker_code, "import", adapter="scripted")
    assert caught.value.status == Status.CRASHED
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_hangs_is_ended_at_its_limit(worker_code, monkeypatch):
    monkeypatch.setenv("ORTBENCH_SCRIPT", '{"fault": "hang", "phase": "import"}')
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(Failure, match=r"within 0\.3 s of `import`") as caught:
        run_job(PYTHON, worker_code, "import", limits_s={"import": 0.3}, adapter="scripted")
    assert caught.value.status == Status.TIMEOUT
    assert set(psutil.Process().children(recursive=True)) <= before


def test_the_folder_holds_what_a_worker_may_import_and_nothing_else(tmp_path):
    folder = worker_folder(tmp_path)
    assert {path.name for path in (folder / "bench").iterdir()} == {"__init__.py", "contract", "worker"}
    assert (folder / "bench" / "worker" / "adapters" / "scripted.py").is_file()
    assert list(folder.rglob("*.pyc")) == []


def test_the_folder_is_named_after_what_is_in_it(tmp_path, monkeypatch):
    first = worker_folder(tmp_path / "cache")
    assert worker_folder(tmp_path / "cache") == first
    assert worker_folder(tmp_path / "other").name == first.name
    changed = tmp_path / "bench"
    for path in Path(bench.__file__).parent.rglob("*.py"):
        place = changed / path.relative_to(Path(bench.__file__).parent)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    (changed / "worker" / "timing.py").write_text("another = 1\n")
    monkeypatch.setattr("bench.process.folder.resources.files", lambda name: changed)
    second = worker_folder(tmp_path / "cache")
    assert second != first
    assert (second / "bench" / "worker" / "timing.py").read_text() == "another = 1\n"
    assert "another" not in (first / "bench" / "worker" / "timing.py").read_text()


def test_several_processes_may_make_it_at_once(tmp_path):
    code = f"import pathlib, bench.process\nprint(bench.process.worker_folder(pathlib.Path({str(tmp_path)!r})))"
    running = [start_python(code) for _ in range(4)]
    said = {process.communicate(timeout=60)[0].strip() for process in running}
    assert said == {str(worker_folder(tmp_path))}
    assert len(list((tmp_path / "worker").iterdir())) == 1  # nothing half-made beside it


@pytest.fixture(scope="module")
def another_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that holds numpy and nothing else."""
    import uv
    from numpy import __file__ as numpy_file

    folder = tmp_path_factory.mktemp("numpy-only")
    command = [uv.find_uv_bin(), "venv", "--quiet", "--no-python-downloads", "--python", sys.executable, str(folder)]
    subprocess.run(command, check=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"]
    packages = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
    for path in Path(numpy_file).parents[1].glob("numpy*"):  # with the libraries beside it, where a wheel has them
        if path.is_dir():
            shutil.copytree(path, packages / path.name, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    return python


def test_an_isolated_worker_imports_nothing_of_its_parents(start, tmp_path, another_python, worker_code, monkeypatch):
    trap = tmp_path / "trap"
    trap.mkdir()
    for name in ("numpy", "sitecustomize", "usercustomize", "json"):
        (trap / f"{name}.py").write_text("raise SystemExit('imported from a trap')\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(trap), *sys.path]))
    monkeypatch.chdir(trap)
    worker = start(another_python)
    worker.ask("import", adapter="scripted")
    found = worker.ask("probe")["modules"]
    assert {"numpy", "bench.worker.trial", "bench.contract.job", "json"} <= set(found)
    home, standard = another_python.parents[1].resolve(), Path(os.__file__).parent.resolve()
    for name, file in found.items():
        path = Path(file).resolve()
        ours = path.is_relative_to(home) or path.is_relative_to(worker_code.resolve())
        library = path.is_relative_to(standard) and "site-packages" not in path.parts
        library |= Path(file) == standard / "sitecustomize.py"  # Debian's own, a link out of its library
        assert ours or library, f"{name} comes from {file}"
        assert ours == (name.partition(".")[0] in ("bench", "numpy")), f"{name} comes from {file}"
