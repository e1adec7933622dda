"""A target on a device by name, and what a suite asks of an execution provider's share."""

import pytest

from bench import plan
from bench.errors import SuiteError
from bench.suite import Facts, load_text

HERE = Facts("linux-x86_64", cores=2, devices=frozenset({"nvidia", "gpu"}))


def planned(text: str):
    return plan(load_text("suite: s\n" + text), HERE)


def problem(text: str) -> str:
    with pytest.raises(SuiteError) as caught:
        load_text("suite: s\n" + text, "s.yaml")
    (found,) = caught.value.problems
    return found


def test_a_device_behind_a_colon_becomes_the_providers_own_option():
    made = planned('matrix: {model: magika, target: [cpu, "cuda:1", "openvino:GPU.0"]}')
    cuda, openvino = made.targets["cuda:1"], made.targets["openvino:GPU.0"]
    assert (cuda.options["device_id"], cuda.device, cuda.label) == ("1", "1", "ORT CUDA on 1")
    assert (openvino.options["device_type"], openvino.device) == ("GPU.0", "GPU.0")
    assert [cell.target for cell in made.cells] == ["cpu", "cuda:1", "openvino:GPU.0"]
    assert not any(cell.skip for cell in made.cells)


def test_a_suites_own_target_and_the_baseline_take_a_device_too():
    text = 'targets: {mine: {target: cuda}}\nbaseline: "mine:1"\nmatrix: {model: magika, target: ["mine:1", "mine:0"]}'
    assert [planned(text).targets[name].options["device_id"] for name in ("mine:1", "mine:0")] == ["1", "0"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("cudda:1", "found `cudda`, expected the name of a target (did you mean `cuda`?)"),
        ("cpu:0", "found the device `0`, expected `cpu` alone: it has no choice of devices"),
        ("cuda:", "found `cuda:`, expected a device behind the colon, such as cuda:0"),
    ],
)
def test_a_device_that_means_nothing_is_a_mistake_with_its_place(target: str, said: str):
    assert problem(f'matrix: {{model: magika, target: [cpu, "{target}"]}}') == f"s.yaml:2:39: matrix.target[1]: {said}"


def test_what_a_suite_asks_of_placement_holds_for_providers_and_not_for_native_runtimes():
    made = planned("placement: {nodes: 0.9, time: 0.8, strict: true}\nmatrix: {model: magika, target: [cpu, litert]}")
    cpu, litert = made.targets["cpu"], made.targets["litert"]
    assert (cpu.least_nodes, cpu.least_time, cpu.strict) == (0.9, 0.8, True)
    assert (litert.least_nodes, litert.least_time, litert.strict) == (0.0, 0.0, False)


def test_a_share_is_between_0_and_1():
    assert "placement.nodes" in problem("placement: {nodes: 90}\nmatrix: {model: magika, target: cpu}")


def test_what_a_target_cannot_do_without_is_named_where_it_is_missing():
    made = plan(
        load_text("suite: s\nmatrix: {model: magika, target: [cpu, webgpu, qnn, migraphx]}"), Facts("linux-x86_64", 2)
    )
    said = {cell.target: cell.skip.reason for cell in made.cells if cell.skip}
    assert "needs a GPU with a Vulkan, Metal or Direct3D 12 driver" in said["webgpu"]
    assert "is made for windows-arm64, linux-aarch64" in said["qnn"]
    assert "needs an AMD GPU with its driver" in said["migraphx"]


def test_native_runtimes_of_other_hardware_are_planned_where_it_is_and_skipped_with_what_is_missing():
    suite = load_text("suite: s\nmatrix: {model: all-minilm-l6, target: [cpu, tensorrt-native, coreml-native]}")

    def said(platform: str, *devices: str) -> dict[str, str]:
        cells = plan(suite, Facts(platform, 2, frozenset(devices))).cells
        return {cell.target: cell.skip.reason if cell.skip else "" for cell in cells}

    linux = said("linux-x86_64")
    assert "TensorRT native needs an NVIDIA GPU with its driver" in linux["tensorrt-native"]
    assert "is made for darwin-arm64, and this is linux-x86_64" in linux["coreml-native"]
    assert said("linux-x86_64", "nvidia", "gpu")["tensorrt-native"] == ""
    mac = said("darwin-arm64", "apple", "gpu")
    assert mac["coreml-native"] == "" and "is made for linux-x86_64" in mac["tensorrt-native"]


def test_tensorrt_takes_a_device_by_its_number():
    made = planned('matrix: {model: magika, target: [cpu, "tensorrt-native:1"]}')
    assert made.targets["tensorrt-native:1"].device == "1"


def test_session_options_of_another_runtime_are_a_mistake():
    text = (
        "suite: s\ntargets: {mine: {target: openvino-native, session: {x.y: 1}}}\nmatrix: {model: magika, target: mine}"
    )
    with pytest.raises(SuiteError, match=r"session.*OpenVINO native, f32 is another runtime"):
        load_text(text)
