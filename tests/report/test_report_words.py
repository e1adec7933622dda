"""Numbers and verdicts as they are written."""

import pytest

from bench.analysis.verdicts import Judged
from bench.report import numbers, words

FASTER = Judged("faster", 1.42, 1.36, 1.49, 0.96875, 6)
SLOWER = Judged("slower", 0.5, 0.4, 0.625, 0.96875, 6)
QUICK = Judged("none", 1.42, 1.36, 1.49, None, 3)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (numbers.duration(4_213_000), "4.21\u00a0ms"),
        (numbers.duration(999_999_999), "1,000\u00a0ms"),
        (numbers.duration(61_000_000_000), "61.0\u00a0s"),
        (numbers.duration(None), "–"),
        (numbers.duration_range(4_213_000, 4_180_000, 12_260_000), "4.18–12.26"),
        (numbers.size(3_163_737), "3.02\u00a0MiB"),
        (numbers.factor(12.345), "12.3×"),
        (numbers.percent(0.9996), "99.9%"),
        (numbers.percent(1.0), "100%"),
        (numbers.error(1.4e-6), "1.4e−6"),
        (numbers.error(0.0), "0"),
        (numbers.tick("2.00\u00a0ms"), "2\u00a0ms"),
        (numbers.tick("2,000"), "2,000"),
        (numbers.listed(["a", "b", "c"]), "a, b and c"),
    ],
)
def test_numbers_have_three_digits_and_a_unit(written: str, expected: str):
    assert written == expected


def test_a_faster_cell_names_factor_interval_level_and_rounds():
    sentence = words.headline(FASTER, "ORT OpenVINO FP32", "ORT CPU FP32", "geometric mean of 24 models")
    assert sentence == (
        "ORT OpenVINO FP32 is 1.42× faster than ORT CPU FP32 (1.36–1.49, 96.9% interval, 6 rounds), "
        "geometric mean of 24 models"
    )


def test_a_slower_cell_is_told_by_how_much_slower_with_its_bounds_turned_round():
    assert words.outcome(SLOWER) == "2.00× slower"
    assert words.bounds(SLOWER) == "1.60–2.50"


def test_three_rounds_give_a_range_and_no_verdict():
    sentence = words.headline(QUICK, "ORT OpenVINO FP32", "ORT CPU FP32", "on magika")
    assert sentence == (
        "ORT OpenVINO FP32 ran 1.42× as fast as ORT CPU FP32 (range 1.36–1.49 of 3 rounds, no interval), on magika"
    )
    assert "faster" not in words.outcome(QUICK)


def test_no_change_and_no_evidence_are_different_words():
    same = Judged("within noise", 1.001, 0.998, 1.004, 0.97, 8)
    unknown = Judged("inconclusive", 1.02, 0.98, 1.05, 0.97, 8)
    assert words.outcome(same) == "within noise"
    assert words.outcome(unknown) == "inconclusive"
    assert words.outcome(Judged("none")) == "no ratio"


def test_a_cell_that_ran_something_else_is_not_ok():
    assert words.state_of("ok", False, ["wrong_output"]) is words.INVALID
    assert words.state_of("ok", True, ["contended"]) is words.UNSTABLE
    assert words.state_of("ok", True, ["synthetic_inputs"]) is words.OK
    assert words.state_of("timeout", False, []) is words.FAILED
    assert words.state_of("unsupported", False, []) is words.SKIPPED
    with pytest.raises(KeyError):
        words.state_of("finished", False, [])
