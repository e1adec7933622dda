"""A duel's plan: every cell of the suite as side a and side b have it, in a block of two."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import plan
from bench.catalog import targets
from bench.environments import spec_for
from bench.errors import SuiteError, UsageError
from bench.suite import Facts, LoadedSuite, Plan, load_suite, load_text, plan_hash, with_duel
from bench.suite.duel import AS_IS
from bench.suite.planner import environment_label

HERE = Facts("linux-x86_64", cores=2)
ONE = "matrix: {model: magika, target: cpu}"


def loaded(text: str, a: str = AS_IS, b: str = AS_IS, folder=None) -> LoadedSuite:
    return with_duel(load_text("suite: s\n" + text, folder=folder), a, b)


def duel(text: str, a: str = AS_IS, b: str = AS_IS, facts: Facts = HERE, folder=None) -> Plan:
    return plan(loaded(text, a, b, folder), facts)


def blocks(made: Plan) -> list[str]:
    return [block.id for block in made.blocks]


def pair(made: Plan) -> tuple:
    ((block,), (group,)) = made.blocks, made.blocks[0].groups
    assert block.baseline == group[0].id
    return group


# pairs


@pytest.mark.parametrize(
    ("words", "block", "b"),
    [
        (AS_IS, "magika/fp32/cpu/b1/t2/latency", "magika/fp32/cpu@b/b1/t2/latency"),
        ("onnxruntime==1.31.0", "magika/fp32/cpu/b1/t2/latency", "magika/fp32/cpu@b/b1/t2/latency"),
        ("options.x=1", "magika/fp32/cpu/b1/t2/latency", "magika/fp32/cpu@b/b1/t2/latency"),
        ("openvino", "magika/fp32/cpu~openvino/b1/t2/latency", "magika/fp32/openvino@b/b1/t2/latency"),
        ("int8", "magika/fp32~int8-static/cpu/b1/t2/latency", "magika/int8-static/cpu@b/b1/t2/latency"),
        ("silero-vad", "magika~silero-vad/fp32/cpu/b1/t2/latency", "silero-vad/fp32/cpu@b/b1/t2/latency"),
        ("threads=1", "magika/fp32/cpu/b1/t2~t1/latency", "magika/fp32/cpu@b/b1/t1/latency"),
    ],
)
def test_a_pair_is_a_block_of_two_named_after_what_they_share(words, block, b):
    made = duel(ONE, AS_IS, words)
    assert blocks(made) == [block]
    assert [cell.id for cell in pair(made)] == ["magika/fp32/cpu@a/b1/t2/latency", b]
    assert [cell.side for cell in made.cells] == ["a", "b"]
    assert made.duel == {"a": AS_IS, "b": words}


def test_model_files_are_measured_as_the_suites_only_model(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"x")
    (tmp_path / "n.onnx").write_bytes(b"y")
    text = "models: {mine: {path: m.onnx, inputs: {x: {constant: 1}}}}\nmatrix: {model: mine, target: cpu}"
    made = duel(text, AS_IS, "n.onnx", folder=tmp_path)
    assert [cell.model for cell in pair(made)] == ["mine", "mine@b"]
    assert blocks(made) == ["mine/fp32/cpu/b1/t2/latency"]
    models = loaded(text, "m.onnx", "n.onnx", tmp_path).suite.models
    assert [(models[f"mine@{side}"].path) for side in "ab"] == ["m.onnx", "n.onnx"]
    assert models["mine@b"].inputs == models["mine"].inputs


def test_a_file_takes_the_place_of_wherever_the_model_came_from(tmp_path):
    (tmp_path / "n.onnx").write_bytes(b"y")
    text = "models: {made: {factory: 'nets:tiny'}, far: {url: 'https://example.org/a.onnx', sha256: %s}}\n" % (
        "0a" * 32
    )
    for name in ("made", "far"):
        own = loaded(text + f"matrix: {{model: {name}, target: cpu}}", b="n.onnx", folder=tmp_path).suite.models
        found = own[f"{name}@b"]
        assert (found.path, found.factory, found.url, found.sha256) == ("n.onnx", None, None, None)


def test_two_sides_alike_are_a_duel_too():
    a, b = pair(duel(ONE))
    assert (a.target, b.target) == ("cpu@a", "cpu@b")


def test_an_include_is_changed_as_the_matrix_is():
    """An include takes only the model and the target of the matrix: any other axis it leaves out is the side's too."""
    more = ONE + "\ninclude: [{batch: 8}, {precision: fp16, batch: 2}]"
    assert blocks(duel(more, AS_IS, "threads=1")) == [
        "magika/fp32/cpu/b1/t2~t1/latency",
        "magika/fp32/cpu/b8/t2~t1/latency",
        "magika/fp16/cpu/b2/t2~t1/latency",
    ]
    apart = "include: [{model: magika, target: cpu}, {model: silero-vad, target: openvino}]\nbaseline: cpu"
    assert blocks(duel(apart, "fp32", "fp16")) == [
        "magika/fp32~fp16/cpu/b1/t2/latency",
        "silero-vad/fp32~fp16/openvino/b1/t2/latency",
    ]
    assert {cell.target for cell in duel(apart, "cpu", "openvino").cells} == {"cpu@a", "openvino@b"}


