"""One lockstep round of scripted workers: whole rows, one worker at a time, and every failure a row of its own."""

import json
import sys
import time
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import psutil
import pytest
from support.scripted import PYTHON, TINY, events, make_lane

from bench.process import Worker
from bench.runner.events import Stepped
from bench.runner.lane import Lane
from bench.store.columns import COLUMNS
from bench.store.table import to_table

posix = pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for the interpreter")
OF_THE_MACHINE = {"contended", "not_steady", "throttled", "on_battery"}  # flags that no script decides
OF_OTHERS = {name for name in COLUMNS if name.startswith(("probe_", "cycle_"))}  # scenarios and duels
OF_OTHERS |= {"rate_per_s", "page_cache", "side"}
STAMPED = {"run_id", "suite", "machine_id"}  # by the sweep, on every row
OPTIONAL = {
    "model_sha256",
    "precision_effective",
    "provider",
    "compile_ns",
    "translate_ns",
    "device_bytes",
    "device_utilisation",
    "device_clock_mhz",
    "model_bytes",
    "top1_agreement",
    "top5_agreement",
    "iou",
    "rank_agreement",
    "batch_error",  # of lanes that tell which axis is the batch
    "operators",
}


def test_a_good_trials_row_is_whole_and_conforms_to_the_columns(bench, tmp_path):
    bench.round([make_lane(tmp_path, latency_ms=0.5)], number=4)
    (row,) = bench.rows
    assert to_table([row]).num_rows == 1
    assert {name for name in COLUMNS if row.get(name) is None} <= STAMPED | OPTIONAL | OF_OTHERS
    assert (row["status"], row["reason"], told(row), row["round"]) == ("ok", "", {"synthetic_inputs"}, 4)
    assert datetime.fromisoformat(row["started_at"]).tzinfo
    assert (row["runtime_version"], row["device"], row["threads_effective"]) == ("1.0", "CPU", 1)
    assert json.loads(row["options"])["latency_ms"] == "0.5"
    assert all(row[name] > 0 for name in ("spawn_ns", "import_ns", "create_ns", "first_ns"))
    assert all(row[name] > 1_000_000 for name in COLUMNS if name.startswith("rss"))
    assert row["peak_rss_bytes"] >= 0.95 * row["rss_first_bytes"]
    assert (row["nodes_total"], row["nodes_on_provider"], row["placement"]) == (2, 2, '{"scripted": 2}')
    assert (row["output_ok"], row["max_abs_error"], row["time_on_provider"]) == (True, 0, 1)


def test_a_device_that_is_no_cpu_is_watched_while_its_worker_warms_up_alone(bench, tmp_path, monkeypatch):
    watched: list[int] = []

    def watch(pid):
        watched.append(pid)
        return lambda: {"device_utilisation": 0.9, "device_clock_mhz": 1980}

    monkeypatch.setattr("bench.runner.trial.watch", watch)
    lane = make_lane(tmp_path, "gpu", latency_ms=0.5)
    lane.workload = replace(lane.workload, device="GPU")
    bench.round([make_lane(tmp_path, latency_ms=0.5), lane])
    (on_cpu,), (on_gpu,) = bench.of("steady"), bench.of("gpu")
    assert (on_gpu["device_utilisation"], on_gpu["device_clock_mhz"]) == (0.9, 1980)
    assert "device_utilisation" not in on_cpu
    assert watched == [events(tmp_path / "gpu" / "log", "process")[0]["pid"]]


def told(row) -> set[str]:
    return set(row["flags"]) - OF_THE_MACHINE


def test_samples_come_in_an_even_number_of_bursts_and_windows_as_asked(bench, tmp_path):
    bench.round([make_lane(tmp_path, latency_ms=0.5)])
    (row,) = bench.rows
    assert len(row["samples_ns"]) == len(row["sample_burst"])
    counts = [row["sample_burst"].count(burst) for burst in range(TINY.bursts)]
    assert sorted(row["sample_burst"]) == row["sample_burst"]
    assert len(set(counts)) == 1
    assert counts[0] >= 8
    assert sum(counts) == len(row["samples_ns"])
    assert len(row["window_ns"]) == len(row["window_completed"]) == TINY.windows
    assert min(row["window_completed"]) >= TINY.concurrency
    assert min(row["window_ns"]) >= TINY.window_ms * 1e6
    assert len(row["warmup_ns"]) >= 3


