"""Every mistake of a suite is reported at once: where it is, what was found, what was expected."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import load_suite
from bench.errors import SuiteError, UsageError
from bench.suite import load_text
from bench.suite.reading import MAX_BYTES
from bench.suite.schema import Axes, Model, Suite

GOOD = "suite: s\nmatrix: {model: magika, target: [cpu, openvino]}\n"


def problems(text: str) -> list[str]:
    with pytest.raises(SuiteError) as caught:
        load_text(text, "s.yaml")
    assert caught.value.exit_code == 2
    return caught.value.problems


def problem(text: str) -> str:
    found = problems(text)
    assert len(found) == 1, found
    return found[0]


def test_one_value_stands_for_a_list_of_one():
    suite = load_text("suite: s\nmatrix: {model: magika, target: cpu, batch: 8, dims: {frames: 10}}").suite
    assert suite.matrix is not None
    assert (suite.matrix.model, suite.matrix.batch, suite.matrix.dims) == (["magika"], [8], [{"frames": 10}])


def test_mistakes_of_every_kind_are_reported_together_in_the_order_of_the_file():
    text = """\
suite: s
presset: quick
baseline: cpuu
matrix:
  model: [magica, 3]
  target: cpu
  batch: [1, x, 2.5, -1]
  precision: int9
tolerances: {int99: {cosine: 3}}
limits_s: {loadd: 1}
"""
    assert problems(text) == [
        "s.yaml:2:1: presset: unknown key, expected another (did you mean `preset`?)",
        "s.yaml:3:11: baseline: found `cpuu`, expected the name of a target (did you mean `cpu`?)",
        "s.yaml:5:11: matrix.model[0]: found `magica`, expected the name of a model (did you mean `magika`?)",
        "s.yaml:5:19: matrix.model[1]: found `3`, expected text: put it in quotes",
        "s.yaml:7:14: matrix.batch[1]: found the text `x`, expected a whole number",
        "s.yaml:7:17: matrix.batch[2]: found `2.5`, expected a whole number",
        "s.yaml:7:22: matrix.batch[3]: found `-1`, expected a number of 1 or more",
        "s.yaml:8:14: matrix.precision: found `int9`, expected the name of a precision (did you mean `int8`?)",
        "s.yaml:9:14: tolerances.int99: found `int99`, expected the name of a precision (did you mean `int8`?)",
        "s.yaml:9:30: tolerances.int99.cosine: found `3`, expected a number of 1.0 or less",
        "s.yaml:10:12: limits_s.loadd: found `loadd`, expected the name of a phase (did you mean `load`?)",
    ]


@pytest.mark.parametrize(
    ("addition", "where"),
    [
        ("models: {m: {path: a.onnx, pth: b}}", "models.m.pth"),
        ("models: {m: {path: a.onnx, inputs: {x: {unifrom: [0, 1]}}}}", "models.m.inputs.x.unifrom"),
        ("models: {m: {path: a.onnx, tolerances: {fp32: {cosin: 1}}}}", "models.m.tolerances.fp32.cosin"),
        ("targets: {t: {target: cpu, option: {}}}", "targets.t.option"),
        ("precisions: {p: {precision: int8, optoins: {}}}", "precisions.p.optoins"),
        ("include: [{modle: magika}]", "include[0].modle"),
        ("exclude: [{batches: 1}]", "exclude[0].batches"),
        ("measure: {round: 3}", "measure.round"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_one_wherever_it_stands(addition: str, where: str):
    assert f": {where}: unknown key, expected another (did you mean `" in problem(GOOD + addition)


@pytest.mark.parametrize(
    ("addition", "expected"),
    [
        ("include: [{model: magica}]", "include[0].model: found `magica`"),
        ("exclude: [{target: [opnvino]}]", "exclude[0].target[0]: found `opnvino`"),
        ("exclude: [{precision: fp33}]", "exclude[0].precision: found `fp33`"),
        (
            "models: {m: {catalog: magica}}",
            "models.m.catalog: found `magica`, expected the name of a model of the catalog",
        ),
        ("targets: {t: {target: opnvino}}", "targets.t.target: found `opnvino`"),
        ("precisions: {p: {precision: int3}}", "precisions.p.precision: found `int3`"),
        ("models: {m: {path: a, tolerances: {int3: {}}}}", "models.m.tolerances.int3: found `int3`"),
        (
            "models: {m: {path: a, tolerances: {fp32: {top5: 1}}}}",
            "models.m.tolerances.fp32.top5: found `top5`, expected it only beside `output_kind: classification`",
        ),
        ("models: {m: {path: a, output_kind: mask, tolerances: {int8: {rank: 1}}}}", "output_kind: embedding`"),
        ("models: {m: {catalog: magika, tolerances: {int8: {iou: 0.5}}}}", "models.m.tolerances.int8.iou: found `iou`"),
        ("preset: quik", "preset: found the text `quik`, expected `quick`, `standard` or `precise`"),
    ],
)
def test_an_unknown_name_is_found_wherever_it_is_used(addition: str, expected: str):
    assert expected in problem(GOOD + addition)


def test_names_a_suite_defines_itself_can_be_used_everywhere(tmp_path):
    (tmp_path / "mine.onnx").touch()
    text = """\
