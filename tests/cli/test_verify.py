"""`ortbench verify` as a user types it: its table, its exit codes, what it refuses."""

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from bench.cli import main, verified
from bench.cli.verified import show_verification
from bench.contract.status import Failure, Status
from bench.errors import EnvironmentFailed, UsageError
from bench.models.subject import describe
from bench.runner.verify import flow, named, opsets, parting
from bench.runner.verify.checks import judge_size
from bench.runner.verify.findings import Check, Parting, Request, Verdict, Verification, refused
from bench.runner.verify.judging import Bound, Closeness, compare, compare_arrays, set_of
from bench.runner.verify.opsets import chosen
from bench.runner.verify.origins import origin_of
from bench.runner.verify.parting import Node, Outline
from bench.runner.verify.runner import Place, Runner, on_cpu
from bench.suite.schema import Model as SuiteModel
from bench.suite.schema import Suite

AGREES = Check("target", "cpu", Verdict.AGREES, max_abs=1e-7, share=1e-7, excess=0.01, output="y", input_set=0)
PARTING = Parting("node_gelu", "Gelu", "gelu", 4e-4, "by name")
DIFFERS = Check("export", "as stored", Verdict.DIFFERS, max_abs=0.1, excess=120.0, output="y", parting=PARTING)
FOUND = Verification("m.onnx", "m.onnx", "torch:mine:make", 10, 0, 1e-3, 1e-5, {"batch": 2}, [AGREES], ["A note."])
BOUND = Bound(1e-3, 1e-5)


