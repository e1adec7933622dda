"""TensorRT through its own API, on the engine that it builds of an ONNX file for this GPU and these shapes."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract.job import Loaded, Placement, Workload
from bench.contract.status import Failure, Status
from bench.worker.adapters import tensorrt_cuda as on_cuda

NAME = "TensorRT"
OPTIONS = ("builder_optimization_level", "max_aux_streams", "tiling_optimization_level")  # of its builder: numbers
# In what order the inspector's words for a type are looked for: "BFloat16" holds "Float".
KINDS = (("bf", "bf16"), ("fp16", "fp16"), ("half", "fp16"), ("fp8", "fp8"), ("fp4", "fp4"), ("int4", "int4"),
         ("int8", "int8"), ("fp32", "fp32"), ("float", "fp32"))  # fmt: skip
LIBRARIES = (
    "no wheel on PyPI has them. Install TensorRT for the whole system, or give pip NVIDIA's own index as an "
    "extra-index-url and add tensorrt-cu13-libs of the same version to the `requirements` of the suite's target"
)
TF32 = "tf32"  # in the name of a kernel that rounds FP32 to it
MEMORY_WORDS = ("out of memory", "outofmemory")

trt: Any = None


def import_runtime() -> str:
    global trt
    try:
        try:
            import tensorrt_bindings as module  # the wheel's own; `tensorrt` is a package around it
        except ModuleNotFoundError:
            import tensorrt as module  # as a system's package installs it, for `environment: current`
    except ModuleNotFoundError:
        raise
    except ImportError as error:
        raise Failure(Status.UNSUPPORTED, f"TensorRT's own libraries are not here ({error}): {LIBRARIES}") from error
    on_cuda.import_cuda()
    trt = module
    return str(trt.__version__)


def probe() -> dict[str, Any]:
    return {"version": str(trt.__version__), "devices": on_cuda.devices()}


def translate(workload: Workload, folder: Path) -> Path:
    """Build an engine for the shapes of the timed inputs, and for this GPU. Raises Failure, with what stopped it.

    Networks are strongly typed: the file's own types are what is computed in. TF32, which TensorRT takes for FP32
    unless told otherwise, is off.
    """
    import_runtime()
    on_cuda.use(_index(workload))
    log = _log()
    builder = _made(trt.Builder, log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    if not parser.parse_from_file(workload.model):  # from the file: weights may lie beside it
        raise Failure(Status.UNSUPPORTED, f"TensorRT cannot parse this model: {_parser_errors(parser, log)}")
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # the engine can tell its types; it costs no time
    for name, value in workload.options.items():
        if name not in OPTIONS or not value.isdigit():
            known = ", ".join(OPTIONS)
            raise Failure(Status.UNSUPPORTED, f"TensorRT's builder has no option {name}={value}; numbers for {known}")
        setattr(config, name, int(value))
    config.add_optimization_profile(_profile(builder, network, workload))
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        why = log.said() or "it did not say why"
        memory = any(word in why.lower() for word in MEMORY_WORDS)
        raise Failure(
            Status.OUT_OF_MEMORY if memory else Status.UNSUPPORTED, f"TensorRT cannot build an engine of this: {why}"
        )
    made = folder / "model.engine"
    made.write_bytes(plan)
    return made


def load(workload: Workload) -> "TensorRtSession":
    return TensorRtSession(workload)


def placement(workload: Workload, inputs: dict[str, np.ndarray]) -> Placement | None:
    """Return what the engine's layers compute in, weighed by the time its profiler gives for each."""
    session = TensorRtSession(workload)
    times = _profiled(session, inputs)
    layers = _layers(session.engine)
    heavy: Counter[str] = Counter()
    for layer in layers:
        if kind := _precision(layer):
            heavy[kind] += times.get(layer["Name"], 0.0)  # type: ignore[assignment]
    return Placement(
        nodes={NAME: len(layers)},
        time_share={NAME: 1.0},
        precision=heavy.most_common(1)[0][0] if heavy else None,
        operators=dict(Counter(f"{NAME}/{layer.get('LayerType', 'layer')}" for layer in layers)),
    )


class TensorRtSession:
    """An engine, and the context of the first request; every other request gets one of its own."""

    def __init__(self, workload: Workload) -> None:
        self.index, self.options = _index(workload), workload.options  # the engine was built with them
        self.device = on_cuda.use(self.index)
        self.log = _log()  # has to outlive what is made with it
        self.runtime = _made(trt.Runtime, self.log)
        self.engine = self.runtime.deserialize_cuda_engine(Path(workload.model).read_bytes())
        if self.engine is None:
            raise Failure(Status.ERROR, f"TensorRT cannot load the engine that it built: {self.log.said()}")
        self.free: Any = self.context()

    def loaded(self) -> Loaded:
        layers = _layers(self.engine)
        kinds = Counter(kind for layer in layers if (kind := _precision(layer)))
        rounded = any(TF32 in str(layer.get("TacticName", "")).lower() for layer in layers)
        return Loaded(
            runtime_version=str(trt.__version__),
            device=self.device,
            precision=kinds.most_common(1)[0][0] if kinds else None,
            options={**self.options, "tf32_kernels": str(rounded).lower()},
        )

    def bind(self, inputs: dict[str, np.ndarray]) -> "TensorRtRequest":
        context, self.free = self.free, None
        return TensorRtRequest(self, context or self.context(), inputs)

    def context(self) -> Any:
        made = self.engine.create_execution_context()
        if made is None:
            raise Failure(Status.OUT_OF_MEMORY, f"TensorRT gives no execution context: {self.log.said()}")
        return made


