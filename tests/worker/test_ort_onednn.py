"""What oneDNN's log tells of the inside of a fused node: lines as OpenVINO 2025.4's oneDNN wrote them."""

from dataclasses import replace

import pytest

from bench.contract.job import Placement, Workload
from bench.worker.adapters import ort_onednn
from bench.worker.adapters.ort_onednn import primitives, told_by_onednn

VINO, CPU = "OpenVINOExecutionProvider", "CPUExecutionProvider"
HEAD = "onednn_verbose,v1,info,oneDNN v3.8.0 (commit n/a)\nonednn_verbose,v1,info,cpu,runtime:threadpool,nthr:2\n"
INT8 = (
    "onednn_verbose,v1,primitive,exec,cpu,convolution,brg_conv_fwd:avx10_1_512_amx,forward_inference,"
    "src:u8::blocked:acdb::f0 wei:s8:ap:blocked:AcdB16b32a4b::f8:zpm1 bia:f32::blocked:a::f0 dst:u8::blocked:acdb::f0,"
    "attr-scratchpad:user attr-scales:src0:0:f32 attr-zero-points:src0:0:s32,alg:convolution_direct,"
    "mb1_ic12oc24_ih208oh208kh3sh1dh0ph1_iw208ow208kw3sw1dw0pw1,{ms}\n"
)
FP32 = INT8.replace("src:u8", "src:f32").replace("wei:s8", "wei:f32")
REORDER = (
    "onednn_verbose,v1,primitive,exec,cpu,reorder,jit:uni,undef,src:u8::blocked:acdb::f0 dst:u8::blocked:abcd::f0,"
    ",,1x6x13x13,0.0039\n"
)
UNPACKED = (
    "onednn_verbose,v1,primitive,exec,cpu,inner_product,brgemm:avx512_core_vnni,forward_inference,"
    "src:f32::blocked:ab::f0 wei:u4:ap:blocked:AB16b64a::f0 dst:f32::blocked:ab::f0,attr-scratchpad:user,,"
    "mb1ic512oc1024,0.5\n"
)


def workload(**columns: object) -> Workload:
    return replace(Workload("model.onnx", "onnx", "fp32", threads=1, provider=VINO), **columns)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch):
    def of(log: str, found: Placement) -> Placement:
        monkeypatch.setattr(ort_onednn, "_log", lambda _: log)
        return told_by_onednn(workload(), found)

    return of


FUSED = Placement(
    nodes={VINO: 40},
    time_share={VINO: 1.0},
    precision="fp32",  # of what goes into it, which says nothing
    operators={f"{VINO}/OpenVINO-EP-subgraph": 1},
    operator_ns={f"{VINO}/OpenVINO-EP-subgraph": 10_000_000},
)


def test_each_heavy_primitive_is_told_with_what_it_computed_in() -> None:
    log = HEAD + REORDER + INT8.format(ms=1.5) + FP32.format(ms=2) + UNPACKED
    assert list(primitives(log)) == [
        ("convolution int8", 1_500_000),
        ("convolution fp32", 2_000_000),
        ("inner_product fp32", 500_000),
    ]


def test_a_lower_precision_that_is_only_allowed_counts_as_taken() -> None:
    line = FP32.format(ms=1).replace("attr-scratchpad:user", "attr-scratchpad:user attr-fpmath:bf16")
    assert list(primitives(line)) == [("convolution bf16", 1_000_000)]


def test_the_fused_node_keeps_what_onednn_did_not_take(told) -> None:
    run = INT8.format(ms=1) + INT8.format(ms=2) + FP32.format(ms=1) + REORDER
    slow = INT8.format(ms=90) + INT8.format(ms=90) + FP32.format(ms=90)
    found = told(HEAD + slow + run * (ort_onednn.RUNS - 1), FUSED)
    assert found.operators == {
        f"{VINO}/OpenVINO-EP-subgraph": 1,
        f"{VINO}/convolution int8": 2,
        f"{VINO}/convolution fp32": 1,
    }
    assert found.operator_ns == {
        f"{VINO}/OpenVINO-EP-subgraph": 6_000_000,
        f"{VINO}/convolution int8": 3_000_000,
        f"{VINO}/convolution fp32": 1_000_000,
    }, "the first run holds allocations"
    assert found.precision == "int8"
    assert found.nodes == FUSED.nodes


@pytest.mark.parametrize("log", ["", HEAD + REORDER, "no such variable"])
def test_without_a_heavy_primitive_the_precision_is_not_known(told, log: str) -> None:
    assert told(log, FUSED) == replace(FUSED, precision=None)


def test_what_ran_elsewhere_for_most_of_the_time_decides(told) -> None:
    split = replace(FUSED, time_share={VINO: 0.3, CPU: 0.7}, precision="int8")
    assert told(FP32.format(ms=1) * ort_onednn.RUNS, split).precision == "int8"
    assert told("", split) == split


def test_a_process_that_fails_tells_nothing() -> None:
    assert told_by_onednn(workload(model="/there/is/none.onnx"), FUSED).precision is None