def test_what_is_excluded_on_one_side_leaves_out_the_pair():
    text = "matrix: {model: magika, target: [cpu, openvino], precision: [fp32, int8]}\n"
    made = duel(text + "exclude: [{target: openvino, precision: int8}]", "cpu", "openvino")
    assert blocks(made) == ["magika/fp32/cpu~openvino/b1/t2/latency"]


def test_what_is_excluded_of_a_model_is_excluded_of_the_files_that_stand_in_for_it(tmp_path):
    for name in ("m.onnx", "n.onnx"):
        (tmp_path / name).write_bytes(b"x")
    text = "matrix: {model: magika, target: cpu, batch: [1, 8]}\nexclude: [{model: magika, batch: 8}]"
    assert blocks(duel(text, "m.onnx", "n.onnx", folder=tmp_path)) == ["magika/fp32/cpu/b1/t2/latency"]


def test_a_duel_that_concerns_no_cell_is_refused():
    for text, a, b in ((ONE, AS_IS, "torch==2.0"), (ONE + "\nexclude: [{threads: 1}]", "threads=2", "threads=1")):
        with pytest.raises(UsageError, match="concerns no cell") as caught:
            duel(text, a, b)
        assert f"`{a}` against `{b}`" in caught.value.message


# targets that are no part of it


@pytest.mark.parametrize(
    ("other", "words", "left_out"),
    [
        ("{target: openvino}", "onnxruntime==1.31.0", True),
        ("{target: cpu, environment: current}", "onnxruntime==1.31.0", True),
        ("{target: openvino}", "numpy<2", False),
        ("{target: torch}", "n.onnx", True),
        ("{target: openvino-native}", "n.onnx", False),
    ],
)
def test_a_target_that_a_change_means_nothing_for_is_left_out_with_a_warning(other, words, left_out, tmp_path):
    (tmp_path / "n.onnx").write_bytes(b"x")
    text = f"targets: {{other: {other}}}\nmatrix: {{model: magika, target: [cpu, other]}}"
    found = loaded(text, b=words, folder=tmp_path)
    expected = ("other: no part of the duel, since nothing differs there",) if left_out else ()
    assert found.warnings == expected
    assert ("other@a" in {cell.target for cell in plan(found, HERE).cells}) is not left_out


def test_where_one_side_cannot_run_the_other_is_not_measured_either():
    made = duel("matrix: {model: magika, target: [cpu, cuda]}", "cuda", "cpu")
    a, b = made.cells
    assert made.blocks == ()
    assert a.skip and b.skip
    assert "NVIDIA GPU" in a.skip.reason
    assert b.skip.reason == f"side a cannot run: {a.skip.reason}"
    assert b.skip.status == a.skip.status


def test_one_pair_that_cannot_run_leaves_the_others():
    text = "matrix: {model: [magika, basic-pitch], target: [cpu, litert]}"
    made = duel(text, "cpu", "litert")
    assert blocks(made) == ["basic-pitch/fp32/cpu~litert/b1/t2/latency"]
    assert {cell.model for cell in made.cells if cell.skip} == {"magika"}


def test_what_a_probe_said_of_one_side_is_its_reason():
    made = duel(ONE, AS_IS, "onnxruntime==1.31.0", replace(HERE, unavailable={"cpu@b": "it does not start"}))
    assert [cell.skip.reason for cell in made.cells if cell.skip] == [
        "side b cannot run: it does not start",
        "it does not start",
    ]


# protocol, environments, hash


def test_each_side_has_its_environment_under_the_label_it_is_built_by():
    made = duel(ONE, "onnxruntime==1.32.0", "onnxruntime==1.31.0")  # side a is what the catalog pins
    assert made.environments == {
        "tools": (),
        "onnxruntime": ("cpu@a",),
        "onnxruntime (onnxruntime==1.31.0)": ("cpu@b",),
    }
    built = replace(HERE, built=frozenset(made.environments))
    assert duel(ONE, "onnxruntime==1.32.0", "onnxruntime==1.31.0", built).estimate_s < made.estimate_s


