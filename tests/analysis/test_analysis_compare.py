"""Two stored runs, cell by cell: what is said, what is not, and that nothing is dropped."""

from math import exp, isfinite, log
from pathlib import Path
from typing import Any

import pytest
from support.duels import MACHINE, frozen, stored
from support.rows import Row, make_failed, make_rounds

import bench
from bench.analysis import Comparison, Pair, compare, compare_duel, compare_runs
from bench.analysis.comparison.pairs import RELATIVE
from bench.errors import UsageError
from bench.store import write_run


def two(speed: float = 1.0, seed: int = 0, rounds: int = 6, machine: float = 1.0, **columns: Any) -> list[Row]:
    """A baseline and one target 1.4 times as fast; on a machine that takes `machine` times as long."""
    found = make_rounds(rounds, 1 / machine, seed=seed, **columns)
    return found + make_rounds(rounds, 1.4 * speed / machine, seed=seed + 1, target="openvino", **columns)


def by_target(found: Comparison) -> dict[str, Pair]:
    return {one.target: one for one in found.pairs}


def only(found: Comparison) -> Pair:
    [one] = found.pairs
    return one


def test_a_run_against_itself_changed_nowhere_and_says_that_it_is_the_same_run() -> None:
    found = compare_runs(stored(two()), stored(two()))
    assert {one.verdict for one in found.pairs} <= {"within noise", "inconclusive"}
    assert all(one.ratio.estimate == 0 for one in found.pairs)
    assert "A and B are one and the same run." in found.notes


def test_the_machines_pace_that_night_is_taken_out_where_the_baseline_is_the_same() -> None:
    found = compare_runs(stored(two()), stored(two(machine=1.3, seed=10), "b"))
    openvino = by_target(found)["openvino"]
    assert openvino.rests_on == RELATIVE and openvino.verdict == "within noise"
    assert exp(openvino.absolute.estimate) == pytest.approx(1.3, rel=0.01)
    assert by_target(found)["cpu"].verdict == "slower", "the baseline itself has nothing to be held against"
    assert exp(found.shift.r) == pytest.approx(1.3, rel=0.01) and found.shift.cells == 2


def test_a_change_of_one_target_shows_with_its_exact_level() -> None:
    found = compare_runs(stored(two()), stored(two(speed=0.9, seed=10), "b"))
    first = found.pairs[0]
    assert (first.target, first.verdict) == ("openvino", "slower")
    assert exp(first.ratio.estimate) == pytest.approx(1 / 0.9, rel=0.01)
    assert first.ratio.level == pytest.approx(2 * 0.96875 - 1), "Bonferroni: two intervals have to hold at once"


def test_swapped_sides_mirror_every_ratio_and_verdict() -> None:
    a, b = stored(two()), stored(two(speed=0.9, seed=10), "b")
    there, back = by_target(compare_runs(a, b)), by_target(compare_runs(b, a))
    mirror = {"slower": "faster", "faster": "slower"}
    for target, one in there.items():
        other = back[target]
        assert other.ratio.estimate == pytest.approx(-one.ratio.estimate)
        assert (other.ratio.low, other.ratio.high) == pytest.approx((-one.ratio.high, -one.ratio.low))
        assert other.verdict == mirror.get(one.verdict, one.verdict)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"environments": frozen(onnxruntime="1.33.0")}, "the baseline changed too (onnxruntime: 1.32.0 → 1.33.0)"),
        ({"models": {"magika": {"sha256": "b" * 64}}}, "the baseline changed too (file of magika"),
    ],
)
def test_a_baseline_that_changed_too_does_not_stand_for_the_machine(change: dict[str, Any], why: str) -> None:
    before = {"models": {"magika": {"sha256": "a" * 64}}}
    found = compare_runs(stored(two(), **before), stored(two(seed=10), "b", **(before | change)))
    assert not isfinite(by_target(found)["openvino"].relative.estimate)
    assert any(why in note and note.startswith("1 cell is judged by absolute times") for note in found.notes)


def test_a_baseline_missing_from_one_side_is_told_in_words_and_its_cell_is_still_there() -> None:
    without = [row for row in two(seed=10) if row["target"] == "openvino"]
    found = compare_runs(stored(two()), stored(without, "b"))
    assert by_target(found)["cpu"].reason == "only in A; B has no such cell"
    assert by_target(found)["openvino"].rests_on != RELATIVE
    assert any("B has no baseline cell in that block" in note for note in found.notes)


def test_what_it_is_about_is_listed_and_keeps_nothing_from_being_compared() -> None:
    rows = [row | {"runtime_version": "1.33.0", "options": '{"x": "2"}'} for row in make_rounds(6, seed=9)]
    newer = MACHINE | {"versions": {"ortbench": "0.2.0"}}
    after = stored(rows, "b", environments=frozen(onnxruntime="1.33.0"), machine=newer)
    found = compare_runs(stored(make_rounds(6)), after)
    told = {str(change): cells for change, cells in found.changed}
    assert told == {
        "version of onnxruntime: 1.32.0 → 1.33.0": 1,
        "onnxruntime: 1.32.0 → 1.33.0": 1,
        "options.x: none → 2": 1,
        "ortbench: 0.1.0 → 0.2.0": 1,
    }
    assert only(found).verdict != "not comparable" and not only(found).differs


