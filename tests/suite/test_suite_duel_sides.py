"""What the words of a side mean: which one thing of the suite they change, and what cannot be read."""

import os
from pathlib import Path

import pytest

from bench import catalog, plan
from bench.catalog import Target
from bench.errors import UsageError
from bench.suite import Facts, Plan, load_text, with_duel
from bench.suite.duel import AS_IS, from_here

HERE = Facts("linux-x86_64", cores=2, devices=frozenset({"nvidia"}))
ONE = "matrix: {model: magika, target: cpu}"


def duel(text: str, a: str, b: str, folder=None) -> Plan:
    return plan(with_duel(load_text("suite: s\n" + text, folder=folder), a, b), HERE)


def side_b(words: str, text: str = ONE, name: str = "cpu", folder=None) -> Target:
    return duel(text, AS_IS, words, folder).targets[f"{name}@b"]


def refused(words: str, text: str = ONE, a: str = AS_IS) -> UsageError:
    with pytest.raises(UsageError) as caught:
        duel(text, a, words)
    return caught.value


# what is changed


@pytest.mark.parametrize(
    ("words", "factor"),
    [
        ("onnxruntime==1.31.0", "package"),
        ("numpy @ https://example.org/numpy-3.whl", "package"),
        ("openvino", "target"),
        ("target=openvino", "target"),
        ("fp16", "precision"),
        ("precision=int8", "precision"),
        ("silero-vad", "model"),
        ("model=silero-vad", "model"),
        ("Other.ONNX", "file"),
        ("threads=1", "threads"),
        ("options.arena=no", "options"),
        ("session.graph_optimization_level=basic", "session"),
        ("environment=current", "environment"),
        ("device=GPU", "device"),
    ],
)
def test_every_form_of_a_side_changes_one_thing(words, factor, tmp_path):
    """Beside something else on the other side, the message names what each changes."""
    (tmp_path / "Other.ONNX").write_bytes(b"x")
    other = "threads=1" if factor != "threads" else "fp16"
    with pytest.raises(UsageError, match="differs in one thing") as caught:
        duel(ONE, other, words, tmp_path)
    assert caught.value.message.endswith(f"side b the {factor}.")
    duel(ONE, words, words, tmp_path)  # the same thing on both sides can be planned


def test_a_package_takes_the_place_of_the_one_the_environment_holds():
    assert side_b("onnxruntime==1.31.0").requirements == ["onnxruntime==1.31.0"]
    own = "targets: {old: {target: cpu, requirements: ['ONNXRuntime==1.20.1', 'numpy<2']}}\n"
    own += "baseline: old\nmatrix: {model: magika, target: old}"
    assert side_b("onnxruntime==1.31.0", own, "old").requirements == ["numpy<2", "onnxruntime==1.31.0"]


def test_another_version_of_a_package_comes_with_the_same_extras():
    text = "baseline: cuda\nmatrix: {model: magika, target: cuda}"
    assert side_b("onnxruntime-gpu==1.30.0", text, "cuda").requirements == ["onnxruntime-gpu[cuda,cudnn]==1.30.0"]
    assert side_b("onnxruntime-gpu[x]==1.30.0", text, "cuda").requirements == ["onnxruntime-gpu[x]==1.30.0"]


def test_one_option_changes_and_the_others_stay():
    text = "targets: {tuned: {target: openvino, options: {num_streams: 1}, session: {session.x: true}}}\n"
    text += "baseline: tuned\nmatrix: {model: magika, target: tuned}"
    tuned = side_b("options.num_streams=4", text, "tuned")
    assert tuned.options == {"device_type": "CPU", "num_of_threads": "{threads}", "num_streams": "4"}
    assert tuned.session == {"session.x": "1"}
    assert side_b("session.session.x=0", text, "tuned").session == {"session.x": "0"}
    assert side_b("options.path=a=b", text, "tuned").options["path"] == "a=b"


def test_a_file_in_an_option_is_an_option():
    assert side_b("session.ep.context_file_path=ctx.onnx").session == {"ep.context_file_path": "ctx.onnx"}


def test_a_device_is_another_device():
    text = "baseline: openvino\nmatrix: {model: magika, target: openvino}"
    assert (side_b(AS_IS, text, "openvino").device, side_b("device=GPU", text, "openvino").device) == ("CPU", "GPU")


def test_an_environment_is_taken_as_it_is_so_that_nothing_is_installed_there(tmp_path):
    own = "targets: {old: {target: cpu, requirements: ['onnxruntime==1.20.1']}}\n"
    own += "baseline: old\nmatrix: {model: magika, target: old}"
    found = side_b("environment=venvs/mine", own, "old", tmp_path)
    assert (found.environment, found.requirements) == (str((tmp_path / "venvs/mine").resolve()), [])
    assert side_b("environment=current", own, "old").requirements == []
    assert side_b("environment=isolated", own, "old").requirements == ["onnxruntime==1.20.1"]


def test_a_side_is_told_from_the_other_by_its_label():
    made = duel(ONE, AS_IS, "environment=some/where/.venv")
    assert [made.targets[name].label for name in ("cpu@a", "cpu@b")] == ["ORT CPU, A: as-is", "ORT CPU, B: .venv"]


