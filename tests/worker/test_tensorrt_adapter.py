"""TensorRT's adapter against a stand-in that refuses a wrong order: no GPU was at hand (docs/runtimes.md says so)."""

import gc
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from support import fake_tensorrt
from support.fake_tensorrt import CALLS, Cuda

from bench.contract.job import Workload
from bench.contract.status import Failure, Status
from bench.worker.adapters import tensorrt, tensorrt_cuda

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def cuda(monkeypatch):
    monkeypatch.setattr(tensorrt, "trt", None)
    monkeypatch.setattr(tensorrt_cuda, "cuda", None)
    return fake_tensorrt.install(monkeypatch)


@pytest.fixture
def asked(tmp_path):
    (tmp_path / "model.onnx").write_text("double", "utf-8")
    np.save(tmp_path / "x.npy", X)
    return Workload(
        str(tmp_path / "model.onnx"), "onnx", "fp32", threads=1, input_sets=[{"x": str(tmp_path / "x.npy")}]
    )


def written(asked: Workload, text: str) -> Workload:
    Path(asked.model).write_text(text, "utf-8")
    return asked


def built(asked: Workload) -> Workload:
    return replace(asked, model=str(tensorrt.translate(asked, Path(asked.model).parent)))


def failure(call, *arguments) -> Failure:
    with pytest.raises(Failure) as told:
        call(*arguments)
    return told.value


def test_a_run_copies_in_computes_copies_out_and_waits(cuda, asked):
    request = tensorrt.load(built(asked)).bind({"x": X})
    CALLS.clear()
    request.run()
    assert CALLS == ["in", "run", "out", "out", "wait"]
    found = request.outputs()
    assert list(found) == ["y", "z"]
    np.testing.assert_array_equal(found["y"], 2 * X)


def test_an_array_that_is_not_contiguous_is_copied_as_it_reads(cuda, asked):
    request = tensorrt.load(built(asked)).bind({"x": X.T.copy().T})
    request.run()
    np.testing.assert_array_equal(request.outputs()["y"], 2 * X)


def test_requests_in_flight_have_contexts_streams_and_memory_of_their_own(cuda, asked):
    session = tensorrt.load(built(asked))
    one, other = session.bind({"x": X}), session.bind({"x": X + 1})
    one.run(), other.run()
    assert one.context is not other.context and len(cuda.streams) == 2
    np.testing.assert_array_equal(one.outputs()["y"], 2 * X)
    np.testing.assert_array_equal(other.outputs()["y"], 2 * (X + 1))


def test_a_request_leaves_nothing_on_the_device(cuda, asked):
    gc.disable()  # a cycle would keep gigabytes there until somebody collects it
    try:
        request = tensorrt.load(built(asked)).bind({"x": X})
        request.run()
        assert len(cuda.memory) == 3
        del request
        assert not cuda.memory and not cuda.streams
    finally:
        gc.enable()


def test_fp32_is_fp32_and_the_engine_tells(cuda, asked):
    loaded = tensorrt.load(built(asked)).loaded()
    assert (loaded.precision, loaded.device, loaded.runtime_version) == ("fp32", "Fake GPU", "11.4.0.106")
    assert loaded.options == {"tf32_kernels": "false"} and loaded.threads is None


def test_a_kernel_that_rounds_to_tf32_is_told(cuda, asked, tmp_path):
    engine = built(asked)
    Path(engine.model).write_text(Path(engine.model).read_text("utf-8").replace("_f32f32", "_tf32f32"), "utf-8")
    assert tensorrt.load(engine).loaded().options == {"tf32_kernels": "true"}


def test_placement_weighs_precision_by_the_time_of_layers(cuda, asked):
    found = tensorrt.placement(built(asked), {"x": X})
    assert found.nodes == {"TensorRT": 3} and found.operators == {"TensorRT/gemm": 1, "TensorRT/kgen": 2}
    assert found.precision == "fp32"  # 1.0 ms of it beside 0.9 in FP16


