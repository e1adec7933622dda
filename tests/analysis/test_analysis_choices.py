"""What to deploy, and what a target is worth over all models: never a cell that may not win."""

from typing import Any

import pandas as pd
import pytest
from support.rows import Row, make_failed, make_meta, make_rounds, make_scenario

from bench.analysis import Choice, recommend, speedups_by_target, summarize
from bench.store import to_frame


def summary(rows: list[Row]) -> pd.DataFrame:
    return summarize(to_frame(rows), make_meta(rows))


def choose(rows: list[Row], goal: str = "latency", **limits: Any) -> Choice:
    return next(choice for choice in recommend(summary(rows), **limits) if choice.goal == goal)


def target(choice: Choice) -> str | None:
    return choice.winner and choice.winner["target"]


def peers(choice: Choice) -> list[str]:
    return [cell["target"] for cell in choice.peers]


BASE = make_rounds(6)
FAST = make_rounds(6, 2.0, seed=1, target="openvino")
ALIKE = make_rounds(6, 2.002, seed=2, target="openvino-native")


def test_what_stays_in_device_memory_is_never_chosen_before_what_does_not() -> None:
    resident = [
        row
        for name, seed in (("cpu", 1), ("openvino", 2))
        for row in make_scenario("device_resident", speedup=50.0, seed=seed, target=name)
    ]
    choices = recommend(summary(BASE + FAST + resident))
    assert {choice.winner["scenario"] for choice in choices if choice.winner} == {"latency"}
    cells = summary(BASE + FAST + resident)
    assert cells[cells["boundary"] == "device_resident"]["is_baseline"].sum() == 1
    assert set(speedups_by_target(cells)["blocks"]) == {1}


def test_the_fastest_is_chosen_and_what_cannot_be_told_apart_is_named() -> None:
    choice = choose(BASE + FAST)
    assert target(choice) == "openvino" and peers(choice) == [] and choice.certain
    choice = choose(BASE + FAST + ALIKE)
    assert {target(choice), *peers(choice)} == {"openvino", "openvino-native"}


def test_a_difference_the_interval_proves_but_below_one_per_cent_does_not_tell_two_apart() -> None:
    near = make_rounds(6, 2.01, noise=0, seed=1, target="openvino-native")
    choice = choose(BASE + make_rounds(6, 2.0, noise=0, target="openvino") + near)
    assert target(choice) == "openvino-native" and peers(choice) == ["openvino"]


def test_the_runs_own_threshold_holds_for_choices_and_means_as_for_its_cells() -> None:
    rows = BASE + make_rounds(6, 1.05, noise=0, seed=1, target="openvino")
    meta = make_meta(rows, protocol={"preset": "standard", "rounds": 6, "threshold": 0.1})
    cells = summarize(to_frame(rows), meta)
    assert set(cells["verdict"]) == set(speedups_by_target(cells)["verdict"]) == {"baseline", "within noise"}
    (choice, *_) = recommend(cells)
    assert (target(choice), peers(choice)) == ("openvino", ["cpu"])


def test_rounds_side_by_side_tell_apart_what_absolute_latencies_cannot() -> None:
    near = make_rounds(6, 1.03, noise=0.001, seed=3, target="openvino")
    found = summary(BASE + near)
    slow, fast = found.iloc[0], found.iloc[1]
    assert slow["latency_low_ns"] < fast["latency_high_ns"], "the machine's own pace hides the difference"
    choice = choose(BASE + near)
    assert target(choice) == "openvino" and peers(choice) == []


def test_across_groups_the_difference_must_show_through_both_intervals() -> None:
    other = make_rounds(6, seed=5, group=1)
    near = make_rounds(6, 2.01, noise=0.01, seed=6, group=1, target="openvino-native")
    far = make_rounds(6, 3.0, seed=6, group=1, target="openvino-native")
    assert len(peers(choose(BASE + FAST + other + near))) == 1
    assert peers(choose(BASE + FAST + other + far)) == []


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"output_ok": False, "flags": ["wrong_output"]}, "wrong output"),
        ({"flags": ["partial_fallback"]}, "ran in part on another provider"),
        ({"flags": ["precision_differs"]}, "computed in a lower precision"),
        ({"output_ok": None, "flags": ["no_reference"]}, "no reference to check the output"),
        ({"status": "crashed"}, "crashed"),
    ],
)
def test_what_may_not_win_is_counted_with_its_reason(columns: dict[str, Any], why: str) -> None:
    choice = choose(BASE + make_rounds(6, 9.0, target="openvino", **columns))
    assert target(choice) == "cpu" and peers(choice) == [] and choice.ruled_out == {why: 1}


def test_a_cell_that_failed_in_one_round_is_not_deployed() -> None:
    flaky = [*FAST[:5], make_failed("crashed", "signal 11", round=5, target="openvino")]
    choice = choose(BASE + flaky)
    assert target(choice) == "cpu" and choice.ruled_out == {"failed in some rounds": 1}