@pytest.fixture
def ortbench(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ortbench", "verify", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def asked(monkeypatch) -> list[Request]:
    """What the command asks for; the answer is FOUND, with a difference for a model that is called wrong.onnx."""
    requests: list[Request] = []

    def verify(request: Request, watch: object) -> Verification:
        requests.append(request)
        return replace(FOUND, checks=[AGREES, DIFFERS]) if request.model == "wrong.onnx" else FOUND

    monkeypatch.setattr("bench.runner.verify.verify", verify)
    return requests


def test_the_exit_code_says_whether_anything_differs(ortbench, asked):
    assert ortbench("right.onnx")[0] == 0
    code, said, _ = ortbench("wrong.onnx")
    assert code == 1
    assert "They part at node_gelu (Gelu), which makes gelu." in said


def test_a_target_asked_for_by_name_that_did_not_run_is_no_success(ortbench, monkeypatch):
    away = Check("target", "xnnpack", Verdict.NOT_HERE, "it is made for Android")
    monkeypatch.setattr("bench.runner.verify.verify", lambda *_: replace(FOUND, checks=[AGREES, away]))
    code, said, told = ortbench("right.onnx", "--target", "cpu", "--target", "xnnpack")
    assert code == 4
    assert "made for Android" in said and "xnnpack, asked for by name, did not run" in told
    assert ortbench("right.onnx")[0] == 0


def test_an_interrupted_verification_keeps_nothing(ortbench, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.runner.verify.verify", interrupted)
    code, _, told = ortbench("right.onnx")
    assert code == 130
    assert "Nothing is kept: begin again." in told


def test_json_holds_every_check_and_the_verdict(ortbench, asked):
    _, said, _ = ortbench("wrong.onnx", "--json")
    found = json.loads(said)
    assert found["differs"] is True
    assert found["checks"][1]["parting"]["node"] == "node_gelu"


def test_what_is_asked_for_is_what_was_typed(ortbench, asked):
    ortbench("m.onnx", "--against", "torch:mine:make", "--target", "cpu", "--target", "xnnpack", "--opsets", "13-15,18",
             "--dim", "sequence=64,1,2", "--inputs", "3", "--no-inside")  # fmt: skip
    [request] = asked
    assert (request.targets, request.opsets) == (("cpu", "xnnpack"), (13, 14, 15, 18))
    assert (request.dims, request.inputs, request.inside) == ({"sequence": [64, 1, 2]}, 3, False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["m.onnx", "--opsets", "new"], "neither 13-20 nor 17,21"),
        (["m.onnx", "--rtol", "nan"], "no bound"),
        (["m.onnx", "--atol", "inf"], "no bound"),
        (["m.onnx", "--dim", "batch"], "NAME=SIZE"),
        (["m.onnx", "--dim", "batch=0"], "NAME=SIZE"),
        (["m.onnx", "--target", "cpuu"], "Did you mean cpu"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_built(ortbench, monkeypatch, arguments, said):
    monkeypatch.setattr(flow, "ensure", lambda *_: pytest.fail("it built an environment"))
    code, _, told = ortbench(*arguments)
    assert code == 2
    assert said in told


def test_a_factory_is_a_module_and_a_function():
    assert flow.factory_given("original.onnx") is None
    assert flow.factory_given("torch:mine.inner:make").name == "mine.inner:make"


@pytest.mark.parametrize("against", ["torch:mine", "torch:a b:c", "torch::make", "torch:mine:"])
def test_what_names_no_factory_is_refused(against: str):
    with pytest.raises(UsageError, match="names no factory"):
        flow.factory_given(against)


def test_a_factory_without_its_prefix_is_told_how_to_write_it(ortbench, monkeypatch, tmp_path: Path):
    subject = SimpleNamespace(description=SimpleNamespace(factory=None))
    with pytest.raises(UsageError) as refusal:
        origin_of(subject, "mymodel:make", None, {}, None, None, 1, tmp_path)  # type: ignore[arg-type]
    assert "torch:mymodel:make" in refusal.value.hint


@pytest.mark.parametrize(("status", "code"), [(Status.UNSUPPORTED, 2), (Status.TIMEOUT, 4), (Status.CRASHED, 4)])
def test_what_a_job_died_of_is_no_error_of_usage(status: Status, code: int):
    assert refused("m.onnx cannot be verified", Failure(status, "it ended")).exit_code == code


def test_an_opset_that_onnx_has_none_of_is_refused():
    file = Outline([], [], [], frozenset(), 17, 24, 25)
    assert chosen(file, (13, 25)) == [13, 25]
    with pytest.raises(UsageError, match="no opset 26"):
        chosen(file, tuple(range(1, 100)))
    assert chosen(file, None) == list(range(17, 25))


@pytest.mark.parametrize(("shifted", "doubted"), [(1, False), (9, True)])
def test_names_are_doubted_where_many_of_them_name_other_operators(shifted: int, doubted: bool):
    def file(op: str) -> Outline:
        return Outline(
            [Node(f"n{each}", op if each < shifted else "Add", ["x"], [str(each)]) for each in range(20)],
            ["19"], [], frozenset(), 17, 24, 25,
        )  # fmt: skip

    origin = SimpleNamespace(file=Path("other.onnx"))
    context = SimpleNamespace(outline=file("Relu"), origin=origin, outline_of=lambda _: file("Mul"))
    assert bool(named.drifted(context)) is doubted  # type: ignore[arg-type]


def test_the_table_leads_with_what_was_compared_and_ends_with_the_verdict():
    screen = io.StringIO()
    show_verification(Console(file=screen, width=120), replace(FOUND, checks=[AGREES, DIFFERS]))
    lines = [line for line in screen.getvalue().splitlines() if line.strip()]
    assert lines[0] == "m.onnx against torch:mine:make"
    assert "at batch 2" in lines[1]
    assert any(line.startswith("! A note.") for line in lines)
    assert lines[-1].startswith("1 of 2 checks differ: export as stored.")


def test_an_opset_is_a_row_for_all_targets_that_say_the_same_of_it():
    at = [replace(AGREES, kind="opset", name="18", excess=excess, target=target)
          for excess, target in ((0.1, ""), (0.4, "cpu"), (9.0, "openvino"))]  # fmt: skip
    at[2] = replace(at[2], verdict=Verdict.DIFFERS, parting=PARTING)
    gone = [Check("opset", "19", Verdict.CANNOT_RUN, why, target="openvino") for why in ("no kernel",)]
    shown = verified.rows([AGREES, *at, *gone])
    assert [(row.label, row.verdict) for row in shown] == [
        ("target cpu", Verdict.AGREES), ("opset 18", Verdict.AGREES), ("opset 18", Verdict.DIFFERS),
        ("opset 19", Verdict.CANNOT_RUN),
    ]  # fmt: skip
    assert (shown[1].reason, shown[1].excess) == ("as stored, cpu", 0.4)
    assert shown[3].reason == "openvino; no kernel"


def on_targets(monkeypatch, places: list[Place], before: list[Check], beyond: set[tuple[str, int]]) -> list[Check]:
    """Cross places with opsets 18 and 19 of a file of 17, where `beyond` holds the targets and opsets that differ."""

    def of_files(runner: Runner, models: list[Path], sets: list[object]) -> Iterator[object]:
        yield from ((runner.label, int(model.stem)) for model in models)

    def judge(kind: str, name: str, expected: object, found: object, bound: Bound) -> Check:
        return Check(kind, name, Verdict.DIFFERS if found in beyond else Verdict.AGREES, excess=1.0)

    monkeypatch.setattr(Runner, "of_files", of_files)
    monkeypatch.setattr(opsets, "judge", judge)
    monkeypatch.setattr(opsets, "discard", lambda _: None)
    monkeypatch.setattr(opsets, "_from_stored", lambda context, opset, *_: f"looked for at {opset}")
    context = SimpleNamespace(
        outline=SimpleNamespace(opset=17), exports={opset: Path(f"{opset}.onnx") for opset in (18, 19)}, expected=[],
        sets=[], bound=BOUND, say=print, origin=SimpleNamespace(factory=None),
    )  # fmt: skip
    return list(opsets.on_targets(context, [17, 18, 19], places, before))  # type: ignore[arg-type]


def test_an_opset_is_run_on_the_targets_that_read_onnx_and_ran_the_file(monkeypatch, tmp_path: Path):
    def place(name: str, **settings: bool) -> Place:
        return Place(name, name, replace(on_cpu(tmp_path, tmp_path, tmp_path, 1, tmp_path), label=name), **settings)

    before = [
        Check("target", "cpu", Verdict.AGREES, excess=0.1),
        Check("target", "bad", Verdict.DIFFERS, excess=9.0),
        Check("target", "litert", Verdict.AGREES, excess=0.1),
        Check("target", "lost", Verdict.CRASHED),
        Check("opset", "18", Verdict.AGREES, excess=0.1),
        Check("opset", "19", Verdict.AGREES, excess=0.1),
    ]
    places = [place("cpu"), place("bad"), place("litert", cuttable=False), place("lost"), Place("away", "Away", None)]
    found = on_targets(monkeypatch, places, before, {("cpu", 18), ("cpu", 19), ("bad", 18)})
    assert [(check.label, check.verdict, check.reason) for check in found] == [
        ("opset 18 cpu", Verdict.DIFFERS, "looked for at 18"),
        ("opset 19 cpu", Verdict.DIFFERS, ""),  # once a target
        ("opset 18 bad", Verdict.DIFFERS, ""),  # as at the file's own
        ("opset 19 bad", Verdict.AGREES, ""),
    ]


@pytest.mark.parametrize("size", [0.1, 0.9, 1000.0])
def test_without_a_scale_an_element_agrees_where_numpy_says_so(size: float):
    rng = np.random.default_rng(0)
    for _ in range(200):
        a = rng.uniform(-size, size, 50)
        b = a + rng.normal(size=50) * 10.0 ** rng.uniform(-6, -3)
        assert compare_arrays(a, b, BOUND).close == np.allclose(b, a, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("expected", "actual", "bound", "close"),
    [
        ([1000.0, 0.0], [1000.0, 1e-4], BOUND, False),
        ([1000.0, 0.0], [1000.0, 1e-3], BOUND.inside(), True),  # a share of the typical element, 707
        ([0.01, 0.0], [0.01, 1.2e-5], BOUND.inside(), False),
        ([-3.4e38, 1.0, 0.0], [-3.4e38, 1.1, 0.0], BOUND, False),  # a mask excuses nothing
        ([-3.4e38, 1.0, 0.0], [-3.4e38, 1.1, 0.0], BOUND.inside(), False),
        ([-3.4e38, 1.0, 0.0], [-3.4e38, 1.1, 0.0], replace(BOUND, of_largest=1e-3), False),
        ([0.5, 0.0], [0.5, 4e-4], replace(BOUND, of_largest=1e-3), True),
        ([np.nan, np.inf], [np.nan, np.inf], BOUND, True),
        ([np.nan, 1.0], [1.0, 1.0], BOUND, False),
        ([np.inf, 1.0], [-np.inf, 1.0], BOUND, False),
    ],
)
def test_what_an_element_may_be_off_by(expected, actual, bound, close):
    assert compare_arrays(np.array(expected, np.float32), np.array(actual, np.float32), bound).close is close


def test_a_catalog_model_on_noise_has_the_bounds_the_catalog_has_for_noise():
    def bound(model: str, **asked: float) -> Bound:
        about = describe(model, Suite(suite="s", models={model: SuiteModel(catalog=model)}))
        return flow.bound_of(Request(model, **asked), about)

    assert bound("basic-pitch") == Bound(1e-3, 1e-5, of_largest=1e-3, of_typical=1e-5)
    assert bound("basic-pitch", atol=1e-6) == Bound(1e-3, 1e-6)
    assert bound("magika") == Bound(1e-3, 1e-5, of_typical=1e-5)


def test_whole_numbers_have_to_be_the_same():
    numbers = np.array([2**60, 5])  # float64 has no 2**60 + 1
    assert compare_arrays(numbers, numbers, BOUND).close
    assert not compare_arrays(numbers, numbers + np.array([1, 0]), BOUND).close


def test_large_arrays_are_compared_in_pieces_as_a_whole(monkeypatch):
    rng = np.random.default_rng(1)
    a = rng.normal(size=1000).astype(np.float32)
    b = (a + rng.normal(size=1000) * 1e-4).astype(np.float32)
    whole = compare_arrays(a, b, BOUND)
    monkeypatch.setattr("bench.runner.verify.judging.PIECE", 7)
    assert compare_arrays(a, b, BOUND) == whole


def test_outputs_are_paired_by_name_else_by_position_and_missing_ones_differ(tmp_path: Path):
    files = []
    for number in range(2):
        np.save(tmp_path / f"{number}.npy", np.full(3, number, np.float32))
        files.append(tmp_path / f"{number}.npy")
    assert compare([{"a": files[0], "b": files[1]}], [{"b": files[1], "a": files[0]}], BOUND).close
    assert compare([{"a": files[0], "b": files[1]}], [{"x": files[0], "y": files[1]}], BOUND).close
    found = compare([{"a": files[0]}, {"a": files[0]}], [{"a": files[0]}, {"a": files[1]}], BOUND)
    assert (found.close, found.output, found.input_set) == (False, "a", 1)
    assert "2 outputs" in compare([{"a": files[0]}], [{"x": files[0], "y": files[1]}], BOUND).problem


def test_alive_after_a_node_is_what_later_nodes_or_the_caller_read():
    nodes = [
        Node("one", "Relu", ["x"], ["a"]),
        Node("two", "Relu", ["a"], ["b", "unread"]),
        Node("three", "Add", ["a", "b"], ["y"]),
    ]
    file = Outline(nodes, ["b", "y"], [], frozenset(), 20, 28, 28)
    assert [file.alive(last) for last in range(3)] == [["a"], ["a", "b"], ["b", "y"]]


RUNS_NOT = Failure(Status.ERROR, "Concat: 15 is not 16")
DIED = Failure(Status.CRASHED, "it was ended by SIGSEGV")


@pytest.mark.parametrize(
    ("theirs", "own", "itself", "certain", "verdict"),
    [
        (RUNS_NOT, RUNS_NOT, True, True, Verdict.DIFFERS),  # a batch
        (RUNS_NOT, RUNS_NOT, True, False, Verdict.CANNOT_RUN),  # a width that has to be a multiple of 32
        (RUNS_NOT, RUNS_NOT, False, True, Verdict.CANNOT_RUN),
        ([], RUNS_NOT, False, False, Verdict.DIFFERS),
        (RUNS_NOT, [], False, False, Verdict.CANNOT_RUN),
        ([], DIED, False, True, Verdict.CRASHED),
        (DIED, DIED, True, True, Verdict.CRASHED),
    ],
)
def test_a_size_that_does_not_run_differs_only_where_it_is_known_that_it_should(theirs, own, itself, certain, verdict):
    context = SimpleNamespace(origin=SimpleNamespace(itself=itself), bound=BOUND)
    assert judge_size(context, "n=3", theirs, own, certain).verdict == verdict  # type: ignore[arg-type]


def test_a_twin_that_joins_outputs_is_compared_with_them_joined(tmp_path: Path):
    halves = {"low": tmp_path / "low.npy", "high": tmp_path / "high.npy"}
    for number, path in enumerate(halves.values()):
        np.save(path, np.full((2, 3, 4), number, np.float32))
    twin = Place("litert", "LiteRT", None, joins={"whole": ["high", "low"]})
    [made] = twin.joined([halves], tmp_path)
    np.save(tmp_path / "whole.npy", np.repeat(np.array([1, 0], np.float32), 3)[None, :, None].repeat(2, 0).repeat(4, 2))
    assert compare([made], [{"whole": tmp_path / "whole.npy"}], BOUND).close
    assert Place("cpu", "CPU", None).joined([halves], tmp_path) == [halves]


def test_more_input_sets_have_more_time():
    runner = on_cpu(Path("python"), Path("code"), Path("m.onnx"), 1, Path("scratch"))
    own = runner.limit_s(4)
    assert runner.limit_s(1) == own
    assert runner.limit_s(400) == 100 * own


def test_a_full_disk_is_no_verdict(monkeypatch, tmp_path: Path):
    def full(*_: object) -> None:
        raise Failure(Status.ERROR, "OSError: [Errno 28] No space left on device: 'outputs-1/0-0.npy'")

    monkeypatch.setattr("bench.runner.verify.runner.Worker", full)
    with pytest.raises(EnvironmentFailed, match="the disk is full"):
        on_cpu(Path("python"), Path("code"), Path("m.onnx"), 1, tmp_path).outputs([{}])


def bisected(monkeypatch, beyond: list[dict[str, bool]]) -> object:
    """Bisect a, b and y made one after the other, where after each node `beyond` says what is beyond the bound."""
    nodes = [Node(f"make_{name}", "Relu", [f"to_{name}"], [name]) for name in ("a", "b", "y")]

    def part(search: object, file: object, stored: object, other: object, inputs: object, last: int) -> object:
        return {
            name: Closeness(share=1e-3, excess=2.0 if off else 0.9, output=name) for name, off in beyond[last].items()
        }

    monkeypatch.setattr(parting, "_part", part)
    search = parting.Search(None, Path(), BOUND, lambda _: None)  # type: ignore[arg-type]
    return parting.bisect(search, Outline(nodes, ["b", "y"], [], frozenset(), 20, 28, 28), None, None, {})  # type: ignore[arg-type]


def test_bisection_goes_by_the_bound_and_names_the_node_that_broke_it(monkeypatch):
    within = {"a": False}  # off by more than rounding, within the bound
    found = bisected(monkeypatch, [within, {"a": False, "b": True}, {"b": True, "y": True}])
    assert isinstance(found, Parting)
    assert (found.node, found.output) == ("make_b", "b")


def test_bisection_names_a_value_that_broke_it_where_the_last_of_them_did_not(monkeypatch):
    found = bisected(monkeypatch, [{"a": False}, {"b": False}, {"b": True, "y": False}])
    assert isinstance(found, Parting)
    assert (found.node, found.output) == ("make_b", "b")


def test_another_number_of_outputs_is_told_in_words(monkeypatch):
    monkeypatch.setattr(parting, "_part", lambda *_: "1 outputs (y), and the origin has 2")
    nodes = [Node("make_y", "Relu", ["x"], ["y"])]
    search = parting.Search(None, Path(), BOUND, lambda _: None)  # type: ignore[arg-type]
    found = parting.bisect(search, Outline(nodes, ["y"], [], frozenset(), 20, 28, 28), None, None, {})  # type: ignore[arg-type]
    assert "the origin has 2" in str(found)


def test_the_sequence_with_state_begins_with_the_first_inputs():
    sets = [{"x": "0.npy"}, {"x": "1.npy"}]
    assert set_of(replace(DIFFERS, input_set=1), sets) == sets[1]
    assert set_of(replace(DIFFERS, input_set=2), sets) == sets[0]
