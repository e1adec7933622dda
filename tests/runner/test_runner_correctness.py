"""Outputs against the reference: what is equal passes, what is not is measured, and no bound is forgotten."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench.catalog import precisions
from bench.runner.correctness import EQUAL_DB, Judge, compare

FP32 = precisions()["fp32"].tolerance
floats = hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=5), elements=st.floats(-1e6, 1e6, width=32))
anything = hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=5), elements=st.floats(width=32))
bounds = st.fixed_dictionaries(
    {},
    optional={
        "relative": st.floats(0, 1),
        "absolute": st.floats(0, 1),
        "sqnr_db": st.floats(-10, 100),
        "cosine": st.floats(-1, 1),
        "top1": st.floats(0, 1),
        "top5": st.floats(0, 1),
        "iou": st.floats(0, 1),
        "rank": st.floats(-1, 0.999),
    },
)


KINDS = ["", "classification", "mask", "embedding"]


def judged(reference, output, tolerance=FP32, kind=""):
    return compare([{"y": np.asarray(reference)}], [{"y": np.asarray(output)}], Judge(tolerance, kind))


@given(anything, bounds, st.sampled_from(KINDS))
def test_the_same_output_passes_every_bound(array, tolerance, kind):
    found = judged(array, array.copy(), tolerance, kind)
    assert found.output_ok
    assert (found.max_abs_error, found.max_rel_error, found.sqnr_db) == (0, 0, EQUAL_DB)


@given(floats, st.sampled_from([np.nan, np.inf, -np.inf]), st.data())
def test_a_hole_that_the_reference_has_not_is_wrong(array, hole, data):
    broken = array.copy()
    broken.flat[data.draw(st.integers(0, array.size - 1))] = hole
    assert judged(array, broken).output_ok is False
    assert judged(broken, array).output_ok is False
    assert judged(broken, broken.copy()).output_ok


@pytest.mark.parametrize(("there", "here"), [(np.inf, -np.inf), (np.inf, np.nan), (np.nan, np.inf)])
def test_one_hole_is_not_another(there, here):
    assert judged([1.0, there], [1.0, here]).output_ok is False


@given(floats, st.floats(1e-3, 1), st.floats(1e-3, 1))
def test_relative_and_absolute_bounds_add_up_for_each_element(array, relative, absolute):
    allowed = relative * np.abs(array.astype(float)) + absolute * np.max(np.abs(array.astype(float)))
    assume(np.max(allowed) > 1e-20)
    tolerance = {"relative": relative, "absolute": absolute}
    assert judged(array, array + 0.99 * allowed, tolerance).output_ok
    assert judged(array, array - 1.01 * allowed, tolerance).output_ok is False


def test_each_bound_is_kept_by_itself():
    reference = np.array([[1.0, 2.0, 3.0, 4.0]])
    close, far = reference + 0.01, reference[:, ::-1]
    for name, bound in (("sqnr_db", 30.0), ("cosine", 0.98), ("top1", 1.0)):
        assert judged(reference, close, {name: bound}, kind="classification").output_ok, name
        assert judged(reference, far, {name: bound}, kind="classification").output_ok is False, name
    assert judged(reference, far, {}).output_ok


def test_one_bound_that_fails_is_enough():
    reference = np.array([[1.0, 2.0, 3.0, 4.0]])
    assert judged(reference, reference * 3, {"cosine": 0.98}).output_ok
    assert judged(reference, reference * 3, {"cosine": 0.98, "relative": 0.1}).output_ok is False


@pytest.mark.parametrize("name", [name for name in precisions() if name.startswith(("int8", "int4"))])
def test_no_recipe_of_few_bits_takes_a_wrong_scale_for_a_right_output(name):
    """A cosine alone would: basic-pitch without a bias had 0.99 and an error of 20 times its output."""
    reference = np.array([[1.0, 2.0, 3.0, 4.0]])
    assert judged(reference, reference * 1.1, precisions()[name].tolerance).output_ok
    assert judged(reference, reference * 3, precisions()[name].tolerance).output_ok is False


def test_what_is_wrong_names_the_bounds_that_do_not_hold_and_by_how_much():
    assert judged([1.0, 2.0], [1.0, 2.0]).problem == ""
    off = judged([1.0, 100.0, 2.0], [1.0, 100.05, 2.5], {"relative": 1e-3, "absolute": 1e-3})
    assert off.problem == "an element of `y` is off by 0.5, and 0.1 is allowed"  # not the 0.05, where 0.2 is
    few = judged([3.0, 4.0], [4.0, 3.0], {"cosine": 0.98, "sqnr_db": 5.0})
    assert few.problem == "cosine 0.96, and 0.98 is the least allowed"
    both = judged([3.0, 4.0], [4.0, 3.0], {"cosine": 0.98, "sqnr_db": 20.0})
    assert both.problem.startswith("signal to error in dB 10.97, and 20 is the least allowed; cosine 0.96")


def test_the_measures_are_those_of_their_names():
    found = judged([[3.0, 4.0]], [[3.0, 3.0]], {}, kind="classification")
    assert found.max_abs_error == 1
    assert found.max_rel_error == 0.25  # of the largest reference
    assert found.cosine == pytest.approx(21 / (5 * np.sqrt(18)))
    assert found.sqnr_db == pytest.approx(10 * np.log10(25 / 1))
    assert found.top1_agreement == 0  # a tie goes to the first
    assert judged([[3.0, 4.0]], [[3.0, 3.0]], {}).top1_agreement is None


def test_top1_is_the_share_of_rows():
    reference = np.eye(4)
    output = reference[[0, 1, 2, 0]]
    assert judged(reference, output, {"top1": 0.7}, kind="classification").top1_agreement == 0.75


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_, np.float16])
def test_other_numbers_are_compared_as_numbers(dtype):
    reference = np.array([0, 1, 1, 0], dtype)
    assert judged(reference, reference).output_ok
    assert judged(reference, 1 - reference.astype(np.int8)).output_ok is False


def test_small_unsigned_differences_do_not_wrap_around():
    assert judged(np.array([0], np.uint8), np.array([255], np.uint8)).max_abs_error == 255


def test_text_is_equal_or_wrong():
    assert judged(["cat", "dog"], ["cat", "dog"]).output_ok
    assert judged(["cat", "dog"], ["cat", "cow"]).output_ok is False
    assert judged(["1.5"], [1.5]).output_ok is False


def test_all_zeros_are_a_reference_too():
    assert judged(np.zeros(3), np.zeros(3)).output_ok
    found = judged(np.zeros(3), np.full(3, 0.5))
    assert (found.output_ok, found.max_abs_error, found.cosine, found.sqnr_db) == (False, 0.5, 0.0, 0.0)


def test_an_empty_output_passes():
    assert judged(np.zeros((0, 4)), np.zeros((0, 4))).output_ok


def test_outputs_pair_by_name_whatever_their_order():
    one, two = np.ones(3), np.full(3, 2.0)
    assert compare([{"a": one, "b": two}], [{"b": two, "a": one}], Judge(FP32)).output_ok


def test_outputs_of_other_names_pair_by_position():
    one, two = np.ones(3), np.full(3, 2.0)
    assert compare([{"a": one, "b": two}], [{"p": one, "q": two}], Judge(FP32)).output_ok
    assert compare([{"a": one, "b": two}], [{"p": two, "q": one}], Judge(FP32)).output_ok is False


@pytest.mark.parametrize(
    "output", [{"y": np.ones((3, 2))}, {"y": np.ones(6)}, {}, {"y": np.ones((2, 3)), "z": np.ones(1)}]
)
def test_another_shape_or_number_of_outputs_is_wrong_and_told(output):
    found = compare([{"y": np.ones((2, 3))}], [output], Judge(FP32))
    assert found.output_ok is False
    assert found.max_abs_error is None
    assert "the reference has y [2, 3]" in found.problem


def test_the_worst_input_set_and_output_count():
    reference = {"a": np.array([1.0, 2.0]), "b": np.array([1.0, 2.0])}
    sets = [reference, {"a": np.array([1.0, 2.0]), "b": np.array([1.0, 2.5])}, reference]
    found = compare([reference] * 3, sets, Judge(FP32))
    assert (found.output_ok, found.max_abs_error) == (False, 0.5)
    assert found.sqnr_db < EQUAL_DB
    assert found.cosine < 1


@given(floats)
def test_more_noise_never_has_a_better_ratio(array):
    assume(np.max(np.abs(array)) > 1e-3)
    noise = np.max(np.abs(array)) * np.where(np.arange(array.size) % 2, 1, -1).reshape(array.shape)
    little, much = judged(array, array + 0.01 * noise, {}), judged(array, array + 0.1 * noise, {})
    assert little.sqnr_db > much.sqnr_db
    assert little.max_abs_error < much.max_abs_error
