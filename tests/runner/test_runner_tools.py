"""A program that measures by itself beside workers that are driven in bursts: rows, turns, endings, ratios."""

import json
import sys
from dataclasses import replace
from math import exp
from pathlib import Path

import pytest
from support.programs import Programs, on_path, tool_workload
from support.scripted import events, make_lane

from bench import catalog
from bench.analysis import summarize
from bench.analysis.ratios import effects
from bench.catalog import Target, scenarios
from bench.contract.flags import Flag
from bench.contract.tool import Tool
from bench.runner.lane import Lane
from bench.store import to_frame

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are scripts with a #! line")
READ = {"median_ms": r"median ([\d.]+)", "mean_ms": r"mean ([\d.]+)"}
RATES = {"items_per_s": r"items ([\d.]+)", "inferences": r"count ([\d.]+)", "duration_s": r"in ([\d.]+)"}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    return on_path(tmp_path, monkeypatch)


def tool_lane(folder: Path, scenario: str = "latency") -> Lane:
    """A lane of the program `mine`."""
    lane = make_lane(folder, "mine", scenario=scenarios()[scenario])
    tool = Tool(["mine", "{model}", "{seconds}"], READ if scenario == "latency" else RATES, scenario=scenario)
    asked = tool_workload(folder, "command", {**vars(tool)})
    target = Target("mine", "Mine", "programs", tool=tool, flags=[Flag.OTHER_METHOD])
    return replace(lane, adapter="command", target=target, workload=asked)


def test_its_row_holds_what_it_reported_and_nothing_of_the_worker(bench, programs, tmp_path):
    programs.says("mine", "median 2.5\nmean 3\n")
    bench.round([make_lane(tmp_path), tool_lane(tmp_path)])
    [row], [steady] = bench.of("mine"), bench.of("steady")
    assert (row["status"], row["samples_ns"], row["sample_burst"]) == ("ok", [2_500_000], [0])
    assert Flag.OTHER_METHOD in row["flags"] and Flag.OTHER_METHOD not in steady["flags"]
    assert not {"spawn_ns", "create_ns", "first_ns", "peak_rss_bytes", "output_ok", "window_ns"} & row.keys()
    told = json.loads(row["options"])
    assert told == {"command": "mine 'some model.onnx' 1", "reported": {"median_ns": 2.5e6, "mean_ns": 3e6}}
    assert steady["status"] == "ok" and len(set(steady["sample_burst"])) == 6


def test_a_mean_stands_for_the_trial_where_there_is_no_median_and_the_row_says_so(bench, programs, tmp_path):
    programs.says("mine", "mean 3\n")
    bench.round([tool_lane(tmp_path)])
    [row] = bench.of("mine")
    assert row["samples_ns"] == [3_000_000] and "is a mean" in row["reason"]


@pytest.mark.parametrize(("said", "expected"), [("count 50 in 0.5", (5e8, 50)), ("items 200", (1e9, 100))])
def test_throughput_is_one_window_of_inferences(bench, programs, tmp_path, said, expected):
    programs.says("mine", said)
    bench.round([make_lane(tmp_path, scenario=scenarios()["throughput"]), tool_lane(tmp_path, "throughput")])
    [row] = bench.of("mine")
    assert (row["window_ns"], row["window_completed"]) == ([expected[0]], [expected[1]])
    assert "samples_ns" not in row


def test_every_other_worker_is_suspended_while_it_measures(bench, programs, tmp_path):
    programs.add("mine", "import time; a = time.monotonic_ns(); time.sleep(0.3); b = time.monotonic_ns(); "
                 f"open({str(tmp_path / 'when')!r}, 'a').write(f'{{a}} {{b}}\\n'); print('median 1')")  # fmt: skip
    for seed in range(4):
        bench.round([make_lane(tmp_path, spin=1), tool_lane(tmp_path)], seed, seed)
    beats = [each["at"] for each in events(tmp_path / "steady" / "log", "beat")]
    assert beats
    for line in (tmp_path / "when").read_text().splitlines():
        began, ended = map(int, line.split())
        assert not [at for at in beats if began < at < ended]


def test_it_comes_before_the_bursts_in_some_rounds_and_after_them_in_others(bench, programs, tmp_path):
    programs.says("mine", "median 1")
    orders = set()
    for seed in range(8):
        bench.events.clear()
        bench.round([make_lane(tmp_path), tool_lane(tmp_path)], seed, seed)
        phases = [event.phase for event in bench.events if event.phase in ("tool", "burst")]
        orders.add(tuple(phases))
    assert orders == {("tool", "burst"), ("burst", "tool")}


def test_a_hang_is_a_typed_row_that_tells_the_command_and_the_others_stand(bench, programs, tmp_path):
    programs.add("mine", "print('warming up', flush=True); import time; time.sleep(600)")
    bench.round([make_lane(tmp_path), tool_lane(tmp_path)], tool=0.5)
    [row] = bench.of("mine")
    assert row["status"] == "timeout"
    assert "it last wrote: warming up" in row["reason"]
    assert row["reason"].endswith("it was called as: mine 'some model.onnx' {seconds}")
    assert bench.of("steady")[0]["status"] == "ok"


def test_a_program_that_fails_twice_alike_leaves_the_remaining_rounds(bench, programs, tmp_path):
    programs.add("mine", "print(os.getpid()); sys.exit(2)")
    bench.measure([make_lane(tmp_path), tool_lane(tmp_path)], rounds=4, max_rounds=4)
    assert [row["status"] for row in bench.of("mine")] == ["error", "error"]
    assert len(bench.of("steady")) == 4


def test_its_ratio_is_that_of_the_trials_medians_and_it_never_wins(bench, programs, tmp_path):
    programs.says("mine", "median 0.0001")  # faster than anything
    bench.measure([make_lane(tmp_path), tool_lane(tmp_path)], rounds=6, max_rounds=6)
    frame = to_frame([{"run_id": "r", "suite": "s", **row} for row in bench.rows])
    steady, mine = (row["cell_id"] for row in (bench.of("steady")[0], bench.of("mine")[0]))
    found = effects(frame, steady, mine)
    assert len(found) == 6 and all(exp(r) < 0.01 for r in found.values())
    summary = summarize(frame, {"baseline": "steady"}).set_index("target").loc["mine"]
    assert summary.speedup > 100 and summary.latency_ns == 100
    assert not summary.valid and "own method" in summary.invalid_reason
    assert summary.verdict == "none" and Flag.OTHER_METHOD in summary["flags"]


def test_the_catalogs_tools_are_those_that_are_driven_so():
    assert {name for name, row in catalog.targets().items() if row.tool} == set(catalog.tools())