@pytest.mark.parametrize(
    ("columns", "meta", "named"),
    [
        ({"machine_id": "other"}, {"machine": MACHINE | {"name": "other box"}}, "machine: testbox → other box"),
        ({}, {"machine": MACHINE | {"conditions": {"power_source": "battery"}}}, "power source: mains → battery"),
        ({"flags": ["on_battery"]}, {}, "power state: not so → the machine ran on battery"),
        ({"flags": ["throttled"]}, {}, "the processor lowered its clock"),
        ({}, {"machine": MACHINE | {"cpu": {"governor": "powersave"}}}, "governor: performance → powersave"),
        ({"threads_effective": 1}, {}, "threads that ran: 2 → 1"),
        ({"precision_effective": "bf16"}, {}, "computed in: fp32 → bf16"),
        ({"boundary": "device_resident"}, {}, "boundary: host_to_host → device_resident"),
        ({"cache": "empty"}, {}, "compile cache: warm → empty"),
        ({"flags": ["synthetic_inputs"]}, {}, "inputs: from files → seeded noise"),
        ({}, {"suite": {"suite": "suite", "seed": 7}}, "seed of the inputs: 0 → 7"),
        (
            {}, {"suite": {"suite": "suite", "seed": 0, "models": {"magika": {"inputs": {"x": {"constant": 1.0}}}}}},
            "inputs of the model",
        ),
        (
            {}, {"suite": {"suite": "suite", "seed": 0, "scenarios": {"latency": {"pause_ms": 5}}}},
            "pause_ms of the scenario: none → 5",
        ),
    ],
)  # fmt: skip
def test_what_must_be_the_same_is_named_and_force_labels_it(
    columns: dict[str, Any], meta: dict[str, Any], named: str
) -> None:
    before, after = stored(make_rounds(6)), stored(make_rounds(6, seed=9, **columns), "b", **meta)
    one = only(compare_runs(before, after))
    assert one.verdict == "not comparable" and named in one.reason and not isfinite(one.ratio.estimate)
    forced = only(compare_runs(before, after, force=True))
    assert forced.forced
    if "threads" in named:
        assert forced.verdict == "none", "with other threads than asked for it is not valid either"
    else:
        assert isfinite(forced.ratio.estimate) and forced.reason.startswith("forced: ") and named in forced.reason


def test_what_is_not_known_of_one_run_is_no_difference() -> None:
    before, after = stored(make_rounds(6), machine={}), stored(make_rounds(6, seed=9, precision_effective=None), "b")
    assert not only(compare_runs(before, after)).differs


def test_cells_that_failed_were_skipped_or_are_on_one_side_only_stay_with_their_reason() -> None:
    a = [*make_rounds(6), make_failed("crashed", "signal 11", model="x"), *make_rounds(6, model="y")]
    b = [*make_rounds(6), *make_rounds(6, model="x"), make_failed("skipped", "no NPU here", None, model="y")]
    a += make_rounds(6, model="z")
    b += make_rounds(6, model="w", output_ok=False, flags=["wrong_output"])
    a += make_rounds(6, model="w")
    found = {one.model: one for one in compare_runs(stored(a), stored(b, "b")).pairs}
    assert found["x"].reason == "A: crashed: signal 11"
    assert found["y"].reason == "B: skipped: no NPU here"
    assert found["z"].reason == "only in A; B has no such cell"
    assert found["w"].reason.startswith("B: the output differs from the reference")
    assert {found[name].verdict for name in "xyzw"} == {"none"} and len(found) == 5


def test_only_failed_cells_give_no_verdict_no_mean_and_no_shift() -> None:
    rows = [make_failed("crashed", "signal 11"), make_failed("timeout", "60 s", target="openvino")]
    found = compare_runs(stored(rows), stored(rows, "b"))
    assert [one.reason for one in found.pairs] == ["A and B: crashed: signal 11", "A and B: timeout: 60 s"]
    assert found.means == () and found.shift.cells == 0 and found.counts["none"] == 2


@pytest.mark.parametrize("rounds", [1, 5])
def test_too_few_rounds_give_a_range_and_no_verdict(rounds: int) -> None:
    one = only(compare_runs(stored(make_rounds(rounds)), stored(make_rounds(6, 0.5), "b")))
    assert one.verdict == "none" and one.ratio.level is None and isfinite(one.ratio.low)
    assert one.reason == f"{'1 round gives' if rounds == 1 else '5 rounds give'} a range; a verdict takes 6"