def test_the_workers_logged_inferences_are_the_samples(bench, tmp_path):
    """What is reported is what ran: first, warm-up, bursts, windows with each request's first, two sets, 3 repeats."""
    bench.round([make_lane(tmp_path, latency_ms=0.5)])
    (row,) = bench.rows
    ran = len(events(tmp_path / "steady" / "log", "run"))
    windows = sum(row["window_completed"]) + (TINY.concurrency - 1)
    assert ran == 1 + len(row["warmup_ns"]) + len(row["samples_ns"]) + windows + 2 + 3


def overlaps(folder, names) -> list[tuple]:
    """What different processes did at the same time: (end of one's, start of another's) on the system's clock."""
    spans = []
    for name in names:
        log = folder / name / "log"
        spans += [(each["start"], each["end"], each["pid"]) for each in events(log, "run")]
        spans += [(each["at"], each["at"], each["pid"]) for each in events(log, "beat")]
    found, (end, owner) = [], (0, None)
    for start, stop, pid in sorted(spans):
        if start < end and pid != owner:
            found.append((end, start, owner, pid))
        if stop > end:
            end, owner = stop, pid
    assert len({pid for *_, pid in spans}) == len(names)
    return found


def test_only_one_worker_computes_at_any_moment(bench, tmp_path):
    """Their thread pools never rest, and still no sign of life of one falls into an inference of another."""
    names = ["steady", "second", "third"]
    bench.round([make_lane(tmp_path, name, latency_ms=0.5, spin=1) for name in names])
    assert {row["status"] for row in bench.rows} == {"ok"}
    assert overlaps(tmp_path, names) == []