def test_limits_rule_out_what_breaks_them_and_what_is_not_known() -> None:
    exact = make_rounds(6, 1.5, seed=2, target="exact", max_rel_error=1e-6, peak_rss_bytes=50_000_000)
    rough = make_rounds(6, 2.0, seed=3, target="rough", max_rel_error=0.05, peak_rss_bytes=200_000_000)
    unknown = make_rounds(6, 3.0, seed=4, target="unknown", max_rel_error=None, peak_rss_bytes=None)
    rows = BASE + exact + rough + unknown
    assert target(choose(rows)) == "unknown"
    by_error = choose(rows, max_error=0.01)
    assert target(by_error) == "exact" and by_error.ruled_out == {"error over 0.01": 1, "error unknown": 1}
    by_memory = choose(rows, max_memory_mb=100)
    assert target(by_memory) == "exact" and by_memory.ruled_out == {"memory over 100 MB": 2, "memory unknown": 1}
    nothing = choose(rows, max_latency_ms=0.1)
    assert nothing.winner is None and "4 latency over 0.1 ms" in nothing.reason


def test_each_batch_has_its_lowest_latency_and_all_of_them_the_most_items() -> None:
    rows = (
        BASE
        + FAST
        + make_rounds(6, latency_ns=4_000_000, batch=8)
        + make_rounds(6, 0.5, seed=1, batch=8, target="openvino")
    )
    found = recommend(summary(rows))
    assert [(choice.goal, choice.batch, target(choice)) for choice in found] == [
        ("latency", 1, "openvino"),
        ("latency", 8, "openvino"),
        ("throughput", None, "openvino"),
    ]
    assert found[2].winner["batch"] == 8
    assert [choice.batch for choice in recommend(summary(rows), batch=8)] == [8, None]


def test_three_rounds_give_a_choice_that_is_not_certain() -> None:
    choice = choose([row for row in BASE + FAST if row["round"] < 3])
    assert target(choice) == "openvino" and not choice.certain


def test_without_a_baseline_absolute_intervals_decide() -> None:
    choice = choose(FAST + make_rounds(6, 3.0, seed=8, target="litert"))
    assert target(choice) == "litert" and peers(choice) == []
    assert len(peers(choose(FAST + ALIKE))) == 1


def sweep(speedups: dict[str, dict[str, float | None]]) -> pd.DataFrame:
    """Models by target -> speedup over the baseline; None: the target is wrong on that model."""
    rows = []
    for number, (name, by_target) in enumerate(speedups.items()):
        for batch in (1, 8):
            rows += make_rounds(6, model=name, batch=batch)
            for seed, (other, speedup) in enumerate(by_target.items(), 10 * number + 1):
                wrong = {"output_ok": False} if speedup is None else {}
                rows += make_rounds(6, speedup or 9.0, seed=seed, model=name, batch=batch, target=other, **wrong)
    return speedups_by_target(summary(rows)).set_index("target")


def test_the_mean_over_models_is_geometric_and_counts_a_model_once() -> None:
    found = sweep({"a": {"openvino": 2.0}, "b": {"openvino": 0.5}, "c": {"openvino": 2.0}}).loc["openvino"]
    assert found["speedup"] == pytest.approx(2 ** (1 / 3), rel=0.01)
    assert (found["models"], found["blocks"], found["speedup_rounds"], found["speedup_level"]) == (3, 6, 6, 0.96875)
    assert found["verdict"] == "faster" and found["speedup_low"] < found["speedup"] < found["speedup_high"]


def test_only_models_valid_for_every_target_compared_are_in_any_mean() -> None:
    both = {"openvino": 2.0, "openvino-native": 3.0}
    found = sweep({"a": both, "b": both, "c": {"openvino": 8.0, "openvino-native": None}})
    assert found["models"].to_dict() == {"cpu": 2, "openvino": 2, "openvino-native": 2}
    assert found.loc["openvino", "speedup"] == pytest.approx(2, rel=0.01) and found.loc["openvino", "valid_models"] == 3


def test_a_target_valid_on_too_few_models_has_no_mean_and_takes_none_away() -> None:
    two = {"openvino": 2.0, "litert": None}
    found = sweep({"a": {"openvino": 2.0, "litert": 5.0}, "b": two, "c": two})
    assert found.loc["openvino", "models"] == 3
    assert found.loc["litert", ["models", "valid_models", "verdict"]].tolist() == [0, 1, "none"]


def test_a_target_of_other_cases_has_no_mean_and_takes_none_away() -> None:
    """Two threads for all but one, which has a single thread and is compared with a baseline of its own."""
    rows = []
    for model in ("a", "b"):
        rows += make_rounds(6, model=model, threads=2) + make_rounds(6, model=model, threads=1, threads_effective=1)
        rows += make_rounds(6, 2.0, seed=1, model=model, threads=2, target="openvino")
        rows += make_rounds(6, 1.5, seed=2, model=model, threads=2, target="litert")
        rows += make_rounds(6, 3.0, seed=3, model=model, threads=1, threads_effective=1, target="tract")
    found = speedups_by_target(summary(rows)).set_index("target")
    assert found.loc["openvino", ["models", "blocks"]].tolist() == [2, 2]
    assert found.loc["openvino", "speedup"] == pytest.approx(2, rel=0.01)
    assert found.loc["tract", ["models", "valid_models", "verdict"]].tolist() == [0, 2, "none"]


def test_one_model_has_the_mean_its_only_cell_has() -> None:
    rows = BASE + FAST
    cell = summary(rows).set_index("target").loc["openvino"]
    mean = speedups_by_target(summary(rows)).set_index("target").loc["openvino"]
    for name in ("speedup", "speedup_low", "speedup_high", "verdict", "speedup_rounds"):
        assert mean[name] == pytest.approx(cell[name]) if isinstance(cell[name], float) else mean[name] == cell[name]
