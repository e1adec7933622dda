"""One row a cell: nothing without its validity, no verdict without evidence, no ratio to a baseline that failed."""

from math import isnan
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.rows import Row, make_failed, make_meta, make_rounds, make_row

from bench.analysis import summarize, widest_half_width
from bench.analysis.flags import drifts
from bench.store import to_frame


def summary(rows: list[Row], **meta: Any) -> pd.DataFrame:
    """Summarise rows, indexed by `target precision`."""
    found = summarize(to_frame(rows), make_meta(rows, **meta))
    return found.set_index(found["target"] + " " + found["precision"])


def pair(rounds: int = 6, speedup: float = 1.42, **columns: Any) -> list[Row]:
    return [*make_rounds(rounds), *make_rounds(rounds, speedup, seed=1, target="openvino", **columns)]


def test_a_faster_cell_says_by_how_much_how_sure_and_against_what() -> None:
    row = summary(pair()).loc["openvino fp32"]
    assert row["verdict"] == "faster" and row["valid"] and row["rounds"] == row["speedup_rounds"] == 6
    assert row["speedup_low"] <= row["speedup"] <= row["speedup_high"]
    assert row["speedup"] == pytest.approx(1.42, rel=0.005) and row["speedup_level"] == 0.96875
    assert row["latency_low_ns"] <= row["latency_ns"] <= row["latency_high_ns"]


def test_pairing_takes_out_what_the_machine_did_to_both() -> None:
    row = summary(pair()).loc["openvino fp32"]
    alone = row["latency_high_ns"] / row["latency_low_ns"] - 1
    side_by_side = row["speedup_high"] / row["speedup_low"] - 1
    assert side_by_side < alone / 3


def test_three_rounds_give_a_range_and_no_verdict() -> None:
    row = summary(pair(rounds=3)).loc["openvino fp32"]
    assert row["verdict"] == "none" and "3 rounds" in row["verdict_reason"]
    assert isnan(row["speedup_level"]) and isnan(row["latency_level"]) and row["speedup_low"] > 1.4


def test_the_baseline_is_itself() -> None:
    row = summary(pair()).loc["cpu fp32"]
    assert row["is_baseline"] and row["verdict"] == "baseline" and row["speedup"] == row["speedup_high"] == 1


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"output_ok": False, "flags": ["wrong_output"]}, "differs from the reference"),
        (
            {
                "output_ok": False,
                "reason": "outputs are y [1]; the reference has y [2]",
                "cosine": None,
                "sqnr_db": None,
            },
            "outputs are y",
        ),
        ({"output_ok": False, "reason": "an output is infinite", "sqnr_db": 999.0}, "an output is infinite"),
        ({"output_ok": None, "flags": ["no_reference"]}, "no reference"),
        ({"output_ok": None}, "no reference"),
        ({"flags": ["partial_fallback"]}, "another execution provider"),
        ({"flags": ["precision_differs"]}, "lower precision"),
        ({"flags": ["simulator"]}, "simulator"),
        ({"threads_effective": 4}, "4 threads where 2 were asked for"),
        ({"samples_ns": None}, "no samples"),
    ],
)
def test_a_cell_that_is_not_what_was_asked_for_has_no_verdict(columns: dict[str, Any], why: str) -> None:
    row = summary(pair(speedup=3, **columns)).loc["openvino fp32"]
    assert not row["valid"] and why in row["invalid_reason"]
    assert row["verdict"] == "none" and row["verdict_reason"] == row["invalid_reason"]


def test_one_wrong_trial_is_enough_to_make_a_cell_wrong() -> None:
    rows = pair()
    rows[-1] |= {"output_ok": False, "flags": ["wrong_output"]}
    row = summary(rows).loc["openvino fp32"]
    assert row["output_ok"] is False and not row["valid"] and row["flags"] == ["wrong_output"]


def test_correctness_is_the_worst_of_all_trials() -> None:
    rows = pair()
    rows[-1] |= {"cosine": 0.9, "max_abs_error": 5.0}
    rows[-2] |= {"sqnr_db": 20.0, "nodes_on_provider": 30}
    row = summary(rows).loc["openvino fp32"]
    assert (row["cosine"], row["max_abs_error"], row["sqnr_db"], row["nodes_on_provider"]) == (0.9, 5.0, 20.0, 30)


@pytest.mark.parametrize("failed", [{"status": "crashed"}, {"output_ok": False}])
def test_a_baseline_that_failed_or_was_wrong_gives_no_ratio(failed: dict[str, Any]) -> None:
    rows = [row | (failed if row["target"] == "cpu" else {}) for row in pair()]
    row = summary(rows).loc["openvino fp32"]
    assert isnan(row["speedup"]) and row["speedup_rounds"] == 0 and row["verdict"] == "none"
    assert row["verdict_reason"] == summary(rows).loc["openvino fp32", "verdict_reason"] != ""
    assert row["valid"] and row["latency_ns"] > 0