@pytest.mark.parametrize(
    ("told", "kind"),
    [("Float", "fp32"), ("Row major linear FP32 format (kLINEAR)", "fp32"), ("Half", "fp16"), ("BFloat16", "bf16"),
     ("BF16", "bf16"), ("Thirty-two wide channel vectorized row major Int8 format", "int8"), ("Int64", None)],
)  # fmt: skip
def test_the_inspectors_words_for_types(told, kind):
    assert tensorrt._precision({"Outputs": [{"Format/Datatype": told}]}) == kind


def test_an_operator_that_cannot_be_parsed_is_named_with_its_node(cuda, asked):
    told = failure(built, written(asked, "broken"))
    assert told.status == Status.UNSUPPORTED
    assert "Det `/head/Det_7`: No importer registered for op: Det" in told.reason


def test_what_cannot_be_built_says_what_the_builder_logged(cuda, asked):
    told = failure(built, written(asked, "stuck"))
    assert told.status == Status.UNSUPPORTED
    assert told.reason.endswith("Could not find any implementation for node Det_7.")


def test_an_output_of_unknown_shape_is_named(cuda, asked):
    session = tensorrt.load(built(written(asked, "shapely")))
    assert "output y is known only after" in failure(session.bind, {"x": X}).reason


def test_other_shapes_than_those_it_was_built_for_are_refused(cuda, asked):
    session = tensorrt.load(built(asked))
    assert "does not know the shapes of x" in failure(session.bind, {"x": np.zeros((5, 3), np.float32)}).reason


def test_inputs_of_another_type_are_refused_before_their_bytes_are_copied(cuda, asked):
    session = tensorrt.load(built(asked))
    assert "is of float32, and what it is given of int64" in failure(session.bind, {"x": X.astype(np.int64)}).reason


def test_an_engine_of_another_version_says_so(cuda, asked):
    tensorrt.import_runtime()
    told = failure(tensorrt.load, written(asked, "of another version"))
    assert told.reason.endswith("Version tag does not match.")


def test_options_reach_the_builder_and_strange_ones_are_refused(cuda, asked):
    engine = built(replace(asked, options={"builder_optimization_level": "5"}))
    assert json.loads(Path(engine.model).read_bytes())["level"] == 5
    for options in ({"level": "5"}, {"builder_optimization_level": "best"}):
        told = failure(built, replace(asked, options=options))
        assert told.status == Status.UNSUPPORTED and "builder_optimization_level" in told.reason


def test_memory_that_the_device_does_not_have_is_out_of_memory(cuda, asked):
    session = tensorrt.load(built(asked))
    cuda.room = 8
    assert failure(session.bind, {"x": X}).status == Status.OUT_OF_MEMORY


def test_a_device_is_chosen_by_its_number(monkeypatch, asked):
    monkeypatch.setattr(tensorrt, "trt", None)
    cuda = fake_tensorrt.install(monkeypatch, Cuda(cards=("Fake GPU", "Other GPU")))
    session = tensorrt.load(built(replace(asked, device="1")))
    assert session.loaded().device == "Other GPU"
    request, cuda.current = session.bind({"x": X}), 0  # as in a thread that has chosen nothing yet
    request.run()
    assert cuda.current == 1
    assert "there is no 2" in failure(built, replace(asked, device="2")).reason
    assert "numbers from 0, not GPU" in failure(built, replace(asked, device="GPU")).reason


def test_a_driver_that_is_too_old_is_told_in_cudas_words(monkeypatch):
    fake_tensorrt.install(monkeypatch, Cuda(cards=()))
    tensorrt.import_runtime()
    told = failure(tensorrt.probe)
    assert told.status == Status.UNSUPPORTED
    assert "CUDA driver version is insufficient (cudaErrorInsufficientDriver)" in told.reason


def test_a_wheel_without_tensorrts_libraries_says_where_they_are(cuda, monkeypatch):
    class Without(ModuleType):
        def find_spec(self, name, path=None, target=None):
            if name == "tensorrt_bindings":
                raise ImportError("libnvinfer.so.11: cannot open shared object file", name="tensorrt_bindings.tensorrt")

    monkeypatch.delitem(sys.modules, "tensorrt_bindings")
    monkeypatch.setattr(sys, "meta_path", [Without("without"), *sys.meta_path])
    told = failure(tensorrt.import_runtime)
    assert told.status == Status.UNSUPPORTED
    assert "libnvinfer.so.11" in told.reason and "extra-index-url" in told.reason
