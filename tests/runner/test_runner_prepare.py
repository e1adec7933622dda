"""What happens before the first round: what cannot be made takes only its own cells with it, and says why."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from support import scripted_ortbench
from support.scripted import events

from bench import catalog
from bench.contract.conversion import Conversion
from bench.contract.status import Failure, Status
from bench.errors import EnvironmentFailed, NothingMeasured
from bench.models.variants import Variant
from bench.runner import run
from bench.runner.events import Note, Planned, Preparing
from bench.runner.forms import Forms
from bench.store import read_run
from bench.suite.cells import Cell


@pytest.fixture
def swept(tmp_path, scripted_catalog):
    """Write a scripted suite and run it; returns its trials as dicts, and every event."""

    def go(**suite):
        seen = []
        path = run(scripted_ortbench.write_suite(tmp_path, **suite), tmp_path / "out", watch=seen.append)
        return read_run(path).trials.to_dict("records"), seen

    return go


def of(rows, name):
    return [row for row in rows if row["target"] == name]


def notes(seen) -> list[str]:
    return [event.text for event in seen if isinstance(event, Note)]


def test_a_compile_cache_is_filled_in_a_process_of_its_own_before_the_rounds(swept, tmp_path):
    rows, _ = swept(compiled={"base": "scripted-cached"})
    assert [(row["cache"], row["compile_ns"] > 0) for row in of(rows, "compiled")] == [("warm", True)] * 2
    assert [(row["cache"], np.isnan(row["compile_ns"])) for row in of(rows, "steady")] == [("none", True)] * 2
    assert len(events(tmp_path / "compiled.log", "process")) == 1 + 2


def test_a_cell_that_cannot_be_compiled_is_never_started(swept):
    rows, seen = swept(compiled={"base": "scripted-cached", "fault": "exit", "phase": "load"})
    (row,) = of(rows, "compiled")
    assert (row["status"], np.isnan(row["round"])) == ("crashed", True)
    assert row["reason"].startswith("compiling: it ended with exit code 3 during `load`")
    assert [row["status"] for row in of(rows, "steady")] == ["ok", "ok"]
    (planned,) = [event for event in seen if isinstance(event, Planned)]
    assert (planned.cells, planned.skipped) == (2, 1)


def test_without_what_translates_only_the_cells_that_need_it_are_lost(swept, monkeypatch):
    def fail(_):
        raise EnvironmentFailed("there are no wheels for this system")

    monkeypatch.setattr("bench.runner.prepare.spec_of", fail)
    rows, seen = swept(own={"base": "scripted-translated"})
    (row,) = of(rows, "own")
    told = "the environment that translates models for own could not be built: there are no wheels for this system"
    assert (row["status"], row["reason"]) == ("skipped", told)
    assert [row["status"] for row in of(rows, "steady")] == ["ok", "ok"]
    assert told in notes(seen)


def test_a_conversion_that_fails_is_a_typed_outcome_of_its_variant(swept):
    """What stands for a model is none: whatever tools there are, they cannot convert it."""
    rows, seen = swept(axes="batch: 2, precision: [fp32, fp16]")
    (failed,) = [row for row in rows if row["precision"] == "fp16"]
    assert (failed["status"], np.isnan(failed["round"])) == ("conversion_failed", True)
    assert failed["reason"].startswith("float16: ")
    assert [row["status"] for row in rows if row["precision"] == "fp32"] == ["ok", "ok"]
    assert any(text.startswith("tiny fp16: float16: ") for text in notes(seen))


def test_what_a_conversion_lost_and_cut_stands_in_every_row_of_its_cells(swept, monkeypatch):
    def forgetful(maker, shop, source, sha256, recipe, *_):
        lost = ["`b`, which Conv `c` reads"] if recipe.method else []
        return Variant(
            recipe.name,
            source,
            Status.OK,
            sha256=sha256,
            conversion=Conversion(lost=lost, cut=lost and ["1 of 4 in `m`"]),
        )

    monkeypatch.setattr("bench.runner.forms.convert", forgetful)
    rows, _ = swept(axes="batch: 2, precision: [fp32, fp16]")
    by_precision = {precision: [row for row in rows if row["precision"] == precision] for precision in ("fp32", "fp16")}
    assert all("lost_values" not in row["flags"] and not row["reason"] for row in by_precision["fp32"])
    for row in by_precision["fp16"]:
        assert "lost_values" in row["flags"]
        assert "lacks `b`, which Conv `c` reads" in row["reason"] and "1 of 4 in `m`" in row["reason"]
    assert {row["status"] for row in rows} == {"ok"}


def test_without_a_reference_the_cells_are_measured_and_flagged(swept, monkeypatch):
    def fail(*_):
        raise Failure(Status.CRASHED, "it was ended by a signal")

    monkeypatch.setattr("bench.runner.lanes.reference", fail)
    rows, seen = swept()
    assert [(row["status"], row["output_ok"]) for row in rows] == [("ok", None)] * 2
    assert all("no_reference" in row["flags"] for row in rows)
    assert "tiny, batch 2: no reference: it was ended by a signal" in notes(seen)


def with_dimensions(monkeypatch, *shape):
    inspected = scripted_ortbench.INSPECTED | {"inputs": {"x": {"shape": list(shape), "dtype": "float32"}}}
    monkeypatch.setattr("bench.models.fetching.inspect", lambda *_: inspected)


def test_a_dimension_that_nothing_sizes_is_named(swept, tmp_path, monkeypatch):
    with_dimensions(monkeypatch, "batch", "length")
    with pytest.raises(NothingMeasured):
        swept(other={})
    (path,) = (tmp_path / "out").glob("*.parquet")
    rows = read_run(path).trials.to_dict("records")
    assert [(row["target"], row["status"]) for row in rows] == [("steady", "error"), ("other", "error")]
    assert all("its input `x` has the open dimension length" in row["reason"] for row in rows)


def test_a_model_with_several_dimensions_is_one_block_to_plan_run_and_result(swept, monkeypatch):
    """Rows are found again by their block's id: by the stopping rule, and when a run goes on."""
    with_dimensions(monkeypatch, "batch", "height", "width")
    asked = []

    def widest(frame, meta, block) -> float:
        asked.append(({*frame["block_id"]}, block))
        return 0.0

    monkeypatch.setattr("bench.analysis.widest_half_width", widest)
    model = "path: tiny.onnx, dims: {height: 2, width: 3}"
    rows, _ = swept(rounds="2, max_rounds: 4, half_width: 0.5", model=model, axes="batch: 2, dims: {width: 4}")
    ((blocks, block),) = asked
    assert blocks == {block} == {row["block_id"] for row in rows}
    assert {row["dims"] for row in rows} == {'{"height": 2, "width": 4}'}


