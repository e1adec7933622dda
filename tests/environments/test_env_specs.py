"""Which packages an environment is asked to hold."""

from dataclasses import replace

import pytest

from bench.catalog import runtimes, targets
from bench.environments import EnvironmentSpec, key_of, spec_for, tools_spec
from bench.errors import UsageError


def spec_with(*requirements: str, target: str = "cpu") -> EnvironmentSpec:
    return spec_for(replace(targets()[target], requirements=list(requirements)))


def test_a_target_runs_in_its_runtimes_pinned_environment():
    assert spec_with().requirements == tuple(sorted(runtimes()["onnxruntime"].requirements))
    assert spec_with().label == "onnxruntime"


def test_a_requirement_replaces_the_one_of_the_same_distribution_however_it_is_spelled():
    spec = spec_with("ONNXRuntime==1.20.1")
    assert spec.requirements == ("ONNXRuntime==1.20.1", "numpy>=2")
    assert spec.label == "onnxruntime (ONNXRuntime==1.20.1)"


def test_two_versions_have_two_environments():
    assert key_of(spec_with("onnxruntime==1.20.1")) != key_of(spec_with())
    assert spec_with("onnxruntime==1.20.1").label != spec_with().label


def test_naming_the_catalogs_own_version_changes_nothing():
    assert spec_with("onnxruntime==1.32.0") == spec_with()


@pytest.mark.parametrize(
    ("version", "numpy"),
    [("1.20.1", "numpy>=2"), ("1.17.3", "numpy<2"), ("1.17.*", "numpy<2"), ("1.15.1", "numpy<1.26,<2")],
)
def test_constraints_follow_the_version(version, numpy):
    assert numpy in spec_with(f"onnxruntime=={version}").requirements


def test_what_the_suite_names_itself_wins_over_a_constraint():
    assert "numpy==1.24.4" in spec_with("onnxruntime==1.15.1", "numpy==1.24.4").requirements


def test_a_requirement_nobody_can_read_is_named_with_its_target():
    with pytest.raises(UsageError) as caught:
        spec_with("onnxruntime = 1.20")
    assert "onnxruntime = 1.20" in caught.value.message
    assert "target `cpu`" in caught.value.message
    assert "onnxruntime==1.20.1" in caught.value.hint


def test_nothing_is_installed_into_the_current_interpreter():
    target = replace(targets()["cpu"], environment="current")
    assert spec_for(target).current
    with pytest.raises(UsageError, match="installs nothing there"):
        spec_for(replace(target, requirements=["onnxruntime==1.20.1"]))


def test_the_tools_have_an_environment_of_their_own():
    assert tools_spec().label == "tools"
    assert any(requirement.startswith("onnx==") for requirement in tools_spec().requirements)


def test_torch_is_asked_for_without_cuda():
    assert spec_with(target="torch").torch_cpu
    assert not spec_with().torch_cpu