def test_a_baseline_of_unknown_correctness_gives_a_ratio_but_no_verdict() -> None:
    rows = [row | ({"output_ok": None} if row["target"] == "cpu" else {}) for row in pair()]
    row = summary(rows).loc["openvino fp32"]
    assert row["speedup"] > 1.4 and row["verdict"] == "none" and "the baseline" in row["verdict_reason"]


def test_a_cell_without_a_baseline_in_its_block_says_so() -> None:
    row = summary(make_rounds(6, target="openvino")).loc["openvino fp32"]
    assert row["verdict"] == "none" and "baseline" in row["verdict_reason"] and isnan(row["speedup"])


def test_failed_and_skipped_cells_stay_with_their_reasons() -> None:
    rows = [*pair(), make_failed("skipped", "no NPU here", round=None, target="npu")]
    rows += [make_failed("crashed", f"signal {number}", round=number, target="ncnn") for number in (9, 11)]
    found = summary(rows)
    assert found.loc["npu fp32", ["status", "reason", "rounds", "failed_trials"]].tolist() == [
        "skipped",
        "no NPU here",
        0,
        0,
    ]
    assert found.loc["ncnn fp32", ["status", "reason", "rounds", "failed_trials"]].tolist() == [
        "crashed",
        "signal 11",
        0,
        2,
    ]
    assert not found.loc["npu fp32", "valid"] and isnan(found.loc["npu fp32", "latency_ns"])


def test_a_cell_that_fails_now_and_then_is_ok_and_says_how_often() -> None:
    rows = pair()
    rows[8] = make_failed("timeout", "warm took over 60 s", round=2, target="openvino")
    row = summary(rows).loc["openvino fp32"]
    assert row[["status", "rounds", "failed_trials", "speedup_rounds"]].tolist() == ["ok", 5, 1, 5]
    assert "60 s" in row["reason"]


def test_a_cell_that_fails_as_often_as_it_ends_well_has_failed() -> None:
    rows = [*make_rounds(2), make_row(target="openvino"), make_failed("timeout", "60 s", round=1, target="openvino")]
    assert summary(rows).loc["openvino fp32", "status"] == "timeout"


def test_the_baseline_is_the_one_of_the_same_group() -> None:
    rows = make_rounds(6) + make_rounds(6, 1.5, seed=1, target="openvino")
    rows += make_rounds(6, 0.5, seed=2, group=1) + make_rounds(6, 0.75, seed=3, group=1, target="openvino-native")
    found = summary(rows)
    assert found.loc["openvino fp32", "speedup"] == pytest.approx(1.5, rel=0.01)
    assert found.loc["openvino-native fp32", "speedup"] == pytest.approx(1.5, rel=0.01)
    assert found.loc["cpu fp32", "rounds"] == 12


def test_the_ratio_at_the_same_precision_says_when_it_is_indirect() -> None:
    int8 = {"precision": "int8-static"}
    rows = make_rounds(6) + make_rounds(6, 2.0, seed=1, **int8) + make_rounds(6, 3.0, seed=2, target="openvino", **int8)
    rows += make_rounds(6, seed=3, group=1) + make_rounds(6, 4.0, seed=4, group=1, target="openvino-native", **int8)
    found = summary(rows)
    direct, through = found.loc["openvino int8-static"], found.loc["openvino-native int8-static"]
    assert direct["speedup_same_precision"] == pytest.approx(1.5, rel=0.01) and not direct["indirect"]
    assert through["speedup_same_precision"] == pytest.approx(2.0, rel=0.01) and through["indirect"]
    assert through["verdict"] == "faster", "against FP32 it was measured side by side"
    assert found.loc["cpu int8-static", "speedup_same_precision"] == 1


def test_a_wrong_baseline_at_the_same_precision_gives_no_ratio_either() -> None:
    int8 = {"precision": "int8-static"}
    rows = make_rounds(6) + make_rounds(6, 9.0, seed=1, output_ok=False, **int8)
    rows += make_rounds(6, 3.0, seed=2, target="openvino", **int8)
    row = summary(rows).loc["openvino int8-static"]
    assert row["verdict"] == "faster" and isnan(row["speedup_same_precision"]) and not row["indirect"]


def test_unpaired_trials_count_for_latency_but_not_for_ratios() -> None:
    rows = [*pair(rounds=7)]
    rows[0] |= {"flags": ["unpaired"]}
    found = summary(rows)
    assert found.loc["cpu fp32", "rounds"] == 7 and found.loc["openvino fp32", "speedup_rounds"] == 6
    assert "unpaired" in found.loc["cpu fp32", "flags"]