@pytest.mark.parametrize(
    "words", ["onnxruntime==1.32.0", "numpy>=2", "numpy<2", "environment=current", "environment=v"]
)
def test_the_plan_calls_an_environment_as_it_is_built(words):
    for target in duel(ONE, AS_IS, words).targets.values():
        assert environment_label(target) == spec_for(target).label


def test_only_a_duel_confirms_what_reads_as_slower_and_a_suite_may_say_no():
    assert duel(ONE).protocol.confirm
    assert not plan(load_text("suite: s\n" + ONE), HERE).protocol.confirm
    assert not duel("measure: {confirm: false}\n" + ONE).protocol.confirm
    assert duel("measure: {threshold: 0.05}\n" + ONE).protocol.threshold == 0.05


def test_the_hash_tells_duels_from_each_other_and_from_the_sweep():
    alike = [duel(ONE), duel(ONE)]
    assert len({plan_hash(made, {}) for made in alike}) == 1
    others = [plan(load_text("suite: s\n" + ONE), HERE), *(duel(ONE, b=b) for b in ("options.x=1", "session.x=1"))]
    others += [duel(ONE, "options.x=1"), duel("measure: {confirm: false}\n" + ONE)]
    assert len({plan_hash(made, {}) for made in (alike[0], *others)}) == 1 + len(others)


def test_a_suite_may_declare_its_duel(tmp_path):
    (tmp_path / "s.yaml").write_text(f"suite: s\n{ONE}\nduel: {{a: onnxruntime==1.31.0, b: onnxruntime==1.32.0}}\n")
    declared = plan(load_suite(tmp_path / "s.yaml"), HERE)
    assert declared == duel(ONE, "onnxruntime==1.31.0", "onnxruntime==1.32.0")
    assert plan(load_text(f"suite: s\n{ONE}\nduel: {{b: fp16}}"), HERE).duel == {"a": AS_IS, "b": "fp16"}


def test_a_declared_duel_is_checked_as_the_rest_of_the_suite():
    with pytest.raises(SuiteError, match="duel: `b` is missing"):
        load_text(f"suite: s\n{ONE}\nduel: {{a: cpu}}")
    with pytest.raises(SuiteError, match=r"duel\.c: unknown key"):
        load_text(f"suite: s\n{ONE}\nduel: {{b: cpu, c: openvino}}")
    with pytest.raises(UsageError, match="did you mean `fp16`"):
        load_text(f"suite: s\n{ONE}\nduel: {{b: fp17}}")


SIDES = {
    "target": st.sampled_from(sorted(targets())),
    "precision": st.sampled_from(["fp32", "fp16", "int8", "int4"]),
    "model": st.sampled_from(["magika", "blazeface", "basic-pitch"]),
    "threads": st.integers(1, 4).map(lambda count: f"threads={count}"),
    "package": st.sampled_from(["onnxruntime==1.31.0", "numpy<2"]),
    "options": st.sampled_from(["options.x=1", "options.y=2"]),
}


@given(
    st.lists(st.sampled_from(["cpu", "openvino", "litert", "cuda"]), min_size=1, max_size=3),
    st.lists(st.sampled_from(["magika", "blazeface", "basic-pitch"]), min_size=1, max_size=3),
    st.lists(st.sampled_from(["fp32", "fp16", "int8"]), min_size=1, max_size=2),
    st.lists(st.integers(1, 3), min_size=1, max_size=2),
    st.sampled_from(sorted(SIDES)).flatmap(lambda factor: st.tuples(SIDES[factor], SIDES[factor])),
)
def test_whatever_is_duelled_holds_together(names, models, precisions, threads, sides):
    axes = {"model": models, "target": ["cpu", *names], "precision": precisions, "threads": threads}
    text = f"matrix: {json.dumps(axes)}\ninclude: [{{batch: 2}}, {{precision: fp16}}, {{target: openvino}}]"
    try:
        made = duel(text, *sides)
    except UsageError as error:
        assert "concerns no cell" in error.message
        return
    assert len({cell.id for cell in made.cells}) == len(made.cells)
    assert len(set(blocks(made))) == len(made.blocks)
    a, b = made.cells[::2], made.cells[1::2]
    assert {cell.side for cell in a} == {"a"} and {cell.side for cell in b} == {"b"}
    assert all(bool(one.skip) == bool(other.skip) for one, other in zip(a, b, strict=True))
    measured = [group for block in made.blocks for group in block.groups]
    assert measured == [pair for pair in zip(a, b, strict=True) if not pair[0].skip]
    assert math.isfinite(made.estimate_s) and made.estimate_s > 0
    assert len(plan_hash(made, {})) == 64
