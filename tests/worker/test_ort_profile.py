"""Placement and precision from small profiles as ONNX Runtime writes them: the first run of a node is not timed."""

import json

import pytest

from bench.worker.adapters.ort_profile import read_profile

CPU, VINO = "CPUExecutionProvider", "OpenVINOExecutionProvider"
FLOAT, HALF, IDS = [{"float": [1, 8]}], [{"float16": [1, 8]}], [{"int64": [1]}]
BYTES = [{"uint8": [1, 8]}, {"int8": [8, 8]}]


def kernel(name, op, dur, provider=CPU, types=None):
    arguments = {"op_name": op, "provider": provider, "input_type_shape": FLOAT if types is None else types}
    return {"cat": "Node", "name": f"{name}_kernel_time", "dur": dur, "args": arguments}


@pytest.fixture
def read(tmp_path):
    def found(*runs, assigned=None):
        """Read a profile of several runs, each a list of kernels, with the events that are no kernel around them."""
        events = [{"cat": "Session", "name": "model_loading", "dur": 9_000_000, "ts": 0}]
        for number, run in enumerate(runs, 1):
            start = {"ts": number * 1_000_000}
            events.append(
                {"cat": "Node", "name": "a_fence_before", "dur": 7_000, "args": {"op_name": "MatMul"}} | start
            )
            events += [event | start for event in run]
            events.append({"cat": "Session", "name": "model_run", "dur": 900_000} | start)  # told when it is over
        (tmp_path / "profile.json").write_text(json.dumps(events))
        return read_profile(tmp_path / "profile.json", assigned)

    return found


def test_nodes_and_time_go_to_their_provider(read):
    first = [kernel("a", "MatMul", 900), kernel("b", "Gelu", 800, VINO), kernel("c", "Add", 700, VINO)]
    later = [kernel("a", "MatMul", 30), kernel("b", "Gelu", 8, VINO), kernel("c", "Add", 2, VINO)]
    found = read(first, later, later)
    assert found.nodes == {CPU: 1, VINO: 2}
    assert found.time_share == {CPU: 0.75, VINO: 0.25}
    assert found.operators == {f"{CPU}/MatMul": 1, f"{VINO}/Gelu": 1, f"{VINO}/Add": 1}


def test_an_operator_takes_the_median_of_its_nodes_over_the_runs_after_the_first(read):
    def run(a, b, c):
        return [kernel("a", "MatMul", a), kernel("b", "MatMul", b), kernel("c", "Gelu", c, VINO)]

    found = read(run(900, 900, 900), run(30, 500, 8), run(31, 20, 9), run(700, 21, 7))
    assert found.operator_ns == {f"{CPU}/MatMul": (31 + 21) * 1000, f"{VINO}/Gelu": 8000}


def test_a_node_in_a_loop_takes_all_its_turns(read):
    turns = [kernel("a", "MatMul", 10), kernel("a", "MatMul", 12), kernel("a", "MatMul", 14)]
    found = read(turns, turns, turns)
    assert (found.operators, found.operator_ns) == ({f"{CPU}/MatMul": 1}, {f"{CPU}/MatMul": 36_000})


def test_a_branch_taken_in_one_run_of_many_takes_no_time(read):
    run = [kernel("a", "MatMul", 10)]
    assert read(run, run, [*run, kernel("b", "Gemm", 90)], run).operator_ns == {
        f"{CPU}/MatMul": 10_000,
        f"{CPU}/Gemm": 0,
    }


def test_the_first_run_of_a_node_is_left_out_of_the_times(read):
    slow = [kernel("a", "MatMul", 1_000_000, VINO), kernel("b", "MatMul", 1)]
    assert read(slow, [kernel("a", "MatMul", 1, VINO), kernel("b", "MatMul", 3)]).time_share == {VINO: 0.25, CPU: 0.75}


def test_a_profile_of_one_run_has_nodes_and_no_times(read):
    found = read([kernel("a", "MatMul", 10)])
    assert (found.nodes, found.time_share, found.precision, found.operator_ns) == ({CPU: 1}, None, None, {})


def test_the_graphs_own_assignment_counts_before_the_profile(read):
    """A fused subgraph is one node of a profile, and many of the graph's."""
    assigned = [(VINO, "Conv"), (VINO, "Relu"), (CPU, "NonZero")]
    run = [kernel("fused", "OpenVINO-EP", 5, VINO)]
    found = read(run, run, assigned=assigned)
    assert found.nodes == {VINO: 2, CPU: 1}
    assert found.time_share == {VINO: 1.0}
    assert found.operators == {f"{VINO}/OpenVINO-EP": 1}, "what ran, in one piece"


def test_the_pieces_that_a_provider_fused_are_told_as_one_operator(read):
    run = [kernel("a", "OpenVINO-EP-subgraph_1", 5, VINO), kernel("b", "OpenVINO-EP-subgraph_12", 6, VINO)]
    found = read(run, run)
    assert found.operators == {f"{VINO}/OpenVINO-EP-subgraph": 2}
    assert found.operator_ns == {f"{VINO}/OpenVINO-EP-subgraph": 11_000}


def test_an_assignment_that_lists_less_than_ran_on_a_device_is_not_believed(read):
    """onnxruntime-webgpu 1.27 lists its CPU nodes, and next to none of its own."""
    run = [kernel("a", "Mul", 5, VINO), kernel("b", "Add", 5, VINO), kernel("c", "Cast", 1)]
    copied = [*run, kernel("d", "MemcpyToHost", 1, VINO)]
    assert read(copied, copied, assigned=[(CPU, "Cast")]).nodes == {VINO: 2, CPU: 1}
    assert read(copied, copied, assigned=[(VINO, "Mul"), (CPU, "Cast")]).nodes == {VINO: 2, CPU: 1}


def test_casts_that_the_cpu_provider_adds_are_no_nodes_of_the_model(read):
    run = [kernel("a", "MatMul", 5), kernel("b", "Cast", 1), kernel("c", "Cast", 1)]
    found = read(run, run, assigned=[(CPU, "MatMul")])
    assert found.nodes == {CPU: 1}
    assert found.operators == {f"{CPU}/MatMul": 1, f"{CPU}/Cast": 2}, "but they ran"


@pytest.mark.parametrize(
    ("op", "types", "precision"),
    [
        ("MatMul", FLOAT, "fp32"),
        ("Conv", HALF, "fp16"),
        ("MatMul", [{"bfloat16": [1]}], "bf16"),
        ("QLinearConv", BYTES, "int8"),
        ("DynamicQuantizeMatMul", [{"float": [1]}, {"int8": [1]}], "int8"),
        ("MatMulNBits", [{"float": [1]}, {"uint8": [1]}], "int4"),
        ("Gather", IDS, None),
        ("Loop", [], None),
    ],
)
def test_precision_is_read_from_operator_and_input_types(read, op, types, precision):
    run = [kernel("a", op, 10, types=types)]
    assert read(run, run).precision == precision


def test_precision_is_that_of_the_heavy_work_by_time(read):
    """Long casts and copies in float do not make a quantised model float."""
    run = [kernel("a", "MatMulInteger", 30, types=BYTES), kernel("b", "MatMul", 20), kernel("c", "Transpose", 900)]
    assert read(run, run).precision == "int8"


def test_without_heavy_work_the_rest_decides(read):
    run = [kernel("a", "Add", 30, types=HALF), kernel("b", "Mul", 20), kernel("c", "Shape", 900, types=IDS)]
    assert read(run, run).precision == "fp16"
