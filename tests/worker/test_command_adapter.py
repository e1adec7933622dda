"""Programs that measure by themselves, in real workers: what they are told, what is read of them, how they go wrong."""

import sys
import time
from dataclasses import asdict, replace

import pytest
from support.programs import (
    ADB,
    BENCHMARK_MODEL,
    GONE,
    OLD_BENCHMARK_MODEL,
    PERF_TEST,
    SCP,
    SSH,
    TRTEXEC,
    on_path,
    tool_workload,
)
from support.scripted import INPUTS, all_gone, wait_until

from bench import catalog
from bench.contract.status import Failure
from bench.contract.tool import FIGURES, fill, names_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are scripts with a #! line")
HOW = {"seconds": 1, "concurrency": 2, "sessions": 1}
MINE = {"command": ["mine", "{model}"], "read": {"median_ms": r"median ([\d.]+)"}}


@pytest.fixture
def programs(tmp_path, monkeypatch):
    return on_path(tmp_path, monkeypatch)


@pytest.fixture
def measured(start, programs, tmp_path):
    """Let a target's program measure in a worker; returns what it reports."""

    def ask(target, tool=None, limit_s=30.0, **options):
        worker = start(tool=limit_s)
        worker.ask("import", adapter="command")
        worker.ask("load", workload=tool_workload(tmp_path, target, tool, **options).to_wire())
        return worker.ask("tool", **HOW)

    return ask


def failure(measured, *arguments, **more) -> Failure:
    with pytest.raises(Failure) as caught:
        measured(*arguments, **more)
    return caught.value


@pytest.mark.parametrize(
    ("target", "program", "said", "median_ns", "beside"),
    [
        ("trtexec", "trtexec", TRTEXEC, 948_975, {"p99_ns": 953_735, "inferences_per_s": 1574.34}),
        ("ort-perf-test", "onnxruntime_perf_test", PERF_TEST, 1_856_740, {"inferences": 100, "mean_ns": 1_857_390}),
        (
            "tflite-benchmark",
            "benchmark_model",
            BENCHMARK_MODEL,
            141_253_000,
            {"inferences": 25, "p95_ns": 187_533_000},
        ),
    ],
)
def test_the_figures_of_a_tools_own_report_are_read(programs, measured, target, program, said, median_ns, beside):
    programs.says(program, said)
    found = measured(target)
    assert found["median_ns"] == pytest.approx(median_ns)
    assert beside.items() <= {name: pytest.approx(value) for name, value in found.items()}.items()


def test_an_old_benchmark_model_reports_a_mean_alone(programs, measured):
    programs.says("benchmark_model", OLD_BENCHMARK_MODEL)
    found = measured("tflite-benchmark")
    assert found["mean_ns"] == pytest.approx(33_071_800) and "median_ns" not in found


def test_placeholders_are_filled_in_and_no_shell_sees_them(programs, measured, tmp_path):
    programs.add("mine", "import pathlib; print('median 2', pathlib.Path(sys.argv[4]).stat().st_size)")
    tool = MINE | {
        "command": [
            "mine",
            "{model}",
            "$HOME {{t}}={threads} b={batch} s={seconds}",
            "--{flavour}",
            "{raw}",
            "{shapes}",
        ],
        "lists": {
            "raw": {"each": "{raw}"},
            "shapes": {"each": "{name}:{shape}:{dtype}", "sizes": "x", "types": "float32=f32"},
        },
    }
    assert measured("command", tool, flavour="a;b") == {"median_ns": 2e6}
    [arguments] = programs.calls("mine")
    assert arguments[:3] == [str(tmp_path / "some model.onnx"), "$HOME {t}=2 b=2 s=1", "--a;b"]
    assert arguments[4] == "x:2x6:f32"


def test_a_name_that_a_program_cannot_read_is_left_out(programs, start, tmp_path):
    programs.says("mine", "median 1")
    tool = MINE | {
        "command": ["mine", "{model}", "{x}"],
        "lists": {"x": {"each": "{name}:{shape}", "unnamed": "{shape}"}},
    }
    for name, expected in {"input.0": "input.0:2,6", "input:0": "2,6"}.items():
        asked = tool_workload(tmp_path, "command", tool)
        worker = start()
        worker.ask("import", adapter="command")
        worker.ask("load", workload=replace(asked, input_sets=[{name: asked.input_sets[0]["x"]}]).to_wire())
        worker.ask("tool", **HOW)
        assert programs.calls("mine")[-1][1] == expected


def test_raw_inputs_are_the_arrays_bytes(programs, measured):
    programs.add(
        "mine",
        "print('median', 1 + (open(sys.argv[2], 'rb').read().hex() == " + repr(INPUTS[0]["x"].tobytes().hex()) + "))",
    )
    tool = MINE | {"command": ["mine", "{model}", "{raw}"], "lists": {"raw": {"each": "{raw}"}}}
    assert measured("command", tool) == {"median_ns": 2e6}


