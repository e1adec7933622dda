"""A plan: every cell once, blocks around a baseline, and a reason for whatever cannot run here."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import plan
from bench.catalog import models, targets
from bench.errors import SuiteError
from bench.suite import Cell, Facts, InputFacts, ModelFacts, Plan, catalog_facts, load_text, plan_hash

HERE = Facts("linux-x86_64", cores=2)


def planned(text: str, facts: Facts = HERE) -> Plan:
    return plan(load_text("suite: s\n" + text), facts)


def ids(made: Plan) -> list[str]:
    return [cell.id for cell in made.cells]


def skips(made: Plan) -> dict[str, tuple[str, str]]:
    return {cell.id: (cell.skip.status, cell.skip.reason) for cell in made.cells if cell.skip}


def only(made: Plan, cell_id: str) -> Cell:
    (cell,) = (cell for cell in made.cells if cell.id == cell_id)
    return cell


# expansion


def test_axes_left_out_have_their_defaults():
    assert ids(planned("matrix: {model: nsnet2, target: cpu}")) == ["nsnet2/fp32/cpu/b1/t2/latency/frames=100"]


def test_a_block_holds_precisions_of_targets_in_order():
    made = planned("matrix: {model: magika, target: [cpu, openvino], precision: [fp32, int8], batch: [1, 8]}")
    assert ids(made) == [
        f"magika/{precision}/{target}/{block}/t2/latency"
        for block in ("b1", "b8")
        for precision in ("fp32", "int8-static")
        for target in ("cpu", "openvino")
    ]
    assert [block.id for block in made.blocks] == ["magika/b1/t2/latency", "magika/b8/t2/latency"]


def test_an_include_takes_model_and_target_from_the_matrix_and_nothing_else():
    made = planned("matrix: {model: magika, target: cpu, batch: 8}\ninclude: [{precision: fp16}]")
    assert "magika/fp16/cpu/b1/t2/latency" in ids(made)
    assert "magika/fp16/cpu/b8/t2/latency" not in ids(made)


def test_a_cell_asked_for_twice_is_measured_once():
    made = planned("matrix: {model: magika, target: [cpu, cpu], precision: [int8, int8-static, fp32]}\ninclude: [{}]")
    assert ids(made) == ["magika/int8-static/cpu/b1/t2/latency", "magika/fp32/cpu/b1/t2/latency"]


def test_an_exclude_leaves_out_what_matches_all_its_axes():
    text = "matrix: {model: magika, target: [cpu, openvino], precision: [fp32, int8], batch: [1, 8]}\n"
    made = planned(text + "exclude: [{target: openvino, precision: int8, batch: 8}]")
    assert set(ids(planned(text))) - set(ids(made)) == {"magika/int8-static/openvino/b8/t2/latency"}


def test_an_exclude_matches_some_of_the_dims():
    text = "matrix: {model: all-minilm-l6, target: cpu, dims: [{sequence: 32}, {sequence: 64}]}\n"
    made = planned(text + "exclude: [{dims: {sequence: 64}}]")
    assert ids(made) == ["all-minilm-l6/fp32/cpu/b1/t2/latency/sequence=32"]


def test_excluding_everything_is_a_mistake():
    with pytest.raises(SuiteError, match="every cell is left out"):
        planned("matrix: {model: magika, target: cpu}\nexclude: [{model: magika}]")


def test_all_stands_for_every_target_of_the_catalog():
    made = planned("matrix: {model: magika, target: all}")
    assert {cell.target for cell in made.cells} == set(targets())


def test_a_model_with_a_fixed_batch_is_measured_at_it_where_none_is_given():
    text = "models: {m: {path: m.onnx, batch: 4}}\nmatrix: {model: m, target: cpu}"
    assert ids(planned(text)) == ["m/fp32/cpu/b4/t2/latency"]


# what the suite lays over the catalog


def test_a_target_of_the_suite_is_the_catalog_target_with_something_changed():
    made = planned("""
targets:
  old: {target: openvino, options: {num_streams: 1, cache: true}, session: {session.x: true}, requirements: [numpy<2]}
matrix: {model: magika, target: [cpu, old]}
""")
    old = made.targets["old"]
    assert (old.provider, old.label) == ("OpenVINOExecutionProvider", "ORT OpenVINO (old)")
    own = {"num_streams": "1", "cache": "true"}
    assert old.options == {"device_type": "CPU", "num_of_threads": "{threads}"} | own
    assert old.session == {"session.x": "1"}
    assert made.environments["onnxruntime-openvino (numpy<2)"] == ("old",)


def test_a_precision_of_the_suite_is_the_recipe_with_other_options_and_bounds():
    made = planned("""
