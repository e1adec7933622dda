"""ONNX Runtime, every execution provider of it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from bench.contract.job import DEVICE_RESIDENT, Loaded, Placement, Workload
from bench.contract.status import Failure, Status
from bench.contract.words import telling
from bench.worker.adapters.ort_cache import CONTEXT, cached
from bench.worker.adapters.ort_device import GRAPHS, DeviceRequest, GraphRequest, Graphs, uses_graphs
from bench.worker.adapters.ort_known import doubted_entries, refuse_unknown_options
from bench.worker.adapters.ort_onednn import told_by_onednn
from bench.worker.adapters.ort_plugin import chosen, library_of, register
from bench.worker.adapters.ort_profile import read_profile

CPU = "CPUExecutionProvider"
HIDING = {"OpenVINOExecutionProvider"}  # in one fused node, of which oneDNN tells more than the profile
LEVELS = {
    "disable": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "layout": "ORT_ENABLE_LAYOUT",
    "all": "ORT_ENABLE_ALL",
}
MODES = {"sequential": "ORT_SEQUENTIAL", "parallel": "ORT_PARALLEL"}
PROFILED_RUNS, PROFILED_S = (5, 25), 0.25  # fewest and most after the first; between them, for as long as this
UNSUPPORTED_WORDS = (
    "NOT_IMPLEMENTED",
    "Unsupported model IR version",
    "opset",
    "not a registered function/op",
    "graph capture feature",
    "CUDA Graph feature",
)

ort: Any = None


def import_runtime() -> str:
    global ort
    import onnxruntime

    ort = onnxruntime
    ort.set_default_logger_severity(3)
    return str(ort.__version__)


def probe(
    plugin: str = "", provider: str = "", options: Sequence[str] = (), session: Sequence[str] = ()
) -> dict[str, Any]:
    """Return version, providers, and what is doubted of the settings, by name. Raises Failure for unknown options."""
    providers = list(ort.get_available_providers())
    if plugin:
        register(ort, plugin, provider)
        refuse_unknown_options(library_of(plugin), provider, options)
        providers += dict.fromkeys(str(found.ep_name) for found in ort.get_ep_devices())
    doubts = doubted_entries(ort, session)
    return {"version": ort.__version__, "providers": list(dict.fromkeys(providers)), "doubts": doubts}


def load(workload: Workload) -> "OrtSession":
    return OrtSession(_create(workload, _session_options(workload)), workload)


def translate(workload: Workload, folder: Path) -> Path:
    """Write the model in ONNX Runtime's own format, optimised as a session of this version would on this processor."""
    import_runtime()
    options = _session_options(workload)
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.optimized_model_filepath = str(folder / "model.ort")
    _create(workload, options)
    return folder / "model.ort"


def placement(workload: Workload, inputs: dict[str, np.ndarray]) -> Placement:
    """Count nodes from the session's graph assignment, and operator time from its profile."""
    own = {name: value for name, value in workload.options.items() if name not in GRAPHS}
    workload = replace(workload, options=own)  # a graph replays no kernels that a profile could tell apart
    options = _session_options(workload)
    options.enable_profiling = True
    options.profile_file_prefix = str(Path(workload.cache_dir or ".") / "profile")
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    session = _create(workload, options)
    session.run(None, inputs)
    fewest, most = PROFILED_RUNS
    start = perf_counter()
    for count in range(most):
        if count >= fewest and perf_counter() - start > PROFILED_S:
            break
        session.run(None, inputs)
    profile = Path(session.end_profiling())
    try:
        found = read_profile(profile, _assigned(session))
    finally:
        profile.unlink()
    del session  # before another one is made in a process of its own
    return _inside(workload, found) if workload.provider in HIDING else found


def _inside(workload: Workload, found: Placement) -> Placement:
    """Return what is known of what a provider's fused node holds: on a CPU what oneDNN tells, else nothing."""
    on_cpu = workload.options.get("device_type", "CPU") == "CPU" and not workload.plugin  # that cannot run with the log
    return told_by_onednn(workload, found) if on_cpu else replace(found, precision=None)


class OrtSession:
    """A session whose inputs and outputs are bound once, so that a run copies nothing it need not."""

    def __init__(self, session: Any, workload: Workload) -> None:
        self.session = session
        self.workload = workload
        self.graphs = Graphs()

    def loaded(self) -> Loaded:
        name = self.workload.provider or CPU
        effective = {str(k): str(v) for k, v in self.session.get_provider_options().get(name, {}).items()}
        session = _read_back(self.session.get_session_options(), self.workload.session)
        return Loaded(
            runtime_version=ort.__version__,
            device=self.workload.device or ("CPU" if name == CPU else self.workload.memory.upper() or None),
            threads=self.session.get_session_options().intra_op_num_threads or None,
            options={**self.workload.options, **effective, **session},
        )

    def bind(self, inputs: dict[str, np.ndarray]) -> "OrtRequest | DeviceRequest":
        if uses_graphs(self.workload):
            return GraphRequest(ort, self.session, inputs, self.workload, self.graphs)
        if self.workload.boundary == DEVICE_RESIDENT:
            return DeviceRequest(ort, self.session, inputs, self.workload)
        return OrtRequest(self.session, inputs)