def test_a_json_report_is_read_by_its_keys(programs, measured):
    programs.add("mine", "import json; json.dump({'a b': [1, {'c': '0.25'}]}, open(sys.argv[2] + '/r.json', 'w'))")
    tool = {"command": ["mine", "{model}", "{folder}"], "report": "{folder}/r.json"}
    assert measured("command", tool | {"read": {"mean_ms": "a b/1/c"}}) == {"mean_ns": 250_000}
    assert (
        "nothing in r.json reads as its latency"
        in failure(measured, "command", tool | {"read": {"mean_ms": "a b/7"}}).reason
    )
    programs.says("mine", "")
    assert "it wrote no r.json" in failure(measured, "command", tool | {"read": {"mean_ms": "a"}}).reason


def test_the_last_match_counts_and_what_is_no_number_is_none(programs, measured):
    programs.says("mine", "median 1\nmedian 3\nmean nan\n")
    tool = MINE | {"read": {"median_ms": r"median (\S+)", "mean_ms": r"mean (\S+)"}}
    assert measured("command", tool) == {"median_ns": 3e6}


def test_a_program_that_hangs_is_ended_with_all_it_started(programs, measured, tmp_path):
    programs.add(
        "mine",
        f"""import subprocess, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
open({str(tmp_path / "pids")!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
time.sleep(600)""",
    )
    found = failure(measured, "command", MINE, limit_s=2.0)
    assert found.status == "timeout" and "no answer within 2 s of `tool`" in found.reason
    assert all_gone(map(int, (tmp_path / "pids").read_text().split()))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is up to the worker")