def test_input_files_of_another_shape_are_told_and_nothing_else_is_lost(swept, tmp_path):
    np.save(tmp_path / "mine.npy", np.zeros((3, 6), np.float32))
    with pytest.raises(NothingMeasured):
        swept(model="path: tiny.onnx, inputs: {x: {files: [mine.npy]}}")
    (path,) = (tmp_path / "out").glob("*.parquet")
    (row,) = read_run(path).trials.to_dict("records")
    assert "mine.npy holds shape (3, 6), and input `x` needs (2, 6)" in row["reason"]


def test_input_files_are_fed_to_every_cell_and_are_no_synthetic_inputs(swept, tmp_path):
    np.save(tmp_path / "mine.npy", np.full((1, 6), 7, np.float32))  # repeated over the batch
    rows, _ = swept(model="path: tiny.onnx, inputs: {x: {files: [mine.npy]}}")
    assert {row["output_ok"] for row in rows} == {True}
    assert not any("synthetic_inputs" in row["flags"] for row in rows)


def test_each_step_is_told_before_it_is_taken(swept):
    _, seen = swept(axes="batch: 2, precision: [fp32, fp16]")
    steps = [event for event in seen if isinstance(event, Preparing)]
    told = [event.what for event in steps]
    for step in ("environment for the tools", "environment current", "probe Scripted (steady)", "model tiny"):
        assert step in told
    assert any("FP16" in what for what in told)
    assert all(event.done <= event.total for event in steps)