def test_without_suspending_they_would_compute_at_once(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(Worker, "suspend", lambda self: None)
    names = ["steady", "second"]
    bench.round([make_lane(tmp_path, name, latency_ms=0.5, spin=1) for name in names])
    assert overlaps(tmp_path, names)


def test_bursts_of_two_go_abba(bench, tmp_path):
    names = ["steady", "second"]
    bench.round([make_lane(tmp_path, name, latency_ms=0.5) for name in names])
    order = "".join(name for _, name in sorted(at for name in names for at in burst_starts(bench, tmp_path, name)))
    order = order.replace("steady", "A").replace("second", "B")
    assert {order[at : at + 4] for at in range(0, 2 * TINY.bursts, 4)} <= {"ABBA", "BAAB"}


def burst_starts(bench, folder, name) -> list[tuple[int, str]]:
    """When each burst of a lane began, on the system's clock."""
    (row,) = bench.of(name)
    runs = events(folder / name / "log", "run")[1 + len(row["warmup_ns"]) :]
    return [(runs[row["sample_burst"].index(burst)]["start"], name) for burst in range(TINY.bursts)]


@posix
def test_each_way_to_fail_before_anything_is_timed_is_a_row(bench, tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nORTBENCH_SCRIPT=\'{{"fault": "segfault", "phase": "import"}}\' exec {PYTHON} "$@"\n')
    python.chmod(0o755)
    lanes = [
        make_lane(tmp_path),
        make_lane(tmp_path, "nowhere", python=tmp_path / "nothing"),
        make_lane(tmp_path, "import", python=python),
        make_lane(tmp_path, "load", fault="exit", phase="load", code=5),
        make_lane(tmp_path, "first", fault="kill", phase="first"),
    ]
    bench.round(lanes)
    assert bench.of("steady")[0]["status"] == "ok"
    told = {row["target"]: (row["status"], row["reason"]) for row in bench.rows if row["target"] != "steady"}
    assert told["nowhere"][0] == "error"
    assert "could not be started" in told["nowhere"][1]
    assert told["import"] == (
        "crashed",
        "it was ended by SIGSEGV (signal 11) during `import`; it last wrote: about to segfault in import",
    )
    assert told["load"][1].startswith("it ended with exit code 5 during `load`")
    assert told["first"][1].startswith("it was ended by SIGKILL (signal 9) during `first`")
    assert bench.of("first")[0]["create_ns"] > 0  # what was known before it failed is kept
    assert all(row.get("samples_ns") is None for row in bench.rows if row["target"] != "steady")
    assert all(to_table([row]).num_rows for row in bench.rows)


@pytest.mark.parametrize(
    ("phase", "fault", "status"),
    [
        ("warm", "segfault", "crashed"),
        ("burst", "segfault", "crashed"),
        ("window", "segfault", "crashed"),
        ("verify", "segfault", "crashed"),
        ("warm", "raise", "error"),
        ("burst", "memory", "out_of_memory"),
        ("window", "refuse", "unsupported"),
    ],
)
def test_a_failure_in_a_timed_phase_ends_its_trial_and_not_the_round(bench, tmp_path, phase, fault, status):
    bench.round([make_lane(tmp_path), make_lane(tmp_path, "faulty", fault=fault, phase=phase, after=1)])
    (steady,), (faulty,) = bench.of("steady"), bench.of("faulty")
    assert (steady["status"], len(set(steady["sample_burst"]))) == ("ok", TINY.bursts)
    assert faulty["status"] == status
    assert faulty["reason"]
    assert faulty.get("output_ok") is None
    assert bool(faulty.get("samples_ns")) == (phase in ("window", "verify"))  # what was taken before stays
    assert to_table([faulty]).num_rows == 1


def test_bursts_before_a_crash_are_kept(bench, tmp_path):
    bench.round(
        [make_lane(tmp_path), make_lane(tmp_path, "faulty", latency_ms=1, fault="exit", phase="burst", after=20)]
    )
    (faulty,) = bench.of("faulty")
    assert (faulty["status"], len(faulty["samples_ns"]), max(faulty["sample_burst"])) == ("crashed", 16, 1)


@pytest.mark.parametrize("fault", ["segfault", "raise", "hang"])
def test_placement_that_cannot_be_read_leaves_the_timed_numbers(bench, tmp_path, fault):
    lane = make_lane(tmp_path, fault=fault, phase="placement")
    bench.round([lane], placement=0.3)
    (row,) = bench.rows
    assert (row["status"], row["output_ok"], row.get("nodes_total")) == ("ok", True, None)
    assert row["reason"].startswith("placement could not be read: ")
    bench.round([lane], number=1)
    assert bench.rows[1]["reason"] == ""  # it is asked for once


@pytest.mark.parametrize("fault", ["segfault", "hang"])
def test_a_failure_while_it_is_closed_takes_nothing_away(bench, tmp_path, fault):
    bench.round([make_lane(tmp_path, fault=fault, phase="close")], close=0.3)
    assert (bench.rows[0]["status"], bench.rows[0]["output_ok"]) == ("ok", True)


def test_a_hang_is_a_time_out_of_its_own_trial(bench, tmp_path):
    bench.round([make_lane(tmp_path), make_lane(tmp_path, "hung", fault="hang", phase="burst", after=9)], burst=0.5)
    assert bench.of("steady")[0]["status"] == "ok"
    assert (bench.of("hung")[0]["status"], told(bench.of("hung")[0])) == ("timeout", {"synthetic_inputs"})
    assert "within 0.5 s of `burst`" in bench.of("hung")[0]["reason"]


def test_no_process_is_left_after_a_round(bench, tmp_path):
    before = set(psutil.Process().children(recursive=True))
    bench.round(
        [make_lane(tmp_path, children=1), make_lane(tmp_path, "faulty", fault="exit", phase="burst", children=1)]
    )
    assert set(psutil.Process().children(recursive=True)) <= before


@pytest.mark.parametrize("phase", ["start", "warm", "burst", "window", "verify"])
def test_ctrl_c_between_phases_leaves_no_process(bench, tmp_path, phase):
    before = set(psutil.Process().children(recursive=True))

    def press(event) -> None:
        if isinstance(event, Stepped) and event.phase == phase:
            raise KeyboardInterrupt

    bench.on_event = press
    with pytest.raises(KeyboardInterrupt):
        bench.round([make_lane(tmp_path, children=1), make_lane(tmp_path, "second", children=1)])
    assert set(psutil.Process().children(recursive=True)) <= before
    assert bench.rows == []


def test_each_row_is_handed_over_as_its_trial_ends(bench, tmp_path, monkeypatch):
    rows, left, before = bench.rows, [], len(psutil.Process().children())

    def keep(row) -> None:
        rows.append(row)
        left.append(len(psutil.Process().children()) - before)

    monkeypatch.setattr(bench, "rows", SimpleNamespace(append=keep))
    bench.round([make_lane(tmp_path, name) for name in ("steady", "second", "third")])
    assert left == [2, 1, 0]  # those that are still to be verified wait, suspended
    assert len(rows) == 3


WRONG = {
    "scale": "and 0.00027 is allowed",
    "nan": "not a number where the reference is not",
    "shape": "; the reference has",
    "names": "; the reference has",
}


@pytest.mark.parametrize(("wrong", "told"), WRONG.items())
def test_a_wrong_output_is_kept_and_flagged_and_told(bench, tmp_path, wrong, told):
    bench.round([make_lane(tmp_path, wrong=wrong)])
    (row,) = bench.rows
    assert (row["status"], row["output_ok"]) == ("ok", False)
    assert "wrong_output" in row["flags"]
    assert row["samples_ns"]
    assert told in row["reason"]


def test_without_a_reference_correctness_is_unknown_and_flagged(bench, tmp_path):
    lane = make_lane(tmp_path, wrong="scale")
    lane.references = None
    bench.round([lane])
    assert (bench.rows[0].get("output_ok"), "no_reference" in bench.rows[0]["flags"]) == (None, True)


def asked_of_a_provider(lane: Lane, **asked: float) -> Lane:
    lane.target = replace(lane.target, provider="Scripted", **asked)
    return lane


def test_nodes_that_ran_elsewhere_are_counted_and_flagged(bench, tmp_path):
    bench.round([asked_of_a_provider(make_lane(tmp_path, fallback=1))])
    (row,) = bench.rows
    assert (row["nodes_total"], row["nodes_on_provider"], row["time_on_provider"]) == (2, 1, 0.5)
    assert "partial_fallback" in row["flags"]


def test_a_native_runtimes_own_kernels_beside_its_delegate_are_no_fallback(bench, tmp_path):
    bench.round([make_lane(tmp_path, fallback=1)])
    assert bench.rows[0]["nodes_on_provider"] == 1 and "partial_fallback" not in bench.rows[0]["flags"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"least_nodes": 0.6}, "Scripted took 1 of 2 nodes; the suite asks for 60%"),
        ({"least_time": 0.6}, "Scripted took 50% of the operators' time; the suite asks for 60%"),
        ({"least_nodes": 0.5, "least_time": 0.5}, ""),
    ],
)
def test_a_provider_that_takes_less_than_the_suite_asks_for_is_no_measurement(bench, tmp_path, asked, said):
    lane = asked_of_a_provider(make_lane(tmp_path, fallback=1), **asked)
    bench.round([lane])
    (row,) = bench.rows
    assert (row["status"], row["reason"]) == (("unsupported", said) if said else ("ok", ""))
    assert lane.dropped == bool(said), "it leaves the remaining rounds"