class TensorRtRequest:
    """A context with its stream and its memory on the device. A run copies in, computes, copies out and waits."""

    def __init__(self, session: TensorRtSession, context: Any, inputs: dict[str, np.ndarray]) -> None:
        engine = session.engine
        self.context = context
        stream = on_cuda.Stream()
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        given = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        for name in given:
            context.set_input_shape(name, tuple(_as_taken(engine, name, inputs).shape))
        if unknown := context.infer_shapes():
            raise Failure(Status.ERROR, f"TensorRT does not know the shapes of {', '.join(unknown)}")
        to = [on_cuda.OnDevice(_as_taken(engine, name, inputs)) for name in given]
        self.results = {name: on_cuda.OnDevice(_empty(session, context, name)) for name in names if name not in given}
        for name, memory in (*zip(given, to, strict=True), *self.results.items()):
            context.set_tensor_address(name, memory.address)
        back = list(self.results.values())
        other = session.index  # 0 is what every thread has from its start
        log = session.log

        def run() -> None:
            if other:
                on_cuda.choose(other)
            for memory in to:
                memory.copy_in(stream)
            if not context.execute_async_v3(stream.handle):
                raise Failure(Status.ERROR, f"TensorRT did not start the inference: {log.said()}")
            for memory in back:
                memory.copy_out(stream)
            stream.synchronise()

        self.run = run

    def outputs(self) -> dict[str, np.ndarray]:
        return {name: np.array(memory.host) for name, memory in self.results.items()}


def _index(workload: Workload) -> int:
    device = workload.device or "0"
    if not device.isdigit():
        raise Failure(Status.UNSUPPORTED, f"TensorRT's devices are numbers from 0, not {device}")
    return int(device)


def _log() -> Any:
    """Return a logger that keeps TensorRT's errors, and writes them and its warnings to the worker's log."""

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if int(severity) <= int(trt.ILogger.WARNING):  # the gravest is 0
                sys.stdout.write(f"TensorRT: {message}\n")
            if int(severity) <= int(trt.ILogger.ERROR):
                self.errors.append(" ".join(message.split()))

        def said(self) -> str:
            return "; ".join(self.errors[-3:])[:600]

    return Log()


def _made(kind: Any, log: Any) -> Any:
    """Return TensorRT's builder or runtime: where it cannot be had, its binding tells of a null pointer only."""
    try:
        return kind(log)
    except TypeError as error:
        raise Failure(Status.UNSUPPORTED, f"TensorRT does not start here: {log.said() or error}") from error


def _parser_errors(parser: Any, log: Any) -> str:
    found = []
    for index in range(parser.num_errors):
        error = parser.get_error(index)
        node = f"{error.node_operator()} `{error.node_name()}`: " if error.node_operator() else ""
        found.append(f"{node}{' '.join(error.desc().split())}")
    return "; ".join(found)[:600] or log.said() or "it did not say why"


def _profile(builder: Any, network: Any, workload: Workload) -> Any:
    """Return the one profile: nothing but the shapes of the timed inputs."""
    profile = builder.create_optimization_profile()
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        if tensor.is_shape_tensor:
            raise Failure(Status.UNSUPPORTED, f"TensorRT takes the input {tensor.name} for a shape, not for data")
        shape = tuple(np.load(workload.input_sets[0][tensor.name], mmap_mode="r").shape)
        profile.set_shape(tensor.name, shape, shape, shape)
    return profile


def _as_taken(engine: Any, name: str, inputs: dict[str, np.ndarray]) -> np.ndarray:
    value, kind = inputs[name], _dtype(engine, name)
    if value.dtype != kind:
        raise Failure(Status.ERROR, f"TensorRT's input {name} is of {kind}, and what it is given of {value.dtype}")
    return value


def _empty(session: TensorRtSession, context: Any, name: str) -> np.ndarray:
    shape = tuple(context.get_tensor_shape(name))
    if min(shape, default=0) < 0:
        raise Failure(Status.UNSUPPORTED, f"the shape of TensorRT's output {name} is known only after an inference")
    return np.empty(shape, _dtype(session.engine, name))


def _dtype(engine: Any, name: str) -> Any:
    kind = engine.get_tensor_dtype(name)
    try:
        return np.dtype(trt.nptype(kind))
    except TypeError as error:
        raise Failure(Status.UNSUPPORTED, f"numpy has no {kind}, which is what TensorRT's {name} is of") from error


def _layers(engine: Any) -> list[dict[str, Any]]:
    """Return the engine's layers as its inspector describes them; one built with less detail has only names."""
    told = json.loads(engine.create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON))
    return [layer for layer in told.get("Layers", []) if isinstance(layer, dict)]


def _precision(layer: dict[str, Any]) -> str | None:
    """Return the type of a layer's first result. TensorRT 11 calls it DataType, 10 put it behind the format."""
    for result in layer.get("Outputs", [])[:1]:
        told = str(result.get("DataType") or result.get("Datatype") or result.get("Format/Datatype", "")).lower()
        return next((kind for word, kind in KINDS if word in told), None)
    return None


def _profiled(session: TensorRtSession, inputs: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the ms of each layer in one inference after the first."""
    times: dict[str, float] = {}

    class Profiler(trt.IProfiler):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProfiler.__init__(self)

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            times[layer_name] = ms

    request = session.bind(inputs)
    request.run()
    request.context.profiler = profiler = Profiler()  # kept: the context does not
    request.run()
    del request, profiler
    return times
