"""What holds of every comparison, whatever was measured: symmetry, no say for order and units, nothing from nothing."""

from collections.abc import Sequence
from math import exp, log, prod
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.rows import BURSTS, PER_BURST, Row, make_meta, make_row

from bench.analysis import recommend, speedups_by_target, summarize
from bench.analysis.ratios import effects
from bench.store import to_frame

LEFT_OUT = 3  # of the nine samples of a burst
RATIO = ["speedup", "speedup_low", "speedup_high", "speedup_level", "speedup_rounds", "verdict", "verdict_reason"]
LATENCY = ["latency_ns", "latency_low_ns", "latency_high_ns", "latency_level"]

few = settings(max_examples=20)
seeds = st.integers(0, 2**32 - 1)
factors = st.integers(1, 1000)


def machine(seed: int, rounds: int) -> list[list[int]]:
    """The samples of one trial a round, ns, on a machine that is noisy from round to round, burst and sample."""
    rng = np.random.default_rng(seed)
    noise = [rng.normal(0, 0.05, (rounds, 1, 1)), rng.normal(0, 0.2, (rounds, BURSTS, 1))]
    noise += [rng.normal(0, 0.1, (rounds, BURSTS, PER_BURST))]
    return (1e6 * np.exp(sum(noise))).astype(int).reshape(rounds, -1).tolist()


def cell(trials: Sequence[Sequence[int]], **columns: Any) -> list[Row]:
    return [make_row(round=number, **{"samples_ns": trial} | columns) for number, trial in enumerate(trials)]


def times(factor: int, trials: Sequence[Sequence[int]]) -> list[list[int]]:
    return [[factor * sample for sample in trial] for trial in trials]


def two_cells(seed: int, rounds: int = 8) -> list[Row]:
    """The baseline, and another cell with noise of its own."""
    return cell(machine(seed, rounds)) + cell(machine(seed + 1, rounds), target="openvino")


def summary(rows: list[Row], baseline: str = "cpu") -> pd.DataFrame:
    return summarize(to_frame(rows), make_meta(rows, baseline=baseline)).set_index("target")


def rounds_apart(seed: int, low: float, high: float, rounds: int, signs: Sequence[int] = (1,)) -> list[Row]:
    """Two cells whose log ratio is somewhere from `low` to `high` in every round, with a sign that alternates."""
    trials, rng = machine(seed, rounds), np.random.default_rng(seed)
    slower = [exp(signs[i % len(signs)] * rng.uniform(low, high)) for i in range(rounds)]
    other = [[round(sample * by) for sample in trial] for trial, by in zip(trials, slower, strict=True)]
    return cell(trials) + cell(other, target="openvino")


@pytest.mark.parametrize(
    ("word", "mirrored", "apart"),
    [
        ("slower", "faster", {"low": 0.03, "high": 0.07, "rounds": 8}),
        ("faster", "slower", {"low": -0.07, "high": -0.03, "rounds": 6}),
        ("within noise", "within noise", {"low": -0.009, "high": 0.009, "rounds": 7}),
        ("inconclusive", "inconclusive", {"low": 0.02, "high": 0.05, "rounds": 6, "signs": (1, -1)}),
        ("none", "none", {"low": 0.03, "high": 0.07, "rounds": 5}),
    ],
)
@few
@given(seed=seeds)
def test_swapping_two_cells_mirrors_the_ratio_its_bounds_and_the_verdict(
    word: str, mirrored: str, apart: dict[str, Any], seed: int
) -> None:
    rows = rounds_apart(seed, **apart)
    there, back = summary(rows).loc["openvino"], summary(rows, baseline="openvino").loc["cpu"]
    assert (there["verdict"], back["verdict"]) == (word, mirrored)
    for part, other in (("", ""), ("_low", "_high"), ("_high", "_low")):
        assert log(there[f"speedup{part}"]) == pytest.approx(-log(back[f"speedup{other}"]), abs=1e-12)
    assert there["speedup_rounds"] == back["speedup_rounds"] == apart["rounds"]
    assert ("drift" in there["flags"]) is ("drift" in back["flags"])