class OrtRequest:
    def __init__(self, session: Any, inputs: dict[str, np.ndarray]) -> None:
        self.names = [output.name for output in session.get_outputs()]
        self.inputs = inputs  # kept alive: the binding points at their memory
        self.binding = session.io_binding()
        for name, value in inputs.items():
            self.binding.bind_cpu_input(name, value)
        for name in self.names:
            self.binding.bind_output(name, "cpu")
        self.run = partial(session.run_with_iobinding, self.binding)

    def outputs(self) -> dict[str, np.ndarray]:
        return dict(zip(self.names, self.binding.copy_outputs_to_cpu(), strict=True))


def _session_options(workload: Workload) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = workload.threads
    options.inter_op_num_threads = 1
    for key, value in workload.session.items():
        if key in CONTEXT and CONTEXT[0] in workload.session:
            continue  # ort_cache.py sees to it, where a cache is asked for
        if key == "graph_optimization_level":
            options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, _one_of(LEVELS, key, value))
        elif key == "execution_mode":
            options.execution_mode = getattr(ort.ExecutionMode, _one_of(MODES, key, value))
        elif "." in key:
            options.add_session_config_entry(key, value)
        elif isinstance(current := getattr(options, key, None), bool | int):
            setattr(options, key, _switch(key, value) if isinstance(current, bool) else _number(key, value))
        else:
            raise Failure(Status.UNSUPPORTED, f"ONNX Runtime {ort.__version__} has no session option `{key}`")
    if options.execution_mode == ort.ExecutionMode.ORT_PARALLEL and options.inter_op_num_threads == 1:
        text = "execution_mode is `parallel` with one thread between operators, which ONNX Runtime runs as sequential"
        raise Failure(Status.UNSUPPORTED, f"{text}: say inter_op_num_threads too, 2 or more")
    return options


def _read_back(options: Any, asked: Iterable[str]) -> dict[str, str]:
    """Return what a session has of the session options it was asked for; those it does not have are left out."""
    found = {}
    for key in asked:
        try:
            value = options.get_session_config_entry(key) if "." in key else getattr(options, key)
        except (AttributeError, RuntimeError):
            continue
        found[key] = str(getattr(value, "name", value))
    return found


def _one_of(table: dict[str, str], key: str, value: str) -> str:
    if value not in table:
        raise Failure(Status.UNSUPPORTED, f"{key} is `{value}`; it can be {', '.join(table)}")
    return table[value]


def _switch(key: str, value: str) -> bool:
    return _one_of({"1": "1", "0": "", "true": "1", "false": ""}, key, value.lower()) == "1"


def _number(key: str, value: str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise Failure(Status.UNSUPPORTED, f"{key} is `{value}`; it has to be a whole number") from error


def _create(workload: Workload, options: Any) -> Any:
    provider = workload.provider or CPU
    if workload.strict and provider != CPU:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    offer = _offer(workload, provider, options)

    def create(model: str, options: Any) -> Any:
        return ort.InferenceSession(model, options, providers=offer, enable_fallback=0)

    try:
        session = cached(workload, options, create, ort)
    except MemoryError:
        raise
    except Exception as error:
        text = telling(str(error))
        status = Status.UNSUPPORTED if any(word in text for word in UNSUPPORTED_WORDS) else Status.ERROR
        raise Failure(status, text) from error
    # A provider whose device or driver is missing is left out with a line in the log and no exception.
    if not workload.plugin and session.get_providers()[0] != provider:
        where = f" on {workload.device}" if workload.device else ""
        instead = session.get_providers()[0]
        raise Failure(Status.ERROR, f"{provider} did not start{where}, and ONNX Runtime fell back to {instead}:")
    _refuse_unknown(workload.options, provider, session.get_provider_options().get(provider, {}))
    return session


def _refuse_unknown(asked: dict[str, str], provider: str, known: dict[str, str]) -> None:
    """Raise Failure for a provider option that was passed over in silence, where the provider tells those it has."""
    unknown = [name for name in asked if name not in known]
    if unknown and (known or provider == CPU):
        has = f"it has {', '.join(sorted(known))}" if known else "it takes none: session options go under `session`"
        raise Failure(Status.UNSUPPORTED, f"{provider} has no option `{unknown[0]}`; {has}")


def _offer(workload: Workload, provider: str, options: Any) -> list[tuple[str, dict[str, str]]] | None:
    """Return the `providers` of a session, or give its options a plugin's device: a plugin is not taken by name."""
    if workload.plugin:
        register(ort, workload.plugin, provider)
        options.add_provider_for_devices(chosen(ort, provider, workload.device), dict(workload.options))
        return None
    offered = ort.get_available_providers()
    if provider not in offered:
        raise Failure(Status.UNSUPPORTED, f"this build of ONNX Runtime offers {', '.join(offered)}, not {provider}")
    return [(provider, dict(workload.options))]


def _assigned(session: Any) -> list[tuple[str, str]] | None:
    """Return (execution provider, op type) of every node, or None before ONNX Runtime 1.24, which cannot tell."""
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return None
    subgraphs = session.get_provider_graph_assignment_info()
    return [(str(part.ep_name), str(node.op_type)) for part in subgraphs for node in part.get_nodes()]
