"""The worker lives in an environment of numpy and one runtime: it needs nothing of ours but its own folder."""

import json
import os
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest

from bench import catalog
from bench.catalog import Target
from bench.contract.job import Workload
from bench.environments import Environment, cache_root, ensure, spec_for, tools_spec
from bench.environments.machine import platform_name
from bench.process import Worker, worker_folder

pytestmark = pytest.mark.runtimes

OF_THE_PARENT = {"ortbench", "click", "pandas", "psutil", "pyarrow", "pydantic", "rich", "ruamel-yaml", "scipy", "uv"}
SQUARE = """
import sys, onnx
text = '<ir_version: 8, opset_import: ["": 17]> square (float[batch, 3] x) => (float[batch, 3] y) { y = Mul(x, x) }'
onnx.save(onnx.parser.parse_model(text), sys.argv[1])
"""
MODULES = """
import json, sys, sysconfig
sys.path.insert(0, sys.argv[1])
from importlib import import_module
import bench.worker.memory, bench.worker.serve, bench.worker.timing, bench.worker.trial
import_module("bench.worker.adapters." + sys.argv[2]).import_runtime()
files = [module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None)]
print("\\n" + json.dumps({"files": files, "standard": sysconfig.get_paths()["stdlib"]}))
"""


@pytest.fixture(scope="module")
def square(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one node, made by the tools environment."""
    path = tmp_path_factory.mktemp("model") / "square.onnx"
    subprocess.run([ensure(tools_spec()).python, "-c", SQUARE, path], check=True)
    return path


@pytest.fixture(params=["cpu", "openvino", "openvino-native"])
def target(request: pytest.FixtureRequest) -> Target:
    found = catalog.targets()[request.param]
    platforms = catalog.runtimes()[found.runtime].platforms
    if not any(fnmatch(platform_name(), pattern) for pattern in platforms):
        pytest.skip(f"{found.runtime} has no wheels for {platform_name()}")
    return found


@pytest.fixture
def environment(target: Target) -> Environment:
    return ensure(spec_for(target))


def test_it_measures_a_model_there(target: Target, environment: Environment, square: Path, tmp_path: Path):
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.save(tmp_path / "x.npy", x)
    workload = Workload(
        model=str(square),
        format="onnx",
        precision="fp32",
        threads=1,
        provider=target.provider,
        device=target.device,
        options=catalog.options_of(target, 1),
        input_sets=[{"x": str(tmp_path / "x.npy")}],
        cache_dir=str(tmp_path),
    )
    with Worker(environment.python, worker_folder(cache_root()), tmp_path / "worker.log") as worker:
        found = worker.ask("import", adapter=catalog.runtimes()[target.runtime].adapter)
        assert any(line.endswith(f"=={found['version']}") for line in environment.freeze)
        assert worker.ask("load", workload=workload.to_wire())["create_ns"] > 0
        assert worker.ask("first")["first_ns"] > 0
        assert len(worker.ask("warm", least=10, least_s=0.01, most_s=0.2, agree=0.5)["warmup_ns"]) >= 10
        assert len(worker.ask("burst", count=9, repeat=2)["samples_ns"]) == 9
        assert worker.ask("window", seconds=0.02, concurrency=2)["completed"] >= 2
        [outputs] = worker.ask("verify", folder=str(tmp_path), state={})
        np.testing.assert_array_equal(np.load(outputs["y"]), x * x)
        assert sum(worker.ask("placement")["nodes"].values()) >= 1


def test_nothing_of_the_parents_is_installed_or_imported_there(target: Target, environment: Environment):
    installed = {line.partition("==")[0] for line in environment.freeze}
    assert "numpy" in installed
    assert installed.isdisjoint(OF_THE_PARENT)
    folder = worker_folder(cache_root())
    command = [environment.python, "-I", "-c", MODULES, folder, catalog.runtimes()[target.runtime].adapter]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = json.loads(said.splitlines()[-1])
    ours, own = os.path.realpath(folder), os.path.realpath(environment.folder or "")
    standard = os.path.realpath(found["standard"])
    # Debian's Python has a sitecustomize of its own, a link out of its library.
    own_start = str(Path(found["standard"]) / "sitecustomize.py")
    files = [os.path.realpath(file) for file in found["files"] if file != own_start]
    assert any(file.startswith(ours) for file in files)
    strangers = [
        file
        for file in files
        if not file.startswith((ours, own)) and (not file.startswith(standard) or "site-packages" in file)
    ]
    assert strangers == []