precisions: {coarse: {precision: int4, options: {block_size: 128}, tolerance: {cosine: 0.8}}}
tolerances: {coarse: {top1: 0.5}, int8: {cosine: 0.9}}
matrix: {model: magika, target: cpu, precision: [coarse, int8]}
""")
    coarse = made.precisions["coarse"]
    assert (coarse.method, coarse.options["block_size"], coarse.options["symmetric"]) == ("matmul_nbits", 128, True)
    assert coarse.tolerance == {"cosine": 0.8, "top1": 0.5}
    assert made.precisions["int8-static"].tolerance == {"cosine": 0.9}


def test_a_model_of_the_suite_starts_from_the_catalogs():
    suite = load_text("""
suite: s
models:
  long: {catalog: all-minilm-l6, dims: {sequence: 512}}
  own: {path: own.onnx, tflite: own.tflite}
  made: {factory: "nets:tiny", batch: n}
matrix: {model: long, target: cpu}
""").suite
    facts = catalog_facts(suite)
    assert facts["long"] == replace(facts["all-minilm-l6"], dims={"sequence": 512})
    assert facts["own"] == ModelFacts(frozenset({"onnx", "tflite"}))
    assert facts["made"] == ModelFacts(frozenset({"onnx", "torch"}), batch="n")
    assert facts["blazeface"].formats == {"onnx", "tflite"}
    assert facts["minilm-l6-int8"].stored == "int8"
    assert facts.keys() - {"long", "own", "made"} == set(models())


# the baseline and the groups


def test_the_fp32_cell_of_the_baseline_is_part_of_every_block():
    made = planned(
        "matrix: {model: magika, target: [cpu, openvino]}\ninclude: [{target: openvino, precision: int8, batch: 8}]"
    )
    assert [block.baseline for block in made.blocks] == [f"magika/fp32/cpu/b{batch}/t2/latency" for batch in (1, 8)]
    assert all(block.groups[0][0].id == block.baseline for block in made.blocks)


def test_a_block_where_nothing_can_run_gets_no_baseline():
    made = planned("matrix: {model: magika, target: [cpu, litert]}\ninclude: [{target: litert, batch: 8}]")
    assert [block.batch for block in made.blocks] == [1]
    assert "magika/fp32/cpu/b8/t2/latency" not in ids(made)


def test_a_baseline_that_cannot_run_is_replaced_by_nothing():
    made = planned("baseline: torch\nmatrix: {model: magika, target: [torch, cpu]}")
    (block,) = made.blocks
    assert block.baseline is None
    assert [[cell.target for cell in group] for group in block.groups] == [["cpu"]]


def test_large_blocks_are_spread_evenly_over_groups_of_eight():
    names = [f"t{number}" for number in range(15)]
    own = ", ".join(f"{name}: {{target: cpu}}" for name in names)
    made = planned(f"targets: {{{own}}}\nmatrix: {{model: magika, target: [cpu, {', '.join(names)}]}}")
    (block,) = made.blocks
    assert [len(group) for group in block.groups] == [6, 6, 6]
    assert [cell.target for group in block.groups for cell in group[1:]] == names


def test_variants_have_fp32_on_their_own_target_beside_them_in_every_group():
    recipes = "[fp32, fp16, mixed, int8-dynamic, int8-static, int4]"
    made = planned(f"matrix: {{model: magika, target: [cpu, openvino, openvino-native], precision: {recipes}}}")
    (block,) = made.blocks
    fp32 = [[cell.target for cell in group if cell.precision == "fp32"] for group in block.groups]
    assert fp32 == [["cpu"], ["cpu", "openvino"], ["cpu", "openvino-native"]]
    made = planned(f"matrix: {{model: magika, target: [cpu, openvino], precision: {recipes[:-1]}, bf16, int4-qdq]}}")
    fp32 = [[cell.target for cell in group if cell.precision == "fp32"] for group in made.blocks[0].groups]
    assert fp32 == [["cpu"], ["cpu", "openvino"], ["cpu", "openvino"]], "once more where they take two groups"


AXIS = {
    "model": st.sampled_from(["magika", "blazeface", "all-minilm-l6", "minilm-l6-int8", "basic-pitch"]),
    "target": st.sampled_from(["cpu", "openvino", "openvino-native", "litert", "torch", "cuda", "directml"]),
    "precision": st.sampled_from(["fp32", "fp16", "int8", "int8-dynamic", "int8-static", "int4"]),
    "batch": st.integers(1, 4),
    "threads": st.integers(1, 3),
}


@st.composite
def sweeps(draw: st.DrawFn) -> str:
    def axes(*keys: str) -> str:
        values = {key: draw(st.lists(AXIS[key], min_size=1, max_size=4)) for key in keys}
        return json.dumps(values)

    matrix = axes("model", "target", "precision", "batch", "threads").replace('"target": [', '"target": ["cpu", ')
    include, exclude = f"[{axes('precision')}, {axes('target', 'batch')}]", axes("model", "precision")
    return f"matrix: {matrix}\ninclude: {include}\nexclude: [{exclude}]"


@settings(max_examples=60, deadline=None)
@given(sweeps())
def test_whatever_is_swept_holds_together(text: str):
    try:
        made = planned(text)
    except SuiteError as error:
        assert "every cell is left out" in error.message
        return
    assert len(set(ids(made))) == len(made.cells)
    measured = [cell for cell in made.cells if not cell.skip]
    grouped = [cell for block in made.blocks for group in block.groups for cell in group]
    assert {cell.id for cell in grouped} == {cell.id for cell in measured}
    for block in made.blocks:
        sizes = [len(group) for group in block.groups]
        assert max(sizes) <= 8
        whole = {cell.target: cell.id for group in block.groups for cell in group if cell.precision == "fp32"}
        assert block.baseline == f"{block.model}/fp32/cpu/{block.id.split('/', 1)[1]}"
        for group in block.groups:
            assert [cell.id for cell in group].count(block.baseline) == 1
            assert group[0].id == block.baseline
            beside = {cell.id for cell in group}
            assert len(beside) == len(group)
            assert all(whole[cell.target] in beside for cell in group if cell.target in whole), "variants beside FP32"
            assert {(cell.model, cell.batch, cell.dims, cell.threads, cell.scenario) for cell in group} == {
                (block.model, block.batch, block.dims, block.threads, block.scenario)
            }
    assert made == planned(text)


def test_ten_thousand_cells_are_planned_each_once():
    numbers = f"batch: {list(range(1, 51))}, threads: {list(range(1, 21))}"
    recipes = "[fp32, fp16, int8, int4, int8-dynamic]"
    made = planned(f"matrix: {{model: magika, target: [cpu, openvino], precision: {recipes}, {numbers}}}")
    assert len(set(ids(made))) == len(made.cells) == 10_000
    assert len(made.blocks) == 1_000


# skips and unknowns


@pytest.mark.parametrize(
    ("text", "cell", "reason"),
    [
        ("{model: blazeface, target: cpu, batch: 8}", "blazeface/fp32/cpu/b8", "takes batch 1 only, fixed in the file"),
        ("{model: magika, target: [cpu, torch]}", "magika/fp32/torch/b1", "exists only as ONNX: a `factory`"),
        ("{model: magika, target: [cpu, litert]}", "magika/fp32/litert/b1", "has no TFLite twin: a `tflite` file"),
        ("{model: magika, target: [cpu, directml]}", "magika/fp32/directml/b1", "made for windows-amd64, and this is"),
        ("{model: magika, target: [cpu, coreml]}", "magika/fp32/coreml/b1", "CoreMLExecutionProvider is made for"),
        ("{model: magika, target: [cpu, cuda]}", "magika/fp32/cuda/b1", "needs an NVIDIA GPU with its driver"),
        ("{model: magika, target: cpu, dims: {frames: 5}}", "magika/fp32/cpu/b1", "has no dimension frames"),
    ],
)
def test_what_cannot_run_here_says_why_and_what_would_run_it(text: str, cell: str, reason: str):
    found = skips(planned("matrix: " + text))
    (key,) = (key for key in found if key.startswith(cell + "/"))
    assert found[key][0] == "skipped"
    assert reason in found[key][1]


@pytest.mark.parametrize(
    ("text", "cell", "reason"),
    [
        ("{model: basic-pitch, target: [cpu, litert], precision: int8}", "litert", "is a recipe for ONNX files"),
        ("{model: minilm-l6-int8, target: [cpu, openvino], precision: int8}", "openvino", "already INT8 as stored"),
    ],
)
def test_a_precision_that_means_nothing_there_is_unsupported(text: str, cell: str, reason: str):
    found = {key.split("/")[2]: skip for key, skip in skips(planned("matrix: " + text)).items()}
    assert found[cell][0] == "unsupported"
    assert reason in found[cell][1]


def test_a_device_that_was_found_is_used():
    made = planned("matrix: {model: magika, target: [cpu, cuda]}", replace(HERE, devices=frozenset({"nvidia"})))
    assert skips(made) == {}


def test_another_platform_runs_other_targets():
    windows = replace(HERE, platform="windows-amd64")
    assert skips(planned("matrix: {model: magika, target: [cpu, directml]}", windows)) == {}


def test_the_current_interpreter_is_taken_at_its_word():
    text = "targets: {dml: {target: directml, environment: current}}\nmatrix: {model: magika, target: [cpu, dml]}"
    made = planned(text)
    assert skips(made) == {}
    assert made.environments["current"] == ("dml",)


def test_what_a_probe_said_of_a_target_is_its_reason():
    made = planned(
        "matrix: {model: magika, target: [cpu, openvino]}", replace(HERE, unavailable={"openvino": "no device"})
    )
    assert skips(made) == {"magika/fp32/openvino/b1/t2/latency": ("skipped", "no device")}
    assert "onnxruntime-openvino" not in made.environments


def test_what_only_prepare_can_tell_is_unknown_and_planned_to_be_measured():
    text = "models: {m: {path: m.onnx}}\nmatrix: {model: m, target: cpu, batch: 8, dims: {frames: 5}}"
    cell = only(planned(text), "m/fp32/cpu/b8/t2/latency/frames=5")
    assert cell.skip is None
    assert cell.unknown == "batch dimension known after fetch; other dimensions known after fetch"


def test_an_inspection_answers_what_was_unknown():
    text = "models: {m: {path: m.onnx}}\nmatrix: {model: m, target: cpu, batch: [1, 8], dims: [{frames: 5}, {rows: 5}]}"
    inspected = ModelFacts(frozenset({"onnx"}), "n", inputs={"x": InputFacts(("n", "frames"), "float32")})
    made = planned(text, replace(HERE, models={"m": inspected}))
    assert all(cell.unknown == "" for cell in made.cells)
    assert {cell.dims for cell in made.cells if cell.skip} == {(("rows", 5),)}


# protocol, environments, estimate


def test_presets_decide_and_measure_overrides():
    quick = planned("preset: quick\nmatrix: {model: magika, target: cpu}").protocol
    assert (quick.rounds, quick.max_rounds, quick.half_width, quick.windows) == (3, 3, None, 2)
    standard = planned("matrix: {model: magika, target: cpu}").protocol
    assert (standard.rounds, standard.max_rounds, standard.bursts, standard.windows) == (6, 6, 16, 4)
    precise = planned("preset: precise\nmatrix: {model: magika, target: cpu}").protocol
    assert (precise.rounds, precise.max_rounds, precise.half_width) == (12, 20, 0.005)
    own = planned("measure: {rounds: 8, bursts: 20, concurrency: 4}\nmatrix: {model: magika, target: cpu}").protocol
    assert own == replace(standard, rounds=8, max_rounds=8, bursts=20, concurrency=4)
    wide = planned("preset: precise\nmeasure: {rounds: 30}\nmatrix: {model: magika, target: cpu}").protocol
    assert (wide.rounds, wide.max_rounds) == (30, 30)
    capped = planned("preset: precise\nmeasure: {max_rounds: 10}\nmatrix: {model: magika, target: cpu}").protocol
    assert (capped.rounds, capped.max_rounds) == (10, 10)


def test_environments_are_those_of_the_cells_measured():
    made = planned("matrix: {model: all-minilm-l6, target: [cpu, openvino-native, openvino-native-default, cuda]}")
    assert made.environments == {
        "tools": (),
        "onnxruntime": ("cpu",),
        "torch": (),  # exports the model
        "openvino": ("openvino-native", "openvino-native-default"),
    }


def test_the_estimate_grows_with_rounds_and_shrinks_with_environments_that_exist():
    text = "matrix: {model: magika, target: [cpu, openvino]}"
    first = planned(text)
    built = planned(text, replace(HERE, built=frozenset(first.environments)))
    longer = planned("preset: precise\n" + text)
    assert 0 < built.estimate_s < first.estimate_s < longer.estimate_s


def test_the_estimate_counts_the_seconds_that_a_program_measures_for():
    text = "preset: quick\nmatrix: {model: magika, target: [cpu, benchmark-app]}\nmeasure: {windows: 0, bursts: 30, %s}"
    short, long = (planned(text % f"burst_ms: {length}, trial_s: 0.1") for length in (20, 1000))
    assert long.estimate_s - short.estimate_s == pytest.approx(3 * (30 - 1))  # rounds x whole seconds of one program


# the hash a run resumes by


def test_the_hash_is_that_of_what_decides_results():
    text = "matrix: {model: magika, target: [cpu, openvino]}"
    base = planned(text)
    known = {"models": {"magika": "ab"}}
    same = plan_hash(base, known)
    assert same == plan_hash(planned("description: other words\n" + text), {"models": {"magika": "ab"}})
    assert same == plan_hash(planned(text, replace(HERE, built=frozenset({"tools"}))), known)
    others = [
        plan_hash(base, {"models": {"magika": "cd"}}),
        plan_hash(planned("seed: 1\n" + text), known),
        plan_hash(planned("preset: quick\n" + text), known),
        plan_hash(planned("tolerances: {fp32: {relative: 0.1}}\n" + text), known),
        plan_hash(planned(text, replace(HERE, cores=4)), known),
        plan_hash(planned(text, replace(HERE, unavailable={"openvino": "gone"})), known),
        plan_hash(planned("targets: {openvino: {target: openvino, options: {x: 1}}}\n" + text), known),
    ]
    assert len({same, *others}) == len(others) + 1