def test_a_form_for_a_card_is_made_for_each_kind_of_card(swept, monkeypatch):
    """A cache may be shared, and a card exchanged: an engine built for one does not run on another."""
    monkeypatch.setitem(scripted_ortbench.ROW, "needs", "nvidia")
    for cached in (catalog.runtimes, catalog.targets):
        cached.cache_clear()
    monkeypatch.setattr("bench.runner.prepare.devices", lambda: frozenset({"nvidia"}))
    made_for = []

    def translate(*arguments):
        made_for.append(arguments[-1])
        return Variant("fp32", None, Status.UNSUPPORTED, "only what it is made for is looked at")

    monkeypatch.setattr("bench.runner.forms.translate", translate)
    for card in ("H100", "L4"):
        cards = [{"vendor": "nvidia", "name": card}, {"vendor": "intel", "name": "another maker's"}]
        monkeypatch.setattr("bench.runner.forms.gpus", lambda cards=cards: cards)
        swept(own={"base": "scripted-translated"})
    assert [cards for _, _, *cards in made_for] == [["H100"], ["L4"]]


def test_real_inputs_that_cannot_be_had_leave_seeded_ones_and_a_note(swept, monkeypatch):
    def refuse(*_):
        raise EnvironmentFailed("samples==1.0 could not be downloaded.", "Check the network.")

    monkeypatch.setattr("bench.runner.feed.real_of", lambda *_: object())
    monkeypatch.setattr("bench.runner.feed.real_sets", refuse)
    rows, seen = swept()
    assert {(row["status"], row["output_ok"]) for row in rows} == {("ok", True)}
    assert all("synthetic_inputs" in row["flags"] for row in rows)
    (told,) = [note for note in notes(seen) if "seeded" in note]
    assert told.startswith("tiny/b2/t1/latency: its inputs are seeded noise, for real ones could not be had: samples==")


def test_files_out_of_reach_are_asked_for_once_and_every_block_they_leave_with_noise_says_so(swept, monkeypatch):
    asked = []

    def refuse(*_):
        asked.append(1)
        raise EnvironmentFailed("samples==1.0 could not be downloaded.", "Check the network.")

    monkeypatch.setattr("bench.runner.feed.real_of", lambda *_: object())
    monkeypatch.setattr("bench.runner.feed.real_sets", refuse)
    _, seen = swept(axes="batch: [2, 4]")
    told = [note.partition(":")[0] for note in notes(seen) if "seeded" in note]
    assert (told, len(asked)) == (["tiny/b2/t1/latency", "tiny/b4/t1/latency"], 1)


def converting(monkeypatch, given: list):
    """Let every recipe be the model as it is, and keep what it was calibrated with."""

    def convert(maker, shop, model, sha256, recipe, calibration, inputs_key):
        if recipe.method:
            given.extend([np.load(path) for path in each.values()] for each in calibration)
        return Variant(recipe.name, model, Status.OK, sha256=sha256)

    monkeypatch.setattr("bench.runner.forms.convert", convert)


def test_noise_that_a_variant_is_calibrated_with_is_told_of_its_cells_alone(swept, monkeypatch, tmp_path):
    def sets(shop, real, shapes, count, held_out):
        if held_out:
            raise Failure(Status.ERROR, "nothing in it makes an input")
        for index in range(count):
            np.save(tmp_path / f"real-{index}.npy", np.full(shapes["x"][0], index + 1, np.float32))
        return [{"x": str(tmp_path / f"real-{index}.npy")} for index in range(count)]

    converting(monkeypatch, [])
    monkeypatch.setattr("bench.runner.feed.real_of", lambda *_: object())
    monkeypatch.setattr("bench.runner.feed.real_sets", sets)
    rows, seen = swept(axes="batch: 2, precision: [fp32, fp16, int8-static]")
    flagged = {row["precision"] for row in rows if "synthetic_inputs" in row["flags"]}
    assert flagged == {"int8-static"}  # FP16 is made without calibration, of whatever it was tried on
    (told,) = [note for note in notes(seen) if "seeded" in note]
    assert told.startswith("tiny, batch 1: it is calibrated with seeded noise, for real ones could not be had: nothing")


