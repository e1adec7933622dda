"""`ortbench run` and `ortbench resume` as a user types them, over scripted cells, in this process."""

import io
import sys

import pytest
from rich.console import Console
from support import scripted_ortbench

from bench.cli import main
from bench.cli.progress import Watcher, clock_text
from bench.runner.events import CellDone, Note, Planned, Preparing, RoundEnded, RoundStarted, Stepped
from bench.store import read_run


@pytest.fixture
def ortbench(tmp_path, scripted_catalog, monkeypatch, capfd):
    """Call the command in a folder with a scripted suite; returns its exit code and all it wrote."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["ortbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), "".join(capfd.readouterr())

    return call


def only(folder, pattern):
    (path,) = folder.glob(pattern)
    return path


def test_run_measures_shows_and_says_where_the_result_is(ortbench, tmp_path):
    scripted_ortbench.write_suite(tmp_path, noisy={"fault": "noise", "phase": "burst"})
    code, said = ortbench("run", "suite.yaml", "--no-report", "--preset", "quick")
    assert code == 0
    result = only(tmp_path / "results", "*")  # nothing else lies there
    assert f"results/{result.name}" in said.replace("\\", "/")
    assert "2 cells to measure in 1 block, 2 rounds; 0 skipped" in said
    assert "[  2/2] tiny/fp32/noisy/b2/t1/latency" in said
    assert "range of 2 rounds" in said
    assert "EP Error" not in said  # what a runtime writes is in its log
    run = read_run(result)
    assert run.meta["protocol"]["preset"] == "quick"
    assert run.meta["command"] == "ortbench run suite.yaml --no-report --preset quick"
    assert set(run.trials["status"]) == {"ok"}
    assert set(run.trials["output_ok"]) == {True}


def test_run_writes_the_report_too_unless_told(ortbench, tmp_path):
    scripted_ortbench.write_suite(tmp_path)
    code, said = ortbench("run", "suite.yaml", "--out", "here", "--reports", "there")
    assert code == 0
    page = only(tmp_path / "there" / only(tmp_path / "here", "*.parquet").stem, "*.html")
    assert page.name in said
    assert b"Scripted" in page.read_bytes()


def test_a_cell_that_fails_is_a_row_and_the_sweep_goes_on(ortbench, tmp_path):
    scripted_ortbench.write_suite(tmp_path, rounds=3, bad={"fault": "segfault", "phase": "load"})
    code, said = ortbench("run", "suite.yaml", "--no-report")
    assert code == 0
    (line,) = [line for line in said.splitlines() if "bad/b2/t1/latency  x crashed: " in line]
    assert "during `load`" in line
    trials = read_run(only(tmp_path / "results", "*.parquet")).trials
    assert list(trials[trials["target"] == "bad"]["status"]) == ["crashed"] * 2  # it left after failing twice alike
    assert list(trials[trials["target"] == "steady"]["status"]) == ["ok"] * 3


@pytest.mark.parametrize(
    ("fault", "ending"),
    [
        ("kill", "x crashed: it was ended by SIGKILL"),
        ("mumble", "x error: it did not start: about to mumble in load [E:scripted] driver version is insufficient"),
        ("refuse", "x unsupported: the script does not support this"),
    ],
)
def test_an_ending_is_told_in_its_line_and_the_others_are_measured(ortbench, tmp_path, fault, ending):
    if fault == "kill" and sys.platform == "win32":
        pytest.skip("SIGKILL is POSIX")
    scripted_ortbench.write_suite(tmp_path, bad={"fault": fault, "phase": "load"})
    code, said = ortbench("run", "suite.yaml", "--no-report")
    assert code == 0 and ending in said
    trials = read_run(only(tmp_path / "results", "*.parquet")).trials
    assert list(trials[trials["target"] == "steady"]["status"]) == ["ok"] * 2


def test_where_nothing_can_be_measured_the_reasons_are_written_and_the_code_is_4(ortbench, tmp_path):
    scripted_ortbench.write_suite(tmp_path, steady={"fault": "exit", "phase": "first"})
    code, said = ortbench("run", "suite.yaml", "--no-report")
    result = only(tmp_path / "results", "*")
    assert code == 4
    assert "ERROR  No cell could be measured" in said
    assert f"next:  `ortbench show {result.relative_to(tmp_path)}` lists them." in said
    assert list(read_run(result).trials["status"]) == ["crashed"] * 2


@pytest.mark.parametrize("trouble", ["no model", "no runtime"])
def test_what_fails_before_any_worker_starts_is_a_row_with_its_reason(ortbench, tmp_path, monkeypatch, trouble):
    scripted_ortbench.write_suite(tmp_path, other={})
    if trouble == "no model":
        (tmp_path / "tiny.onnx").unlink()
    else:
        monkeypatch.setenv("ORTBENCH_SCRIPT", '{"fault": "exit", "phase": "import"}')
    code, said = ortbench("run", "suite.yaml", "--no-report")
    assert code == 4
    assert "Traceback" not in said
    trials = read_run(only(tmp_path / "results", "*")).trials
    assert len(trials) == 2
    assert trials["round"].isna().all()
    told = {"no model": "tiny.onnx", "no runtime": "its runtime does not start: crashed: it ended with exit code 3"}
    assert all(told[trouble] in reason for reason in trials["reason"])


def test_resume_finishes_the_newest_interrupted_run(ortbench, tmp_path, monkeypatch):
    scripted_ortbench.write_suite(tmp_path)
    show = Watcher.__call__

    def press(self, event) -> None:
        show(self, event)
        if isinstance(event, RoundStarted) and event.round == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Watcher, "__call__", press)
    code, said = ortbench("run", "suite.yaml", "--no-report")
    journal = only(tmp_path / "results", "*.journal")
    assert (code, f"`ortbench resume {journal.relative_to(tmp_path)}`" in said) == (130, True)
    monkeypatch.setattr(Watcher, "__call__", show)
    code, said = ortbench("resume", "--no-report")
    assert code == 0
    assert only(tmp_path / "results", "*") == journal.with_suffix(".parquet")
    assert list(read_run(journal.with_suffix(".parquet")).trials["round"]) == [0, 1]


def test_resume_without_anything_to_resume_says_what_to_name(ortbench):
    code, said = ortbench("resume")
    assert code == 2
    assert "There is no interrupted run in results/." in said
    assert "next:  Name its journal: `ortbench resume FOLDER/NAME.journal`." in said


@pytest.mark.parametrize(
    ("content", "said"), [(None, "There is no journal at mine."), (b"something else\n", "is not a journal of ortbench")]
)
def test_resume_of_what_is_no_journal_is_a_usage_error(ortbench, tmp_path, content, said):
    if content:
        (tmp_path / "mine").write_bytes(content)
    code, told = ortbench("resume", "mine")
    assert code == 2
    assert said in told
    assert not content or (tmp_path / "mine").read_bytes() == content


def watched(*events, terminal: bool = False) -> str:
    screen = io.StringIO()
    with Watcher(Console(file=screen, force_terminal=terminal, width=100)) as watch:
        for event in events:
            watch(event)
    return screen.getvalue()


def done(**columns) -> CellDone:
    given = {"cell": "m/fp32/cpu", "status": "ok", "reason": "", "cost_ns": 2_000_000, "low_ns": 1_900_000}
    given |= {"high_ns": 2_100_000, "trials": 6, "flags": (), "number": 3, "total": 12}
    return CellDone(**(given | columns))


def test_a_finished_cell_is_a_line_with_its_range_and_its_caveats():
    assert watched(done()) == "[  3/12] m/fp32/cpu  2 ms (1.9-2.1, range of 6 rounds)\n"
    flagged = watched(done(flags=("contended", "synthetic_inputs")))
    assert flagged.endswith("^ other work took the processor while this was timed\n")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("device_resident", "2 ms in device memory (1.9-2.1, range of 6 rounds)"),
        ("throughput", "8,000 items/s (7,619-8,421, range of 6 rounds)"),
        ("server", "holds 500 queries/s (476-526, range of 6 rounds)"),
        ("cold_start", "starts in 2 ms (1.9-2.1, range of 6 rounds)"),
        ("churn", "cycle of 2 ms (1.9-2.1, range of 6 rounds), memory +1.5 KiB a cycle"),
        ("idle", "2 ms after a pause (1.9-2.1, range of 6 rounds)"),
    ],
)
def test_a_cell_of_another_scenario_is_told_as_what_it_measures(kind, said):
    growth = 1536.0 if kind == "churn" else None
    assert watched(done(kind=kind, batch=16, growth_bytes=growth)) == f"[  3/12] m/fp32/cpu  {said}\n"


def test_a_failed_cell_is_a_line_with_its_reason_made_short():
    failed = done(status="crashed", reason="it ended with " + "many " * 60, cost_ns=None, low_ns=None, high_ns=None)
    (line,) = watched(failed).splitlines()
    assert line.startswith("[  3/12] m/fp32/cpu  x crashed: it ended with many")
    assert line.endswith("many ...")
    assert len(line) < 200


def test_without_a_terminal_steps_are_told_now_and_then_and_never_drawn():
    steps = [Stepped("m/fp32/cpu", "ORT CPU", "burst")] * 50
    plan = Planned(cells=12, skipped=2, blocks=1, rounds=3, estimate_s=60)
    begun = RoundStarted("m/b1", 1, 3, 2, 1, 1)
    said = watched(Preparing("model m", 0, 4), Note("m int4: nothing quantised", "warning"), plan, begun, *steps)
    assert said.count("burst") <= 1
    assert "! m int4: nothing quantised" in said
    assert "10 cells to measure in 1 block, 3 rounds; 2 skipped with a reason" in said
    assert "\x1b" not in said


def test_on_a_terminal_the_line_shows_block_round_target_phase_and_what_is_left():
    plan = Planned(cells=2, skipped=0, blocks=1, rounds=2, estimate_s=60)
    begun, step = RoundStarted("m/b1", 2, 2, 2, 1, 1), Stepped("m/fp32/cpu", "ORT CPU", "warm")
    said = watched(plan, begun, step, RoundEnded("m/b1", 1, 0.5), begun, step, terminal=True)
    for part in ("block 1/1 m/b1", "round 2/2", "ORT CPU", "warm", "50%", "left"):
        assert part in said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (48, "48 s"), (60, "1 min"), (200, "3 min 20 s"), (3900, "1 h 5 min")]
)
def test_time_is_told_as_people_say_it(seconds, said):
    assert clock_text(seconds) == said
