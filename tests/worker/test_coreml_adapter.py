"""CoreML's adapter against a stand-in: no Mac was at hand (docs/runtimes.md says so). Its conversion is tested for
real in tests/integration/test_real_coreml_conversion.py."""

from dataclasses import replace

import numpy as np
import pytest
from support import fake_coreml
from support.fake_coreml import CALLS

from bench.contract.job import Workload
from bench.contract.status import Failure, Status
from bench.worker.adapters import coreml

INPUTS = {"x": np.ones((2, 3), np.float32), "ids": np.arange(4, dtype=np.int64)}


@pytest.fixture
def mac(monkeypatch):
    monkeypatch.setattr(coreml, "ct", None)
    monkeypatch.setattr(coreml, "precision_of", lambda spec: "fp32")
    fake_coreml.install(monkeypatch)
    coreml.import_runtime()


@pytest.fixture
def asked(tmp_path):
    files = {name: str(tmp_path / f"{name}.npy") for name in INPUTS}
    return Workload(str(tmp_path / "model.mlpackage"), "torch", "fp32", threads=2, input_sets=[files])


def failure(call, *arguments) -> Failure:
    with pytest.raises(Failure) as told:
        call(*arguments)
    return told.value


def test_a_request_predicts_with_32_bit_integers_and_gives_outputs_in_the_programs_order(mac, asked):
    request = coreml.load(asked).bind(INPUTS)
    CALLS.clear()
    request.run()
    assert CALLS == [("predict",)]
    found = request.outputs()
    assert list(found) == ["y", "n"]
    np.testing.assert_array_equal(found["y"], INPUTS["x"] + 6)


def test_inputs_go_by_position_where_the_program_has_named_them_otherwise(mac, asked):
    files = dict(zip(("features", "tokens"), asked.input_sets[0].values(), strict=True))
    given = dict(zip(files, INPUTS.values(), strict=True))
    request = coreml.load(replace(asked, input_sets=[files])).bind(given)
    request.run()
    assert request.outputs()["n"] == [4]


def test_a_model_of_another_number_of_inputs_is_refused(mac, asked):
    session = coreml.load(replace(asked, input_sets=[{"x": asked.input_sets[0]["x"]}]))
    assert "has 2 inputs, the model 1" in failure(session.bind, {"x": INPUTS["x"]}).reason


@pytest.mark.parametrize("units", ["ALL", "CPU_ONLY", "CPU_AND_GPU", "CPU_AND_NE"])
def test_the_compute_units_asked_for_are_those_it_loads_with_and_tells(mac, asked, units):
    loaded = coreml.load(replace(asked, options={"compute_units": units})).loaded()
    assert ("load", asked.model, units) in CALLS
    assert (loaded.device, loaded.options, loaded.threads) == (units, {"compute_units": units}, None)


def test_strange_options_are_refused_with_those_there_are(mac, asked):
    told = failure(coreml.load, replace(asked, options={"compute_units": "NPU"}))
    assert told.status == Status.UNSUPPORTED
    assert "compute_units is `NPU`; it can be ALL, CPU_ONLY, CPU_AND_GPU, CPU_AND_NE" in told.reason
    told = failure(coreml.load, replace(asked, options={"units": "ALL"}))
    assert "no option units; it has compute_units, compute_precision" in told.reason


def test_the_plan_tells_where_operations_go_those_within_others_too(mac, asked):
    found = coreml.placement(asked, INPUTS)
    assert found.nodes == {"NeuralEngine": 1, "CPU": 2, "GPU": 2}
    assert found.operators == {"NeuralEngine/conv": 1, "CPU/gather": 1, "CPU/cond": 1, "GPU/linear": 2}
    assert found.time_share is None  # a plan is no profile


def test_a_device_that_was_asked_for_and_got_nothing_is_told_first(mac, asked):
    found = coreml.placement(replace(asked, options={"compute_units": "CPU_AND_NE"}), INPUTS)
    assert list(found.nodes.items()) == [("NeuralEngine", 0), ("CPU", 5)]


def test_a_model_that_coreml_refuses_fails_with_its_words_at_load(monkeypatch, asked):
    monkeypatch.setattr(coreml, "ct", None)
    fake_coreml.install(monkeypatch, refused="Error reading protobuf spec. validator error")
    coreml.import_runtime()
    with pytest.warns(RuntimeWarning):
        told = failure(coreml.load, asked)
    assert told.status == Status.UNSUPPORTED and "validator error" in told.reason


def test_the_probe_names_the_devices_of_a_mac(mac):
    assert coreml.probe() == {"version": "9.0", "devices": ["CPU", "GPU", "NeuralEngine"]}


def test_without_macos_the_probe_says_that_it_is_a_part_of_it(monkeypatch):
    monkeypatch.setattr(coreml, "ct", None)
    fake_coreml.install(monkeypatch, mac=False)
    coreml.import_runtime()
    told = failure(coreml.probe)
    assert told.status == Status.UNSUPPORTED and "a part of macOS" in told.reason
