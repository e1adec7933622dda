"""`ortbench run model.onnx` needs no YAML: the suite is made for the file, after one look at its inputs."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import load_suite, plan
from bench.errors import UsageError
from bench.suite import Facts
from bench.suite.onnx_file import fixed_batch


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def value_info(name: str, sizes: list[int | str]) -> bytes:
    dims = [varint(1 << 3) + varint(size) if isinstance(size, int) else message(2, size.encode()) for size in sizes]
    shape = b"".join(message(1, dim) for dim in dims)
    tensor = varint(1 << 3) + varint(1) + message(2, shape)  # elem_type float, then the shape
    return message(11, message(1, name.encode()) + message(2, message(1, tensor)))


def onnx(*inputs: bytes, weights: tuple[str, ...] = ()) -> bytes:
    graph = b"".join(message(5, message(8, name.encode()) + message(9, b"\0" * 400)) for name in weights)
    return varint(1 << 3) + varint(8) + message(7, message(2, b"graph") + graph + b"".join(inputs))


@pytest.mark.parametrize(
    ("content", "batch"),
    [
        (onnx(value_info("x", [4, 3, 224, 224])), 4),
        (onnx(value_info("x", ["batch", 3])), None),
        (onnx(value_info("x", [1, 3]), value_info("y", ["n"])), None),
        (onnx(value_info("w", ["k", 3]), value_info("x", [300, 3]), weights=("w",)), 300),  # weights listed as inputs
        (onnx(value_info("rate", []), value_info("x", [2])), 2),  # a scalar has no batch
        (onnx(), None),
    ],
)
def test_a_batch_is_fixed_where_every_input_says_a_number(tmp_path: Path, content: bytes, batch: int | None):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert fixed_batch(path) == batch


@pytest.mark.parametrize("content", [b"", b"hello, this is no model", onnx(value_info("x", [1]))[:-3], b"\x08\x08"])
def test_what_is_not_onnx_is_said_before_anything_is_built(tmp_path: Path, content: bytes):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is not an ONNX file, or is cut short") as caught:
        load_suite(path)
    assert caught.value.hint


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80), st.integers(0, 60))
def test_no_bytes_raise_anything_but_a_usage_error(tmp_path: Path, noise: bytes, at: int):
    whole = onnx(value_info("x", ["batch", 3]), weights=("w",))
    path = tmp_path / "m.onnx"
    path.write_bytes(whole[:at] + noise + whole[at + len(noise) :])
    try:
        batch = fixed_batch(path)
    except UsageError:
        return
    assert batch is None or batch > 0


def test_the_default_suite_sweeps_providers_precisions_and_two_batches(tmp_path: Path):
    path = tmp_path / "my model (v2).onnx"
    path.write_bytes(onnx(value_info("x", ["batch", 3])))
    loaded = load_suite(path)
    assert loaded.path is None
    assert loaded.folder == tmp_path
    assert loaded.suite.models["my-model-v2"].path == path.name
    made = plan(loaded, Facts("linux-x86_64", 2))
    assert {cell.target for cell in made.cells} == {"cpu", "openvino", "openvino-native"}
    assert {cell.precision for cell in made.cells} == {"fp32", "fp16", "int8-static", "int4"}
    assert {cell.batch for cell in made.cells} == {1, 8}
    assert not any(cell.skip for cell in made.cells)


def test_a_fixed_batch_is_measured_as_it_is(tmp_path: Path):
    path = tmp_path / "fixed.onnx"
    path.write_bytes(onnx(value_info("x", [4, 3])))
    made = plan(load_suite(path), Facts("linux-x86_64", 2))
    assert {cell.batch for cell in made.cells} == {4}
    assert not any(cell.skip or cell.unknown for cell in made.cells)


def test_the_text_can_be_saved_beside_the_model_and_run_as_it_is(tmp_path: Path):
    path = tmp_path / 'na"me é.onnx'
    path.write_bytes(onnx(value_info("x", ["batch"])))
    made = load_suite(path)
    saved = tmp_path / "saved.yaml"
    saved.write_text(made.text, "utf-8")
    assert load_suite(saved).suite == made.suite