@few
@given(seeds)
def test_swapping_two_cells_negates_the_effect_of_every_round(seed: int) -> None:
    rows = to_frame(two_cells(seed))
    a, b = rows["cell_id"].unique()
    there, back = effects(rows, a, b), effects(rows, b, a)
    assert len(there) == 8 and back == pytest.approx({key: -r for key, r in there.items()}, abs=1e-12)


@few
@given(seeds, st.permutations(range(8)), st.randoms(use_true_random=False))
def test_neither_the_numbers_of_rounds_nor_the_order_of_rows_change_anything(
    seed: int, numbers: list[int], random: Any
) -> None:
    rows = two_cells(seed)
    renamed = [row | {"round": numbers[row["round"]]} for row in rows]
    random.shuffle(renamed)
    pd.testing.assert_frame_equal(summary(renamed)[RATIO + LATENCY], summary(rows)[RATIO + LATENCY])


@few
@given(seeds)
def test_the_order_within_the_kept_part_of_a_burst_changes_nothing_and_the_part_left_out_has_no_say(seed: int) -> None:
    rows, rng = two_cells(seed), np.random.default_rng(seed)

    def stirred(samples: list[int]) -> list[int]:
        bursts = np.array(samples).reshape(BURSTS, PER_BURST)
        first = rng.integers(1, 10**9, (BURSTS, LEFT_OUT))
        return np.hstack([first, rng.permuted(bursts[:, LEFT_OUT:], axis=1)]).ravel().tolist()

    other = [row | {"samples_ns": stirred(row["samples_ns"])} for row in rows]
    pd.testing.assert_frame_equal(summary(other)[RATIO + LATENCY], summary(rows)[RATIO + LATENCY])


@given(seeds, factors, factors, st.integers(6, 9))
def test_a_constant_factor_is_recovered_exactly_whatever_the_machine_did_to_both(
    seed: int, of_base: int, of_other: int, rounds: int
) -> None:
    assume(100 * max(of_base, of_other) != 101 * min(of_base, of_other))  # on the threshold, rounding decides
    noise = machine(seed, rounds)
    found = summary(cell(times(of_base, noise)) + cell(times(of_other, noise), target="openvino")).loc["openvino"]
    known = of_base / of_other
    assert found[["speedup", "speedup_low", "speedup_high"]].tolist() == pytest.approx([known] * 3, rel=1e-12)
    if max(known, 1 / known) < 1.01:
        assert found["verdict"] == "within noise"
    else:
        assert found["verdict"] == ("faster" if known > 1 else "slower")


@few
@given(seeds, factors)
def test_the_unit_of_time_changes_latency_and_no_ratio(seed: int, factor: int) -> None:
    trials, others = machine(seed, 8), machine(seed + 1, 8)
    before = summary(cell(trials) + cell(others, target="openvino"))
    after = summary(cell(times(factor, trials)) + cell(times(factor, others), target="openvino"))
    pd.testing.assert_frame_equal(after[RATIO], before[RATIO], rtol=1e-12)
    pd.testing.assert_frame_equal(after[LATENCY[:3]], factor * before[LATENCY[:3]], rtol=1e-12)


SAMPLES = BURSTS * PER_BURST
NO_MEASUREMENT: dict[str, Row] = {
    "no samples": {"samples_ns": None},
    "no samples in a list": {"samples_ns": [], "sample_burst": []},
    "unknown samples": {"samples_ns": [None] * SAMPLES},
    "a clock that stands still": {"samples_ns": [0] * SAMPLES},
    "a clock that goes back": {"samples_ns": [-1000] * SAMPLES},
    "no bursts": {"sample_burst": None},
    "unknown bursts": {"sample_burst": [None] * SAMPLES},
    "fewer bursts than samples": {"sample_burst": [0]},
    "samples of no inference": {"inferences_per_sample": 0},
    "samples of unknown inferences": {"inferences_per_sample": None},
    "samples of less than no inference": {"inferences_per_sample": -1},
}