def test_names_of_the_suites_own_are_sides_too():
    text = "targets: {tuned: {target: cpu}}\nprecisions: {coarse: {precision: int4}}\n" + ONE
    assert duel(text, AS_IS, "tuned").targets["tuned@b"].provider == "CPUExecutionProvider"
    assert "coarse" in duel(text, AS_IS, "coarse").precisions


def test_every_target_of_the_catalog_is_a_side_whatever_the_suite_sweeps():
    assert all(f"{name}@b" in duel(ONE, AS_IS, name).targets for name in catalog.targets())


# what cannot be read


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("cpuu", "`cpuu` is no side of a duel (did you mean `cpu`?)."),
        ("magica", "`magica` is no side of a duel (did you mean `magika`?)."),
        ("target=opnvino", "There is no target `opnvino` (did you mean `openvino`?)."),
        ("model=magica", "There is no model `magica` (did you mean `magika`?)."),
        ("precision=int9", "There is no precision `int9` (did you mean `int8`?)."),
        ("threads=0", "`threads=0` is no number of threads."),
        ("threads=many", "`threads=many` is no number of threads."),
        ("threads=99999", "`threads=99999` is no number of threads."),
        ("options=3", "`options=3` does not say which option."),
        ("session.=3", "`session.=3` does not say which option."),
        ("device=", "`device=` does not say which device."),
        ("environment=", "`environment=` does not say which environment."),
    ],
)
def test_what_cannot_be_read_is_answered_with_what_can(words, message):
    error = refused(words)
    assert error.message == message
    assert error.hint
    assert error.exit_code == 2


@pytest.mark.parametrize("words", ["onnxruntime", "batch=3", "onnxruntime==", "threads.x=3", "precision.x=int8", ""])
def test_a_hint_lists_every_form_of_a_side(words):
    error = refused(words)
    assert "is no side of a duel" in error.message
    forms = ("as-is", "onnxruntime==", "target", "ONNX file", "threads=", "options.", "session.", "environment=")
    assert all(form in error.hint for form in forms)


def test_a_file_that_is_not_there_is_named_with_its_folder(tmp_path):
    with pytest.raises(UsageError) as caught:
        duel(ONE, AS_IS, "missing.onnx", tmp_path)
    assert str(tmp_path / "missing.onnx") in caught.value.message


def test_two_sides_that_change_different_things_are_refused():
    error = refused("onnxruntime==1.31.0", a="threads=1")
    assert error.message == "A duel differs in one thing: side a changes the threads, side b the package."


@pytest.mark.parametrize(
    ("text", "words", "values", "advice"),
    [
        ("matrix: {model: magika, target: [cpu, openvino]}", "openvino", "cpu, openvino", "--a cpu"),
        ("matrix: {model: magika, target: cpu, precision: [fp32, fp16]}", "int8", "fp16, fp32", "--a fp16"),
        (ONE + "\ninclude: [{precision: fp16}]", "int8", "fp16, fp32", "--a fp16"),
        ("matrix: {model: [magika, silero-vad], target: cpu}", "magika", "magika, silero-vad", "--a magika"),
        ("matrix: {model: magika, target: cpu, threads: [1, 2]}", "threads=4", "1, 2", "--a threads=1"),
        (ONE[:-1] + ", threads: 1}\ninclude: [{precision: fp16}]", "threads=4", "1, the default", "--a threads=1"),
    ],
)
def test_an_axis_of_several_values_has_no_side_that_is_as_it_is(text, words, values, advice):
    error = refused(words, text)
    assert f"has 2 of them: {values}." in error.message
    assert f"`{advice}`" in error.hint
    duel(text, advice.removeprefix("--a "), words)  # the advice can be followed


def test_model_files_want_a_suite_of_one_model(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"x")
    with pytest.raises(UsageError, match="magika, silero-vad") as caught:
        duel("matrix: {model: [magika, silero-vad], target: cpu}", AS_IS, "m.onnx", tmp_path)
    assert "Narrow its matrix" in caught.value.hint


# paths from where we are to where the suite is


@pytest.mark.parametrize("words", [AS_IS, "cpu", "threads=2", "environment=current", "options.path=a/b.onnx"])
def test_words_without_a_path_stay_as_they_are(words, tmp_path):
    assert from_here(words, tmp_path) == words


@pytest.mark.parametrize(("key", "path"), [("", "models/m.onnx"), ("environment=", "my=venv")])
def test_a_path_leads_to_the_same_place_from_the_suites_folder(key, path, tmp_path, monkeypatch):
    here, folder = tmp_path / "here", tmp_path / "suites" / "mine"
    place = here / path
    for each in (place.parent, folder):
        each.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"this one")
    monkeypatch.chdir(here)
    words = from_here(key + path, folder)
    assert words.startswith(key)
    assert not Path(words.removeprefix(key)).is_absolute()
    assert (folder / words.removeprefix(key)).read_bytes() == b"this one"
    assert from_here(key + str(place), folder) == words


@pytest.mark.skipif(os.name == "nt", reason="links take a privilege there")
def test_a_path_leads_to_the_same_place_where_the_suites_folder_is_a_link(tmp_path, monkeypatch):
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    (tmp_path / "m.onnx").write_bytes(b"this one")
    monkeypatch.chdir(tmp_path)
    assert (tmp_path / "link" / from_here("m.onnx", tmp_path / "link")).read_bytes() == b"this one"