def test_throughput_is_items_over_wall_clock_never_one_over_latency() -> None:
    rows = make_rounds(6, batch=8, window_ns=[200_000_000, 200_000_000], window_completed=[100, 300])
    row = summary(rows).loc["cpu fp32"]
    assert row["throughput_items_s"] == pytest.approx(8 * 400 / 0.4)
    assert isnan(summary(make_rounds(6, window_ns=None)).loc["cpu fp32", "throughput_items_s"])


def test_percentiles_appear_only_with_enough_trials_and_samples_timed_singly() -> None:
    rng = np.random.default_rng(3)

    def rows(trials: int, each: int, k: int = 1) -> list[Row]:
        drawn = [rng.normal(1e6, 1e4, each).astype(int).tolist() for _ in range(trials)]
        bursts = [i // 20 for i in range(each)]
        more = {"sample_burst": bursts, "inferences_per_sample": k}
        return [make_row(round=i, samples_ns=samples, **more) for i, samples in enumerate(drawn)]

    enough = summary(rows(12, 200)).loc["cpu fp32"]
    assert enough["p95_ns"] == pytest.approx(1e6 + 1.645e4, rel=0.002)
    assert enough["p95_low_ns"] < enough["p95_ns"] < enough["p95_high_ns"] and enough["p99_ns"] > enough["p95_high_ns"]
    assert isnan(enough["p999_ns"])
    assert isnan(summary(rows(9, 400)).loc["cpu fp32", "p90_ns"])
    assert isnan(summary(rows(12, 6)).loc["cpu fp32", "p90_ns"])
    assert isnan(summary(rows(12, 200, k=10)).loc["cpu fp32", "p90_ns"])


def test_a_trial_in_a_slow_mode_flags_its_cell() -> None:
    rows = pair()
    rows[9] = make_row(round=3, target="openvino", latency_ns=1_400_000)
    found = summary(rows)
    assert found.loc["openvino fp32", "flags"] == ["bimodal"] and found.loc["cpu fp32", "flags"] == []


def test_drift_needs_six_rounds_and_more_than_chance() -> None:
    steady = [0.01, -0.02, 0.00, 0.02, -0.01, 0.005]
    assert drifts({(0, i): 0.01 * i for i in range(6)}) and drifts({(0, i): -0.01 * i for i in range(6)})
    assert not drifts({(0, i): 0.01 * i for i in range(5)})
    assert not drifts({(0, i): r for i, r in enumerate(steady)})
    rng = np.random.default_rng(0)
    alarms = np.mean([drifts({(0, i): r for i, r in enumerate(rng.normal(size=6))}) for _ in range(2000)])
    assert alarms < 0.08


def test_cells_come_in_the_order_of_the_suite() -> None:
    rows = make_rounds(2, batch=8) + make_rounds(2, target="openvino") + make_rounds(2, model="bert") + make_rounds(2)
    found = summarize(to_frame(rows), make_meta(rows, models={"magika": {}, "bert": {}}))
    order = list(zip(found["model"], found["batch"], found["target"], strict=True))
    assert order == [("magika", 1, "cpu"), ("magika", 1, "openvino"), ("magika", 8, "cpu"), ("bert", 1, "cpu")]


def test_the_order_of_trials_changes_nothing() -> None:
    rows = [*pair(), make_failed("skipped", "no NPU", round=None, target="npu")]
    shuffled = [rows[i] for i in np.random.default_rng(5).permutation(len(rows))]
    drop = ["effects", "trial_medians_ns"]
    meta = make_meta(rows)
    pd.testing.assert_frame_equal(
        summarize(to_frame(rows), meta).drop(columns=drop), summarize(to_frame(shuffled), meta).drop(columns=drop)
    )


def test_the_widest_interval_of_a_block_tells_when_to_stop() -> None:
    block = make_row()["block_id"]
    narrow = pair(rounds=12) + make_rounds(12, 0.9, noise=0.02, seed=9, target="openvino-native")
    meta = make_meta(narrow)
    wide = widest_half_width(to_frame(narrow), meta, block)
    found = summary(narrow).loc["openvino-native fp32"]
    assert wide == pytest.approx((found["speedup_high"] - found["speedup_low"]) / 2 / found["speedup"], rel=0.05)
    assert widest_half_width(to_frame(pair(rounds=5)), meta, block) is None
    invalid = [*pair(rounds=12), *make_rounds(12, noise=0.1, seed=3, target="x", output_ok=False)]
    assert widest_half_width(to_frame(invalid), meta, block) < 0.005
    assert widest_half_width(to_frame(make_rounds(12)), meta, block) == 0