@pytest.mark.parametrize("what", NO_MEASUREMENT)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_what_is_no_measurement_has_no_latency_no_ratio_no_verdict_and_is_never_chosen(what: str) -> None:
    rows = cell(machine(1, 12)) + cell(machine(2, 12), target="openvino", **NO_MEASUREMENT[what])
    found = summary(rows)
    row = found.loc["openvino"]
    assert not row["valid"] and row["verdict"] == "none" and row["verdict_reason"]
    assert row[["latency_ns", "latency_low_ns", "speedup", "speedup_high", "p90_ns"]].isna().all()
    assert summary(rows, baseline="openvino").loc["cpu", "verdict"] == "none"
    assert {choice.winner["target"] for choice in recommend(found.reset_index()) if choice.winner} == {"cpu"}
    assert speedups_by_target(found.reset_index()).set_index("target").loc["openvino", "verdict"] == "none"


@settings(max_examples=40)
@given(seeds, st.sampled_from(sorted(NO_MEASUREMENT)), st.sets(st.integers(0, 7), max_size=7), st.booleans())
def test_rounds_without_a_measurement_are_as_if_never_taken(
    seed: int, what: str, broken: set[int], in_baseline: bool
) -> None:
    rows = two_cells(seed)
    hit = [row["round"] in broken and (row["target"] == "cpu") is in_baseline for row in rows]
    holed = [row | NO_MEASUREMENT[what] if here else row for row, here in zip(rows, hit, strict=True)]
    found, without = summary(holed), summary([row for row, here in zip(rows, hit, strict=True) if not here])
    pd.testing.assert_frame_equal(found[RATIO + LATENCY], without[RATIO + LATENCY])
    assert found.loc["openvino", "speedup_rounds"] == 8 - len(broken)
    assert len(broken) <= 2 or found.loc["openvino", "verdict"] == "none"


def sweep(models: dict[str, Sequence[Sequence[int]]], **factors_by_model: dict[str, int]) -> list[Row]:
    """Cells of every model; by target, how many times as long as the model's own trials its trials take, by model."""
    rows = [row for model, trials in models.items() for row in cell(trials, model=model)]
    for target, by_model in factors_by_model.items():
        for model, trials in models.items():
            rows += cell(times(by_model[model], trials), model=model, target=target)
    return rows


def means(rows: list[Row]) -> pd.DataFrame:
    return speedups_by_target(summarize(to_frame(rows), make_meta(rows))).set_index("target").sort_index()


@few
@given(seeds, st.lists(factors, min_size=1, max_size=5))
def test_the_mean_of_constant_factors_is_their_geometric_mean_exactly(seed: int, slower: list[int]) -> None:
    models = {f"model {i}": machine(seed + i, 6) for i in range(len(slower))}
    found = means(sweep(models, openvino=dict(zip(models, slower, strict=True)))).loc["openvino"]
    known = prod(slower) ** (-1 / len(slower))
    assert found[["speedup", "speedup_low", "speedup_high"]].tolist() == pytest.approx([known] * 3, rel=1e-12)
    assert (found["models"], found["valid_models"]) == (len(slower), len(slower))


def noisy_sweep(seed: int, models: Sequence[str] = "abcd") -> list[Row]:
    """Three targets on each model, everything with noise of its own."""
    named = [(model, target) for model in models for target in ("cpu", "openvino", "litert")]
    cells = (cell(machine(seed + i, 6), model=model, target=target) for i, (model, target) in enumerate(named))
    return [row for rows in cells for row in rows]


@few
@given(seeds, st.permutations("abcd"))
def test_neither_the_names_of_models_nor_their_order_change_the_means(seed: int, names: list[str]) -> None:
    renamed = sorted(noisy_sweep(seed, names), key=lambda row: str(row["model"]))
    pd.testing.assert_frame_equal(means(renamed), means(noisy_sweep(seed)), rtol=1e-12)


@few
@given(seeds, st.sampled_from("abcd"), st.sampled_from(["openvino", "litert", "cpu"]))
def test_a_model_invalid_for_one_target_takes_part_for_nobody(seed: int, model: str, target: str) -> None:
    rows = noisy_sweep(seed)
    wrong = {"output_ok": False, "flags": ["wrong_output"]}
    broken = [row | wrong if (row["model"], row["target"]) == (model, target) else row for row in rows]
    columns = [*RATIO, "models", "blocks"]
    found, without = means(broken), means([row for row in rows if row["model"] != model])
    pd.testing.assert_frame_equal(found[columns], without[columns])
    assert set(found["models"]) == {3} and set(found["all_models"]) == {4}
