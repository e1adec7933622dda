"""Whether a cell answers the same again, and an item alone as in its batch: the numbers, and the flags of a row."""

from dataclasses import replace

import numpy as np
import pytest
from support.scripted import events, make_lane

from bench.contract.flags import FINENESS
from bench.runner.stability import ROUNDING, batch_error, deviation, repeat_error


def y(*values):
    return {"y": np.array(values, np.float32)}


def test_a_deviation_is_of_the_largest_element_and_zero_only_bit_for_bit():
    assert deviation(y(1, 4), y(1, 4)) == 0
    assert deviation(y(1, 4), y(2, 4)) == 0.25
    assert deviation(y(1, 4), y(1, np.nextafter(np.float32(4), np.float32(5)))) > 0
    assert deviation(y(0, 0), y(0, 0.5)) == 0.5


@pytest.mark.parametrize(("one", "other"), [(np.nan, 1.0), (1.0, np.inf), (np.inf, -np.inf)])
def test_a_hole_in_one_of_two_answers_is_infinitely_far(one, other):
    assert deviation(y(2, one), y(2, other)) == np.inf
    assert deviation(y(2, one), y(2, one)) == 0


def test_answers_of_other_shapes_or_names_cannot_be_told_apart():
    assert deviation(y(1, 2), y(1)) is None
    assert deviation(y(1), {"z": np.ones(1)}) is None
    assert repeat_error(y(1, 2), [y(1, 2), y(1)]) is None


def test_the_worst_repeat_counts():
    assert repeat_error(y(1, 4), [y(1, 4), y(1, 3), y(1, 4)]) == 0.25


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_first_item_is_found_along_whichever_axis_grew(axis):
    alone = {"y": np.ones((1, 1, 1)), "total": np.zeros(3)}
    batch = {"y": np.stack([np.ones(()), np.full((), 9.0)]).reshape([2 if i == axis else 1 for i in range(3)])}
    assert batch_error([batch | {"total": np.ones(3)}], [alone], 2) == 0  # what has no item of its own is left out
    batch["y"] = np.flip(batch["y"], axis)
    assert batch_error([batch | {"total": np.ones(3)}], [alone], 2) == 8


def test_without_an_item_to_compare_nothing_is_said():
    assert batch_error([{"y": np.ones(3)}], [{"y": np.ones(3)}], 2) is None
    assert batch_error([{"y": np.ones((4, 2))}], [{"y": np.ones((2, 1))}], 4) is None


def test_every_precision_has_a_bound():
    assert set(ROUNDING) == set(FINENESS)


def test_a_row_tells_that_its_cell_answers_the_same_and_later_rounds_do_not_ask_again(bench, tmp_path):
    lane = make_lane(tmp_path, latency_ms=0.5)
    lane.batch_axes = {"x": 0}
    bench.round([lane], number=1)
    ran = len(events(tmp_path / "steady" / "log", "run"))
    bench.round([lane], number=2)
    first, second = bench.rows
    assert (first["repeat_error"], first["batch_error"]) == (0, 0)
    assert not {"nondeterministic", "batch_dependent"} & set(first["flags"])
    assert "repeat_error" not in second
    again = len(events(tmp_path / "steady" / "log", "run")) - ran
    fixed = sum(len(row["samples_ns"]) + len(row["warmup_ns"]) + sum(row["window_completed"]) for row in (second,))
    assert again == fixed + 1 + (2 - 1) + 2  # first, the window's second request, two sets - and nothing more


@pytest.mark.parametrize(
    ("wrong", "flags"), [("random", {"nondeterministic"}), ("batch", {"batch_dependent"})], ids=lambda value: str(value)
)
def test_what_changes_is_measured_and_flagged(bench, tmp_path, wrong, flags):
    lane = make_lane(tmp_path, latency_ms=0.5, wrong=wrong)
    lane.batch_axes = {"x": 0}
    lane.references = None
    bench.round([lane])
    (row,) = bench.rows
    assert flags <= set(row["flags"])
    assert row["repeat_error" if wrong == "random" else "batch_error"] > 0.01
    assert ("nondeterministic" in row["flags"]) == (row["repeat_error"] > 0)


def test_a_session_that_takes_no_other_batch_leaves_it_unknown_and_says_so(bench, tmp_path):
    lane = make_lane(tmp_path, latency_ms=0.5, wrong="only_whole")
    lane.batch_axes = {"x": 0}
    bench.round([lane])
    (row,) = bench.rows
    assert (row["status"], row["repeat_error"], row.get("batch_error")) == ("ok", 0, None)
    assert "its session took no batch of 1: ValueError: only whole batches" in row["reason"]


def test_a_crash_while_it_is_asked_again_leaves_the_measurement_and_the_next_round_places_it(bench, tmp_path):
    lane = make_lane(tmp_path, latency_ms=0.5, fault="exit", phase="recheck", fallback=1)
    for number in range(2):
        bench.round([lane], number)
    first, second = bench.rows
    assert [(row["status"], row["output_ok"], row.get("repeat_error")) for row in bench.rows] == [
        ("ok", True, None)
    ] * 2
    assert first["reason"].startswith("it could not be run again after it was checked: ")
    assert "placement" not in first["reason"]
    assert (second["reason"], second["nodes_total"]) == ("", 2)  # it is not asked again, and so gets as far as that


def test_answers_of_other_shapes_are_as_nondeterministic_as_others_of_one(bench, tmp_path):
    lane = make_lane(tmp_path, latency_ms=0.5, wrong="shrinks")
    lane.references = None
    bench.round([lane])
    (row,) = bench.rows
    assert (row["status"], row["repeat_error"]) == ("ok", None)
    assert "nondeterministic" in row["flags"]
    assert row["reason"] == "its outputs had other shapes when the same input was run again"


@pytest.mark.parametrize(
    ("options", "fields", "raised"),
    [
        ({}, {}, True),
        ({"precision": "fp32"}, {}, True),
        ({"precision": "fp16"}, {}, False),  # it tells that it computes in less
        ({}, {"reads_precision": False, "computes": "fp16"}, False),  # it is known to
        ({"precision": "fp32"}, {"effective": "fp16"}, False),  # what was asked for is emulated, and as coarse as asked
        ({}, {"effective": "int8"}, False),
    ],
)
def test_an_item_alone_is_judged_by_the_coarsest_that_was_computed_in(bench, tmp_path, options, fields, raised):
    lane = replace(make_lane(tmp_path, latency_ms=0.5, wrong="little", **options), batch_axes={"x": 0}, **fields)
    lane.references = None
    bench.round([lane])
    (row,) = bench.rows
    assert row["batch_error"] == pytest.approx(0.005, rel=0.01)
    assert ("batch_dependent" in row["flags"]) == raised


def test_a_resumed_run_knows_from_its_journal_that_it_was_asked(bench, tmp_path):
    lane = make_lane(tmp_path, latency_ms=0.5)
    bench.round([lane])
    other = replace(make_lane(tmp_path, "other", latency_ms=0.5), placement=None)
    other.note(bench.rows[0])
    assert other.rechecked
