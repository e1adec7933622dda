"""OpenVINO through its own API, on the same ONNX files."""

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from bench.contract.job import DEVICE_RESIDENT, Loaded, Placement, Workload
from bench.contract.status import Failure, Status

PRECISIONS = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "i8": "int8", "u8": "int8", "i4": "int4", "u4": "int4"}
COMPUTING = ("Convolution", "FullyConnected", "MatMul", "Deconvolution", "RNNSeq", "RNNCell", "Subgraph", "MHA")
REORDER = "Reorder"
LAYER_FACTS = ("layerType", "runtimePrecision", "execTimeMcs")
LATER_RUNS = 5

ov: Any = None


def import_runtime() -> str:
    global ov
    import openvino

    ov = openvino
    return str(ov.__version__).split("-")[0]


def probe() -> dict[str, Any]:
    return {"version": import_runtime(), "devices": ov.Core().available_devices}


def load(workload: Workload) -> "OpenVinoSession":
    device = workload.device or "CPU"
    core = ov.Core()
    if device.split(".")[0] not in {name.split(".")[0] for name in core.available_devices}:
        raise Failure(Status.UNSUPPORTED, f"OpenVINO finds {', '.join(core.available_devices)} here, not {device}")
    if workload.boundary == DEVICE_RESIDENT and device != "CPU":
        raise Failure(
            Status.UNSUPPORTED, f"inputs and outputs cannot be left in the memory of OpenVINO's {device} here"
        )
    options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", **workload.options}
    if device == "CPU":
        options.setdefault("INFERENCE_NUM_THREADS", workload.threads)
    try:
        model = core.read_model(workload.model)
    except RuntimeError as error:
        raise Failure(Status.UNSUPPORTED, f"OpenVINO cannot convert this model: {_short(error)}") from error
    try:
        return OpenVinoSession(core.compile_model(model, device, options), device, workload.options)
    except RuntimeError as error:
        told = _short(error)
        if "property" in told:  # one it does not know, or a value that this one cannot have
            raise Failure(Status.UNSUPPORTED, f"OpenVINO refuses an option: {told}") from error
        raise RuntimeError(told) from error


def placement(workload: Workload, inputs: dict[str, np.ndarray]) -> Placement:
    """Count the compiled graph's operations with their times, and read the precision most of them compute in.

    The graph tells each layer's mean over all runs so far; the first is taken out of it. An operator is named with what
    it ran in, as `CPU/Convolution int8`. A Reorder changes layouts and types: it takes time, and is no operation.
    """
    session = load(Workload(**{**vars(workload), "options": {**workload.options, "PERF_COUNT": "YES"}}))
    request = session.bind(inputs)
    request.run()
    first = _layers(session.compiled)
    for _ in range(LATER_RUNS):
        request.run()
    layers = [
        replace(last, ns=last.without(begun)) for last, begun in zip(_layers(session.compiled), first, strict=True)
    ]
    computing = [layer for layer in layers if layer.kind != REORDER]
    spent: Counter[str] = Counter()
    for layer in layers:
        spent[f"{session.device}/{layer}"] += layer.ns
    return Placement(
        nodes={session.device: len(computing)},
        time_share={session.device: 1.0},
        precision=_precision(computing),
        operators=dict(Counter(f"{session.device}/{layer}" for layer in layers)),
        operator_ns=dict(spent),
    )


class OpenVinoSession:
    def __init__(self, compiled: Any, device: str, asked: dict[str, str]) -> None:
        self.compiled = compiled
        self.device = device
        self.asked = asked

    def loaded(self) -> Loaded:
        keys = ("INFERENCE_PRECISION_HINT", "PERFORMANCE_HINT", "NUM_STREAMS", "INFERENCE_NUM_THREADS")
        options = dict(self.asked)  # none of them unknown: those are refused
        for key in dict.fromkeys((*keys, *self.asked)):
            try:
                value = self.compiled.get_property(key)
            except RuntimeError:
                continue  # not every device has every property
            options[key] = value.get_type_name() if hasattr(value, "get_type_name") else str(value)
        threads = options.get("INFERENCE_NUM_THREADS")
        return Loaded(
            runtime_version=str(ov.__version__).split("-")[0],
            device=self.device,
            threads=int(threads) if threads else None,
            precision=PRECISIONS.get(options.get("INFERENCE_PRECISION_HINT", "")),
            options=options,
        )

    def bind(self, inputs: dict[str, np.ndarray]) -> "OpenVinoRequest":
        return OpenVinoRequest(self.compiled, inputs)


class OpenVinoRequest:
    def __init__(self, compiled: Any, inputs: dict[str, np.ndarray]) -> None:
        self.compiled = compiled
        self.request = compiled.create_infer_request()
        self.tensors = [ov.Tensor(value) for value in inputs.values()]  # shares the arrays' memory
        for name, tensor in zip(inputs, self.tensors, strict=True):
            self.request.set_tensor(_port(compiled.inputs, name), tensor)
        # Views of the output tensors: readable in host memory without the copies infer() makes by default.
        self.run = partial(self.request.infer, share_outputs=True, decode_strings=False)

    def outputs(self) -> dict[str, np.ndarray]:
        return {
            output.get_any_name(): np.array(self.request.get_output_tensor(index).data)
            for index, output in enumerate(self.compiled.outputs)
        }


def _port(ports: Any, name: str) -> Any:
    for port in ports:
        if name in port.get_names():
            return port
    names = ", ".join(port.get_any_name() for port in ports)
    raise Failure(Status.ERROR, f"OpenVINO's model has no input `{name}`; it has {names}")


@dataclass(frozen=True)
class Layer:
    """One of the runtime's own graph: its kind, what it computes in, and the mean ns of its runs so far."""

    kind: str
    precision: str
    ns: int

    def __str__(self) -> str:
        return f"{self.kind} {self.precision}"

    def without(self, first: "Layer") -> int:
        """Return the mean ns of the runs after the first, from the mean of all and the first."""
        return max(0, ((1 + LATER_RUNS) * self.ns - first.ns) // LATER_RUNS)


def _layers(compiled: Any) -> list[Layer]:
    """Return the layers that are no constants and no ends of the graph, read from the runtime's own graph."""
    found = []
    for node in compiled.get_runtime_model().get_ops():
        info = {name: str(node.get_rt_info()[name].value) for name in LAYER_FACTS if name in node.get_rt_info()}
        kind, precision, spent = (info.get(name, "") for name in LAYER_FACTS)
        if kind not in ("Const", "Input", "Output"):
            ns = 1000 * int(spent) if spent.isdigit() else 0  # `not_executed` otherwise
            found.append(Layer(kind, PRECISIONS.get(precision, precision), ns))
    return found


def _precision(layers: list[Layer]) -> str | None:
    heavy = [layer for layer in layers if layer.kind.startswith(COMPUTING)] or layers
    times: Counter[str] = Counter()
    for layer in heavy:
        times[layer.precision] += max(1, layer.ns)
    return times.most_common(1)[0][0] if times else None


def _short(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return " ".join(telling or lines)[:600]
