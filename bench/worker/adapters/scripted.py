"""A runtime that does what its options say: it infers nothing, and fails in every way that real ones do.

For testing faults and scale, never for measurement: its latency is waited for, its outputs are its inputs. Options of
a workload, all of them text:
    latency_ms   of one inference (1)
    wait         how that time is spent: sleep or busy (sleep)
    slow         a factor on it, in the processes of `slow_in`
    fault        one of FAULTS below
    phase        where it happens: import, load, first, warm, burst, window, offer, pause, cycle, verify, recheck,
                 placement or close
    after        inferences of that phase that still go well (0)
    code         what `exit` exits with (3)
    wrong        how outputs differ from inputs: scale, nan, shape or names; random: anew at every inference; shrinks: a
                 shorter one each time; batch: by how many items there are; little: by half a percent, where there are
                 several; only_whole: one item alone is refused
    precision    what it says it computes in
    fallback     1: one of its two nodes ran elsewhere
    children     how many processes it starts at load; they work a little all the time
    stall_ms     of one more inference under offered load, on top; `stall_at` is its number from 0 (10)
    leak_kb      what each session leaves behind in memory (0)
    keeps        what it keeps of compiling where a cache is asked for: once, anew (at every load) or nothing (once)
    spin         1: a thread works on between inferences, as thread pools do
    log          a file for what it does: a line of JSON for each process, inference, beat of that thread, child, fault
    fault_in, slow_in   numbers of the processes that behave so ("0,2"), counted in `log` from 0; all unless told
An import comes before any workload: its options are read, as a JSON object, from $ORTBENCH_SCRIPT.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from bench.contract.job import Loaded, Placement, Workload
from bench.contract.status import Failure, Status

VERSION = "1.0"
NAME = "scripted"
CHILD = "import time\nwhile True:\n    sum(range(20_000))\n    time.sleep(0.001)"
BEAT_NS = 500_000
STEPS = {"load", "first", "warm", "burst", "window", "offer", "pause", "cycle", "verify", "recheck", "placement"}
STEPS |= {"close"}
# ... are methods of worker.trial.Trial; those whose inferences may run in threads of their own:
THREADED = {"window.<locals>": "window", "offer.<locals>": "offer"}
leaked: list[bytes] = []


def _segfault(script: "Script") -> NoReturn:
    ctypes.string_at(0)
    os.abort()  # Windows turns the read into an exception


def _exit(script: "Script") -> NoReturn:
    os._exit(script.code)


def _kill(script: "Script") -> None:
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def _hang(script: "Script") -> NoReturn:
    while True:
        time.sleep(3600)


def _raise(script: "Script") -> NoReturn:
    raise RuntimeError("the script says so")


def _memory(script: "Script") -> NoReturn:
    raise MemoryError("the script says so")


def _allocation(script: "Script") -> NoReturn:
    raise RuntimeError("Failed to allocate memory for requested buffer of size 1")


def _refuse(script: "Script") -> NoReturn:
    raise Failure(Status.UNSUPPORTED, "the script does not support this")


def _mumble(script: "Script") -> NoReturn:
    print("\x1b[31m[E:scripted] driver version is insufficient\x1b[m", file=sys.stderr, flush=True)  # noqa: T201
    raise Failure(Status.ERROR, "it did not start:")


def _noise(script: "Script") -> None:
    os.write(1, b'EP Error: \x00\xff\n{"ok":"a reply that is none"}\n{"failed":\n')
    print('{"failed":"error","reason":"noise"}', flush=True)  # noqa: T201


FAULTS: dict[str, Callable[["Script"], None]] = {
    "segfault": _segfault,
    "exit": _exit,
    "kill": _kill,  # as by somebody else, or the system
    "hang": _hang,
    "raise": _raise,
    "memory": _memory,  # Python's own exception
    "allocation": _allocation,  # a runtime's words
    "refuse": _refuse,  # a typed failure
    "mumble": _mumble,  # a typed failure that only the log tells the reason of, as of a driver that is too old
    "noise": _noise,  # writes to stdout, some of it like the protocol, and goes on
}


class Script:
    """The options of one process, and where in them it is."""

    def __init__(self, options: dict[str, str]) -> None:
        self.options = options
        self.phase, self.fault = options.get("phase", ""), options.get("fault", "")
        self.after = int(options.get("after", 0))
        self.code = int(options.get("code", 3))
        self.calls: Counter[str] = Counter()
        self.log = Path(options["log"]).open("ab", buffering=0) if "log" in options else None  # noqa: SIM115
        self.number = 0
        if self.log:  # open as long as the process lives
            lines = Path(options["log"]).read_bytes().splitlines()
            self.number = sum(b'"event": "process"' in line for line in lines)
            self.tell("process", number=self.number)
        slow = float(options.get("slow", 1)) if self._chosen("slow_in") else 1.0
        self.latency_ns = int(float(options.get("latency_ms", 1)) * slow * 1e6)
        self.stall_s, self.stall_at = float(options.get("stall_ms", 0)) / 1e3, int(options.get("stall_at", 10))
        self.busy = options.get("wait", "sleep") == "busy"

    def reach(self, phase: str) -> None:
        """Note that `phase` is here once more; fail if that is in the script."""
        self.calls[phase] += 1
        if phase == self.phase and self.calls[phase] > self.after and self._chosen("fault_in"):
            print(f"about to {self.fault} in {phase}", file=sys.stderr, flush=True)  # noqa: T201
            self.tell("fault", phase=phase)
            FAULTS[self.fault](self)

    def infer(self) -> None:
        """Spend the time of one inference."""
        phase = _phase()
        self.reach(phase)
        start = time.monotonic_ns()
        if phase == "offer" and self.calls[phase] - 1 == self.stall_at:
            time.sleep(self.stall_s)
            start = time.monotonic_ns()
        if self.busy:
            while time.monotonic_ns() - start < self.latency_ns:
                pass
        else:
            time.sleep(self.latency_ns / 1e9)
        self.tell("run", start=start, end=time.monotonic_ns())

    def tell(self, event: str, **facts: Any) -> None:
        if self.log:
            self.log.write(json.dumps({"event": event, "pid": os.getpid(), **facts}).encode() + b"\n")

    def _chosen(self, option: str) -> bool:
        return option not in self.options or str(self.number) in self.options[option].split(",")


script: Script | None = None  # that of the workload last loaded


def _phase() -> str:
    """Return the phase that is asked for now, read from the call stack: an adapter is not told it."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        owner, _, step = frame.f_code.co_qualname.rpartition(".")
        if owner == "Trial" and step in STEPS:
            return step
        if owner in THREADED:
            return THREADED[owner]
        frame = frame.f_back
    return ""