def test_a_program_ends_with_its_worker(programs, start, tmp_path):
    programs.add("mine", f"import time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    worker = start()
    worker.ask("import", adapter="command")
    worker.ask("load", workload=tool_workload(tmp_path, "command", MINE).to_wire())
    worker.send("tool", **HOW)
    pid = int(wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    worker.process.kill()
    assert all_gone([pid])


def test_a_crash_is_told_with_its_signal_the_last_words_and_the_command(programs, measured):
    programs.add("mine", "import signal; print('loading', flush=True); os.kill(os.getpid(), signal.SIGSEGV)")
    found = failure(measured, "command", MINE)
    assert found.status == "crashed"
    expected = "mine was ended by SIGSEGV (signal 11); it last wrote: loading; it was called as: mine 'some model.onnx'"
    assert found.reason == expected


def test_an_exit_code_is_an_error_with_what_was_said_on_either_stream(programs, measured):
    programs.add("mine", "print('median 3'); sys.exit('no such device')")
    found = failure(measured, "command", MINE)
    assert (found.status, found.reason.partition(";")[0]) == ("error", "mine ended with exit code 1")
    assert "no such device" in found.reason


def test_rubbish_is_an_error_that_says_what_was_looked_for(programs, measured):
    programs.add("mine", "sys.stdout.buffer.write(bytes(range(256)) * 40_000)")
    found = failure(measured, "command", MINE)
    assert found.status == "error" and len(found.reason) < 2000
    assert r"nothing in what it wrote reads as its latency (looked for median_ms as `median ([\d.]+)`)" in found.reason


def test_what_it_writes_is_kept_in_the_log(programs, start, tmp_path):
    programs.says("mine", "median 3\n")
    worker = start()
    worker.ask("import", adapter="command")
    worker.ask("load", workload=tool_workload(tmp_path, "command", MINE).to_wire())
    worker.ask("tool", **HOW)
    assert "median 3" in worker.log.read_text("utf-8")


def test_a_daemon_that_holds_the_pipe_does_not_hold_up_the_measurement(programs, measured):
    programs.add("mine", "import subprocess; subprocess.Popen(['sleep', '60']); print('median 3')")
    began = time.monotonic()
    assert measured("command", MINE) == {"median_ns": 3e6}
    assert time.monotonic() - began < 30


def test_nothing_of_ours_bends_a_program_written_in_python(programs, measured, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    programs.add("mine", "print('median', 5 if 'PYTHONPATH' in os.environ else 4)")
    assert measured("command", MINE) == {"median_ns": 4e6}


# elsewhere


def test_through_adb_files_are_sent_the_command_is_quoted_and_nothing_stays(programs, measured, tmp_path):
    phone = tmp_path / "a phone"
    phone.mkdir()
    programs.add("adb", ADB)
    tool = programs.add("onnxruntime_perf_test", f"assert os.environ.get('THERE'); sys.stdout.write({PERF_TEST!r})")
    found = measured("ort-perf-test-android-nnapi", {"there": str(phone)}, home=str(tool.parent))
    assert found["median_ns"] == pytest.approx(1_856_740)
    [arguments] = programs.calls("onnxruntime_perf_test")
    assert arguments[arguments.index("-e") + 1] == "nnapi"
    assert arguments[-1].startswith(str(phone)) and arguments[-1].endswith(".onnx")
    assert list(phone.iterdir()) == []
    assert [call[0] for call in programs.calls("adb")] == ["shell", "push", "shell", "shell"]
    assert all(len(call) == 2 for call in programs.calls("adb") if call[0] == "shell"), "one text for the shell there"


def test_qnn_gets_its_backend(programs, measured, tmp_path):
    programs.add("adb", ADB)
    home = programs.says("onnxruntime_perf_test", PERF_TEST).parent
    measured("ort-perf-test-android-qnn", {"there": str(tmp_path)}, home=str(home))
    [arguments] = programs.calls("onnxruntime_perf_test")
    assert arguments[arguments.index("-i") + 1] == f"backend_path|{home}/libQnnHtp.so"


def test_tflites_tool_on_a_phone_takes_nnapi_where_asked(programs, measured, tmp_path):
    programs.add("adb", ADB)
    home = programs.says("benchmark_model", BENCHMARK_MODEL).parent
    for target in ("tflite-benchmark-android", "tflite-benchmark-android-nnapi"):
        assert measured(target, {"there": str(tmp_path)}, home=str(home))["median_ns"] == pytest.approx(141_253_000)
    assert [call[-1] for call in programs.calls("benchmark_model")] == ["--use_nnapi=false", "--use_nnapi=true"]


def test_over_ssh_the_model_is_copied_to_the_host(programs, measured, tmp_path):
    for name, body in {"ssh": SSH, "scp": SCP}.items():
        programs.add(name, body)
    programs.add(
        "onnxruntime_perf_test", f"assert open(sys.argv[-1]).read() == 'weights'; sys.stdout.write({PERF_TEST!r})"
    )
    found = measured("ort-perf-test-ssh", {"there": str(tmp_path)}, host="pi@board")
    assert found["inferences"] == 100


def test_a_lost_connection_is_told_before_anything_is_measured(programs, measured):
    programs.add("adb", GONE)
    found = failure(measured, "tflite-benchmark-android")
    assert found.reason.startswith("adb ended with exit code 1 before benchmark_model was started")
    assert "no devices/emulators found" in found.reason


# finding it


def probed(start, target, **options) -> str:
    row = catalog.targets()[target]
    worker = start()
    worker.ask("import", adapter="command")
    return worker.ask("probe", tool=asdict(row.tool), options=row.options | options)["reason"]


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("trtexec", "trtexec is not on PATH: it comes with TensorRT"),
        ("ort-perf-test", "onnxruntime_perf_test is not on PATH: it comes with a build of ONNX Runtime from source"),
        ("tflite-benchmark", "benchmark_model is not on PATH: it comes with TensorFlow Lite's nightly builds"),
        ("tflite-benchmark-android", "adb is not on PATH: it comes with Android's platform-tools; a phone with USB "
         "debugging has to hold /data/local/tmp/benchmark_model"),
    ],
)  # fmt: skip
def test_a_program_that_is_not_there_is_told_with_where_it_comes_from(start, programs, monkeypatch, target, told):
    monkeypatch.setenv("PATH", str(programs.folder))
    assert probed(start, target) == told


def test_a_program_that_is_there_is_found(start, programs):
    programs.says("trtexec", "")
    assert probed(start, "trtexec") == ""


def test_a_phone_that_is_not_there_is_told_in_adbs_words(start, programs):
    programs.add("adb", GONE)
    told = probed(start, "tflite-benchmark-android")
    assert told.startswith("`adb shell 'ls /data/local/tmp/benchmark_model'` ended with exit code 1: adb: no devices")
    assert "a phone with USB debugging has to hold" in told


def test_a_phone_that_holds_the_program_is_enough(start, programs):
    programs.add("adb", ADB)
    home = programs.says("benchmark_model", "").parent
    assert probed(start, "tflite-benchmark-android", home=str(home)) == ""


# the rows


@pytest.mark.parametrize("name", sorted(catalog.tools()))
def test_a_rows_placeholders_and_figures_are_known(name):
    from bench.suite.tool_meaning import tool_mistakes

    row = catalog.tools()[name]
    given = {key: value for key, value in asdict(row.tool).items() if value}
    wrong = list(tool_mistakes(("targets", "x"), {"target": name, "tool": given, "options": row.options}))
    assert wrong == [] or name == "command"
    assert row.flags == ["other_method"] and row.label
    assert set(row.tool.read) <= set(FIGURES)


def test_a_text_is_filled_by_name_alone():
    assert fill("{a}{{b}}{a}", {"a": "1"}) == "1{b}1"
    assert list(names_in("{a.b}{c!r}{d:3}{{e}}")) == ["a.b", "c!r", "d:3"]