suite: s
baseline: old
models: {mine: {path: mine.onnx}}
targets: {old: {target: cpu, requirements: [onnxruntime==1.20.1]}}
precisions: {coarse: {precision: int4, options: {block_size: 128}}}
matrix: {model: mine, target: [old, cpu], precision: [fp32, coarse]}
exclude: [{model: mine, target: cpu, precision: coarse}]
tolerances: {coarse: {cosine: 0.9}}
"""
    loaded = load_text(text, folder=tmp_path)
    assert loaded.warnings == ()
    assert loaded.suite.targets["old"].requirements == ["onnxruntime==1.20.1"]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("{}", "found no source, expected one of catalog, path, url, package, factory"),
        ("{path: a.onnx, catalog: magika}", "found the sources catalog and path, expected one of them"),
        ("{url: 'https://example.org/a.onnx'}", "found no sha256, expected sha256 beside it"),
        ("{package: magika==1.0.3, sha256: %s}" % ("0a" * 32), "found no file, expected file and sha256 beside it"),
        ("{url: 'file:///a.onnx', sha256: %s}" % ("0a" * 32), "expected an address that starts with https://"),
        ("{package: --pre, file: a, sha256: %s}" % ("0a" * 32), "expected name==version, as pypi spells it"),
        ("{package: magika==1, registry: npm, file: a, sha256: %s}" % ("0a" * 32), "expected name@version"),
        ("{path: a.onnx, sha256: abc}", "expected 64 hexadecimal digits"),
        ("{path: a.onnx, inputs: {x: {uniform: [0, 1], constant: 2}}}", "found the fills uniform and constant"),
        ("{path: a.onnx, inputs: {x: {integers: [9, 1]}}}", "found 9 to 1, expected the lowest first"),
        (
            "{path: a.onnx, inputs: {x: {uniform: [0]}}}",
            "models.m.inputs.x.uniform: found the list `[0]`, expected two values",
        ),
        ("{path: a.onnx, batch: 0}", "expected text or a number of 1 or more"),
    ],
)
def test_a_model_says_where_it_comes_from_and_how_it_is_fed(model: str, expected: str):
    assert expected in problem(f"{GOOD}models: {{m: {model}}}")


def test_requirements_are_read_as_packages_are_named():
    found = problem(GOOD + "targets: {t: {target: cpu, requirements: [numpy<2, 'onnxruntime=1.20']}}")
    assert "targets.t.requirements[1]: found `onnxruntime=1.20`, expected a name and a version" in found


def test_nothing_is_installed_in_the_current_interpreter():
    found = problem(GOOD + "targets: {t: {target: cpu, environment: current, requirements: [numpy<2]}}")
    assert "targets.t.requirements: found `requirements` beside an `environment` where" in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("suite: s", "s.yaml:1:1: the sweep is empty"),
        ("suite: s\nmatrix: {target: cpu}", "matrix: found no `model`"),
        ("suite: s\ninclude: [{model: magika, target: cpu}, {model: magika}]", "include[1]: found no `target`"),
        (
            "suite: s\nmatrix: {model: [], target: cpu}",
            "matrix.model: found the list `[]`, expected at least 1 of them",
        ),
        ("suite: s\nmatrix: {model: magika, target: openvino}", "baseline: `cpu` is not among the targets measured"),
        (GOOD + "exclude: [{}]", "exclude[0]: this leaves out every cell"),
        ("matrix: {model: magika, target: cpu}", "s.yaml:1:1: `suite` is missing"),
    ],
)
def test_a_sweep_that_measures_nothing_sensible_is_refused(text: str, expected: str):
    assert any(expected in found for found in problems(text))


def test_a_sweep_beyond_all_measure_is_refused_before_it_is_expanded():
    numbers = ", ".join(map(str, range(1, 601)))
    text = f"suite: s\nmatrix: {{model: magika, target: cpu, batch: [{numbers}], threads: [{numbers}]}}"
    assert "found a sweep of 360,000 cells, expected at most 100,000" in problem(text)


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("{bursts: 7}", "measure.bursts: found 7, expected an even number"),
        ("{bursts: 4}", "measure.bursts: found `4`, expected a number of 6 or more"),
        ("{rounds: 8, max_rounds: 6, half_width: 0.01}", "measure.max_rounds: found 6, expected at least `rounds`"),
        ("{max_rounds: 9}", "measure.max_rounds: found no `half_width` to stop at"),
        ("{trial_s: .inf}", "measure.trial_s: found `Infinity`, expected a finite number"),
    ],
)
def test_what_measure_asks_for_must_make_sense(measure: str, expected: str):
    assert expected in problem(f"{GOOD}measure: {measure}")


@pytest.mark.parametrize("value", ["true", "'1'", "1.0"])
def test_types_are_not_bent(value: str):
    assert "matrix.batch" in problem(f"suite: s\nmatrix: {{model: magika, target: cpu, batch: {value}}}")


def test_a_batch_a_fixed_model_cannot_take_is_no_mistake():
    assert load_text("suite: s\nmatrix: {model: blazeface, target: cpu, batch: [1, 8]}").warnings == ()


def test_an_exclude_that_matches_nothing_is_a_warning():
    text = GOOD + "exclude:\n  - {target: openvino, threads: 64}\n  - {precision: int4}\n"
    assert load_text(text, "s.yaml").warnings == (
        "s.yaml:5:5: exclude[1]: this matches no cell: it leaves nothing out",
    )


def test_a_file_is_found_by_path_and_its_folder_is_kept(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD, "utf-8")
    for source in (path, str(path)):
        loaded = load_suite(source)
        assert (loaded.suite.suite, loaded.path, loaded.folder, loaded.text) == ("s", path, tmp_path, GOOD)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path):
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_suite(tmp_path / "bom.yaml").suite.suite == "s"


def test_a_shipped_suite_is_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart").mkdir()  # a folder of that name does not stand in its way
    assert load_suite("quickstart").suite.suite == "quickstart"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file is empty"),
        (b"# only a comment\n", "the file is empty"),
        (b"suite: s\nm: \xff", "s.yaml:2:4: the file is not UTF-8"),
        (GOOD.encode("utf-16"), "the file is not UTF-8"),
        (b"[1, 2]", "found the list `[1, 2]`, expected a mapping"),
        (b"a: " + b"x" * MAX_BYTES, "the file is larger than 256 KiB"),
    ],
)
def test_a_file_that_holds_no_suite_is_named(tmp_path: Path, content: bytes, expected: str):
    path = tmp_path / "s.yaml"
    path.write_bytes(content)
    with pytest.raises(SuiteError) as caught:
        load_suite(path)
    assert str(path) in caught.value.problems[0]
    assert expected in caught.value.problems[0]


def test_a_missing_file_is_answered_with_the_nearest_name(tmp_path: Path):
    (tmp_path / "nightly.yaml").write_text(GOOD)
    with pytest.raises(UsageError) as caught:
        load_suite(tmp_path / "nightli.yaml")
    assert caught.value.hint == f"Did you mean {tmp_path / 'nightly.yaml'}?"
    with pytest.raises(UsageError) as caught:
        load_suite("quickstrt")
    assert caught.value.hint == "Did you mean quickstart?"


def test_a_folder_is_answered_with_the_suites_in_it(tmp_path: Path):
    (tmp_path / "nightly.yaml").write_text(GOOD)
    with pytest.raises(UsageError, match="is a folder") as caught:
        load_suite(tmp_path)
    assert caught.value.hint == "Name a file in it: nightly.yaml."


@pytest.mark.parametrize("source", ["", "a\0b", "x" * 5000, "no/such/place.yaml"])
def test_a_source_nothing_can_open_is_a_usage_error(source: str):
    with pytest.raises(UsageError) as caught:
        load_suite(source)
    assert caught.value.hint


SCALARS = st.sampled_from(["magika", "cpu", "all", "fp32", "int8", 1, 8, 0, -1, 1.5, True, None, "x", "é"])
KEYS = st.sampled_from([*Suite.model_fields, *Axes.model_fields, *Model.model_fields, "uniform", "requirements", "x"])
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=25
)


@settings(deadline=None)
@given(st.dictionaries(KEYS, DOCUMENTS, max_size=8))
def test_no_document_raises_anything_but_a_suite_error(document: dict[str, object]):
    try:
        loaded = load_text(json.dumps(document, ensure_ascii=False), "s.yaml")
    except SuiteError as error:
        assert error.problems
        assert all(found.startswith("s.yaml:1:") for found in error.problems)
    else:
        assert loaded.suite.suite == document["suite"]