def import_runtime() -> str:
    Script(json.loads(os.environ.get("ORTBENCH_SCRIPT", "{}"))).reach("import")
    return VERSION


def probe() -> dict[str, Any]:
    """Return also where every module of this process came from."""
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    return {"version": VERSION, "providers": [], "modules": {name: file for name, file in files.items() if file}}


def load(workload: Workload) -> "ScriptedSession":
    global script
    script = Script(workload.options)
    return ScriptedSession(workload, script)


def _keep(file: Path, how: str) -> None:
    if how == "anew" or (how == "once" and not file.exists()):
        file.write_bytes(os.urandom(4096))


def placement(workload: Workload, inputs: dict[str, np.ndarray]) -> Placement:
    if script:
        script.reach("placement")
    own = workload.provider or NAME
    nodes = {own: 1, "elsewhere": 1} if workload.options.get("fallback") else {own: 2}
    return Placement(
        nodes,
        time_share={name: count / 2 for name, count in nodes.items()},
        precision=workload.options.get("precision"),
        operators={f"{name}/Wait": count for name, count in nodes.items()},
        operator_ns={f"{own}/Wait": 1_000_000},  # of what runs elsewhere it tells no time
    )


class ScriptedSession:
    def __init__(self, workload: Workload, script: Script) -> None:
        self.workload = workload
        self.script = script
        self.script.reach("load")
        leaked.append(b"x" * (int(workload.options.get("leak_kb", 0)) << 10))  # written to, so that it is resident
        if workload.cache and workload.cache_dir:
            _keep(Path(workload.cache_dir) / "compiled", workload.options.get("keeps", "once"))
        for _ in range(int(workload.options.get("children", 0))):
            child = subprocess.Popen([sys.executable, "-I", "-c", CHILD])
            self.script.tell("child", child=child.pid)
        if workload.options.get("spin"):
            threading.Thread(target=self._spin, daemon=True).start()

    def __del__(self) -> None:
        if _phase() == "close":
            self.script.reach("close")

    def loaded(self) -> Loaded:
        workload = self.workload
        return Loaded(
            VERSION,
            workload.device or "CPU",
            workload.threads,
            workload.options.get("precision"),
            dict(workload.options),
        )

    def bind(self, inputs: dict[str, np.ndarray]) -> "ScriptedRequest":
        return ScriptedRequest(self.script, inputs)

    def _spin(self) -> None:
        while True:
            beat = time.monotonic_ns()
            self.script.tell("beat", at=beat)
            while time.monotonic_ns() - beat < BEAT_NS:
                pass


class ScriptedRequest:
    def __init__(self, script: Script, inputs: dict[str, np.ndarray]) -> None:
        self.script = script
        self.inputs = inputs
        self.run = script.infer

    def outputs(self) -> dict[str, np.ndarray]:
        match self.script.options.get("wrong"):
            case "scale":
                return {name: value * 1.5 for name, value in self.inputs.items()}
            case "random":
                return {
                    name: value + np.random.default_rng().random(value.shape) for name, value in self.inputs.items()
                }
            case "shrinks":
                short = self.script.calls.total() % 3 + 1
                return {name: value[..., :-short] for name, value in self.inputs.items()}
            case "batch":
                return {name: value * len(value) for name, value in self.inputs.items()}
            case "little":
                return {name: value * (1.005 if len(value) > 1 else 1) for name, value in self.inputs.items()}
            case "only_whole" if any(len(value) == 1 for value in self.inputs.values()):
                raise ValueError("only whole batches")
            case "nan":
                return {name: value * np.nan for name, value in self.inputs.items()}
            case "shape":
                return {name: value[..., :-1] for name, value in self.inputs.items()}
            case "names":
                return {f"{name}_too": value for name, value in [*self.inputs.items(), ("extra", np.zeros(1))]}
        return dict(self.inputs)