@pytest.mark.parametrize(("found", "flags"), [("bf16", {"precision_differs"}), ("fp64", {"emulated"}), ("fp32", set())])
def test_another_precision_than_asked_is_flagged(bench, tmp_path, found, flags):
    bench.round([make_lane(tmp_path, precision=found)])
    assert bench.rows[0]["precision_effective"] == found
    assert told(bench.rows[0]) - {"synthetic_inputs"} == flags


def test_placement_is_read_once_and_told_by_every_later_row(bench, tmp_path):
    lane = asked_of_a_provider(make_lane(tmp_path, fallback=1, precision="bf16"))
    for number in range(2):
        bench.round([lane], number)
    assert [row["nodes_on_provider"] for row in bench.rows] == [1, 1]
    assert [json.loads(row["operators"]) for row in bench.rows] == [
        {"scripted/Wait": [1, 1_000_000], "elsewhere/Wait": [1, None]}
    ] * 2
    assert all({"partial_fallback", "precision_differs"} <= set(row["flags"]) for row in bench.rows)


@pytest.mark.parametrize("seed", range(2))
def test_memory_that_is_full_puts_lanes_off_and_never_the_baseline(bench, tmp_path, monkeypatch, seed):
    monkeypatch.setattr("bench.runner.rounds.psutil.virtual_memory", lambda: SimpleNamespace(total=1))
    lanes = [make_lane(tmp_path, name) for name in ("steady", "b", "c", "d")]
    put_off = bench.round(lanes, seed=seed)
    measured = {row["target"] for row in bench.rows}
    assert "steady" in measured
    assert 2 <= len(measured) < 4
    assert {lane.cell.target for lane in put_off} == {"steady", "b", "c", "d"} - measured


def test_the_clock_names_where_the_time_went(bench, tmp_path):
    began = time.perf_counter()
    bench.round([make_lane(tmp_path)])
    phases = {"start", "import", "load", "first", "warm", "burst", "window", "memory", "verify", "placement", "close"}
    assert set(bench.clock.seconds) == phases
    assert sum(bench.clock.seconds.values()) <= time.perf_counter() - began
