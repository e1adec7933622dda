"""What every test has: a cache that is not the user's, and workers that are gone when the test is."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from support import scripted_ortbench
from support.scripted import PYTHON

from bench import catalog
from bench.process import Worker, worker_folder

settings.register_profile("ortbench", derandomize=True, deadline=None)  # the same everywhere, however busy the machine
settings.load_profile("ortbench")


@pytest.fixture(scope="session", autouse=True)
def shared_cache() -> Iterator[Path]:
    """$ORTBENCH_TEST_CACHE, or a folder under the system's temporary one that later sessions use again.

    What is in it is named after its content, so that sharing it hides nothing and saves building environments anew.
    """
    folder = Path(os.environ.get("ORTBENCH_TEST_CACHE") or Path(tempfile.gettempdir()) / "ortbench-test-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORTBENCH_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def worker_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that workers of this tree run from."""
    return worker_folder(tmp_path_factory.mktemp("code"))


@pytest.fixture
def start(worker_code: Path, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Start a worker; what phases may take (seconds) is given by name: start(load=0.5)."""
    started: list[Worker] = []

    def begin(python: Path = PYTHON, **limits_s: float) -> Worker:
        folder = tmp_path / f"worker-{len(started)}"
        folder.mkdir()
        worker = Worker(python, worker_code, folder / "worker.log", dict[str, Any](limits_s))
        started.append(worker)
        return worker

    yield begin
    for worker in started:
        worker.end()


@pytest.fixture
def scripted_catalog() -> Iterator[None]:
    """Scripted targets in this process's catalog, and models that need no tools (support/scripted_ortbench.py)."""
    with pytest.MonkeyPatch.context() as patch:
        scripted_ortbench.install(patch.setattr)
        yield
    catalog.runtimes.cache_clear()
    catalog.targets.cache_clear()