def test_an_empty_run_is_an_error_with_its_name() -> None:
    with pytest.raises(UsageError, match=r"b\.parquet holds no trial"):
        compare_runs(stored(make_rounds(6)), stored([], "b"))
    with pytest.raises(UsageError, match="holds no trial"):
        compare_duel(stored([], "b"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"samples_ns": [-5] * 54}, "its clock stood still or went back: 324 of 324 times are not above zero"),
        ({"samples_ns": [0, *[1_000_000] * 53]}, "its clock stood still or went back: 6 of 324"),
        ({"samples_ns": [2**62, *[1_000_000] * 53]}, "its clock jumped: its times add up to"),
    ],
)
def test_times_no_clock_can_have_given_get_a_reason_and_no_verdict(change: dict[str, Any], why: str) -> None:
    rows = [row | change for row in make_rounds(6, seed=9)]
    for a, b, side in ((make_rounds(6), rows, "B"), (rows, make_rounds(6), "A")):
        one = only(compare_runs(stored(a), stored(b, "b")))
        assert one.verdict == "none" and one.reason.startswith(f"{side}: {why}")


def test_a_clock_that_was_set_back_while_it_measured_gets_no_verdict() -> None:
    moments = [f"2026-11-23T12:0{minute}:00+00:00" for minute in (1, 2, 3, 0, 4, 5)]
    rows = [row | {"started_at": moment} for row, moment in zip(make_rounds(6), moments, strict=True)]
    one = only(compare_runs(stored(make_rounds(6)), stored(rows, "b")))
    assert one.verdict == "none" and "a round started before the one it followed" in one.reason
    ended = stored(make_rounds(6), "b", ended_at="2026-11-23T11:00:00+00:00")
    found = compare_runs(stored(make_rounds(6)), ended)
    assert only(found).verdict == "none" and any("its clock was set back" in note for note in found.notes)


def test_means_count_a_model_once_and_only_over_what_could_be_compared() -> None:
    a = [*make_rounds(6), *make_rounds(6, batch=8), *make_rounds(6, model="x"), make_failed("crashed", "11", model="y")]
    b = [*make_rounds(6, 0.5), *make_rounds(6, 0.5, batch=8), *make_rounds(6, model="x"), *make_rounds(6, model="y")]
    [mean] = compare_runs(stored(a), stored(b, "b")).means
    assert (mean.models, mean.pairs) == (2, 3) and mean.ratio.estimate == pytest.approx(log(2) / 2, rel=0.02)
    assert mean.verdict == "none" and not isfinite(mean.ratio.low), "rounds of stored runs have nothing in common"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"environments": frozen(onnxruntime="1.33.0")}, "--a onnxruntime==1.32.0 --b onnxruntime==1.33.0"),
        ({"environments": frozen(numpy="2.4.0")}, "--a numpy==2.3.1 --b numpy==2.4.0"),
        ({"models": {"magika": {"sha256": "b" * 64}}}, "--a OLD.onnx --b NEW.onnx"),
        ({}, "--a onnxruntime==OLD --b onnxruntime==NEW"),
    ],
)
def test_the_command_that_decides_is_made_of_what_differs(change: dict[str, Any], words: str) -> None:
    before = {"models": {"magika": {"sha256": "a" * 64}}}
    found = compare_runs(stored(two(), **before), stored(two(seed=9), "b", **(before | change)))
    assert found.command == f"ortbench duel suite.yaml {words}"


def test_the_api_takes_paths_or_runs(tmp_path: Path) -> None:
    run = stored(two())
    path = write_run(tmp_path / "a.parquet", two(), run.meta)
    assert bench.compare(path, str(path)).counts == compare(run, run).counts


@pytest.mark.parametrize(
    ("kind", "columns", "metric"),
    [
        ("device_resident", {"samples_ns": [2_000_000] * 6, "sample_burst": [0] * 6}, "latency in device memory"),
        ("throughput", {"window_ns": [100_000_000] * 8, "window_completed": [50] * 8}, "throughput"),
        ("server", {"rate_per_s": 500.0}, "sustained rate"),
        ("churn", {"cycle_ns": [2_000_000] * 12}, "cycle"),
        ("idle", {"samples_ns": [2_000_000] * 6, "sample_burst": [0] * 6}, "latency after a pause"),
        (
            "cold_start",
            {"spawn_ns": 500_000, "import_ns": 500_000, "create_ns": 500_000, "first_ns": 500_000},
            "start-up",
        ),
    ],
)
def test_every_scenario_is_compared_as_a_cost(kind: str, columns: dict[str, Any], metric: str) -> None:
    def run(factor: float, name: str) -> Any:
        changed = {
            key: [round(one * factor) for one in value] if isinstance(value, list) and key.endswith("_ns")
            else value / factor if key == "rate_per_s" else round(value * factor) if isinstance(value, int) else value
            for key, value in columns.items()
        }  # fmt: skip
        return stored([row | changed for row in make_rounds(6, scenario_kind=kind, scenario=kind)], name)

    one = only(compare_runs(run(1.0, "a"), run(2.0, "b")))
    assert one.metric == metric and one.verdict == "slower"
    assert one.a.estimate == pytest.approx(2e6, rel=0.01) and exp(one.ratio.estimate) == pytest.approx(2, rel=0.01)