@pytest.mark.parametrize("files", [2, 4, 6])
def test_calibration_gets_the_files_behind_those_that_are_verified(swept, monkeypatch, tmp_path, files):
    given = []
    converting(monkeypatch, given)
    for index in range(files):
        np.save(tmp_path / f"{index}.npy", np.full((2, 6), index, np.float32))  # two items, for a batch of 1
    names = ", ".join(f"{index}.npy" for index in range(files))
    rows, seen = swept(
        model=f"path: tiny.onnx, inputs: {{x: {{files: [{names}]}}}}", axes="batch: 2, precision: [fp32, int8-static]"
    )
    assert {(row["status"], row["output_ok"]) for row in rows} == {("ok", True)}
    assert {array.shape for (array,) in given} == {(1, 6)}
    assert {float(array.max()) for (array,) in given} == ({4.0, 5.0} if files == 6 else set(map(float, range(files))))
    told = "calibrated with the files that are verified: x has no more than 4"
    reasons = {row["precision"]: row["reason"] for row in rows}
    assert reasons == {"fp32": "", "int8-static": "" if files == 6 else told}
    assert any(told in note for note in notes(seen)) == (files != 6)


def test_files_that_do_not_fit_a_calibration_take_their_variant_alone(swept, monkeypatch, tmp_path):
    with_dimensions(monkeypatch, "batch", "length")
    np.save(tmp_path / "long.npy", np.zeros((2, 4), np.float32))
    model = "path: tiny.onnx, dims: {length: 3}, inputs: {x: {files: [long.npy]}}"
    rows, _ = swept(model=model, axes="batch: 2, dims: {length: 4}, precision: [fp32, int8-static]")
    (failed,) = [row for row in rows if row["precision"] == "int8-static"]
    assert failed["reason"].startswith("no inputs to calibrate with: Model tiny: ")
    assert [row["status"] for row in rows if row["precision"] == "fp32"] == ["ok", "ok"]


def test_real_inputs_are_fed_and_the_batch_is_checked_against_its_first_item_alone(swept, monkeypatch, tmp_path):
    def sets(shop, real, shapes, count, held_out):
        assert not held_out
        for index in range(count):
            np.save(tmp_path / f"real-{index}.npy", np.full(shapes["x"][0], index + 1, np.float32))
        return [{"x": str(tmp_path / f"real-{index}.npy")} for index in range(count)]

    monkeypatch.setattr("bench.runner.feed.real_of", lambda *_: object())
    monkeypatch.setattr("bench.runner.feed.real_sets", sets)
    rows, _ = swept(batched={"wrong": "batch"})
    assert not any("synthetic_inputs" in row["flags"] for row in rows)
    first = {row["target"]: row for row in rows if row["batch_error"] >= 0}  # later rounds leave it null
    assert len(rows) == 2 * len(first)
    assert (first["steady"]["batch_error"], first["batched"]["batch_error"]) == (0, 1)
    assert "batch_dependent" in first["batched"]["flags"]


def test_variants_that_were_made_for_several_shapes_are_all_kept_the_first_under_the_recipes_own_name(
    monkeypatch, tmp_path
):
    def convert(maker, shop, source, *_):
        return Variant("int8-litert", source, Status.OK, sha256=source.read_text())

    monkeypatch.setattr("bench.runner.forms.convert", convert)
    feeder = SimpleNamespace(calibration=lambda *_: SimpleNamespace(sets=[], key=""))
    forms = Forms(plan=None, shop=None, translators={}, makers={}, feeder=feeder, step=print, note=print)
    recipe = replace(catalog.precisions()["int8-litert"], options={})
    for batch in (1, 8, 8):
        cell = Cell(f"b{batch}", "tiny", "int8-litert", "litert", batch, (("length", 4),), 1, "latency")
        source = tmp_path / f"{batch}.tflite"
        source.write_text(f"made for {batch}")
        forms._quantised(SimpleNamespace(name="tiny", onnx="", sha256=""), recipe, None, source, cell)
    kept = {precision: each.sha256 for (_, precision), each in forms.variants.items()}
    assert kept == {"int8-litert": "made for 1", "int8-litert, batch 8, length 4": "made for 8"}
