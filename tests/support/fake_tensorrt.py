"""A stand-in for TensorRT's binding and CUDA's runtime, which refuses what the real ones would not forgive.

The calls are those of the wheels (tensorrt-cu13-bindings 11.4, cuda-bindings 13.5). Work on a stream is done when that
is synchronised, and not before. A "model" is a text file: `double` is a network of y = 2 x and z = x + x for its one
input x; `broken` cannot be parsed, `stuck` not be built, `shapely` has an output of unknown shape.
"""

import ctypes
import json
import sys
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

CALLS: list[str] = []


class Error(IntEnum):
    cudaSuccess = 0  # noqa: N815
    cudaErrorMemoryAllocation = 2  # noqa: N815
    cudaErrorInsufficientDriver = 35  # noqa: N815


class Cuda:
    """The device: memory by address, streams of work that waits."""

    cudaError_t = Error  # noqa: N815
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)  # noqa: N815

    def __init__(self, cards: tuple[str, ...] = ("Fake GPU",), room: int = 1 << 20) -> None:
        self.cards, self.room, self.current = cards, room, 0
        self.memory: dict[int, Any] = {}
        self.streams: dict[int, list[Callable[[], None]]] = {}

    def cudaGetDeviceCount(self) -> tuple[Any, ...]:  # noqa: N802
        return (Error.cudaSuccess, len(self.cards)) if self.cards else (Error.cudaErrorInsufficientDriver, None)

    def cudaGetDeviceProperties(self, index: int) -> tuple[Any, ...]:  # noqa: N802
        return Error.cudaSuccess, SimpleNamespace(name=self.cards[index].encode())

    def cudaSetDevice(self, index: int) -> tuple[Any, ...]:  # noqa: N802
        self.current = index
        return (Error.cudaSuccess,)

    def cudaGetErrorString(self, error: Error) -> tuple[Any, ...]:  # noqa: N802
        return Error.cudaSuccess, {2: b"out of memory", 35: b"CUDA driver version is insufficient"}[int(error)]

    def cudaMalloc(self, size: int) -> tuple[Any, ...]:  # noqa: N802
        if size > self.room:
            return Error.cudaErrorMemoryAllocation, None
        block = ctypes.create_string_buffer(size)
        self.memory[ctypes.addressof(block)] = block
        return Error.cudaSuccess, ctypes.addressof(block)

    def cudaFree(self, address: int) -> tuple[Any, ...]:  # noqa: N802
        del self.memory[address]
        return (Error.cudaSuccess,)

    def cudaStreamCreate(self) -> tuple[Any, ...]:  # noqa: N802
        number = max(self.streams, default=0) + 1
        self.streams[number] = []
        return Error.cudaSuccess, number

    def cudaStreamDestroy(self, stream: int) -> tuple[Any, ...]:  # noqa: N802
        assert not self.streams.pop(stream), "a stream was destroyed with work in it"
        return (Error.cudaSuccess,)

    def cudaMemcpyAsync(self, to: int, source: int, size: int, kind: int, stream: int) -> tuple[Any, ...]:  # noqa: N802
        device, host = (to, source) if kind == 1 else (source, to)
        assert device in self.memory and host not in self.memory, "the direction is not that of the addresses"
        assert size <= ctypes.sizeof(self.memory[device])
        self.streams[stream].append(lambda: ctypes.memmove(to, source, size))
        CALLS.append("in" if kind == 1 else "out")
        return (Error.cudaSuccess,)

    def cudaStreamSynchronize(self, stream: int) -> tuple[Any, ...]:  # noqa: N802
        CALLS.append("wait")
        while self.streams[stream]:
            self.streams[stream].pop(0)()
        return (Error.cudaSuccess,)


class Mode(IntEnum):
    INPUT = 1
    OUTPUT = 2


class ILogger:
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)


class IProfiler:
    pass


class Network:
    def __init__(self, flags: int) -> None:
        assert flags == 1, "the network is not strongly typed"
        self.model = ""
        self.num_inputs = 1

    def get_input(self, index: int) -> Any:
        return SimpleNamespace(name="x", is_shape_tensor=False)


class OnnxParser:
    def __init__(self, network: Network, log: Any) -> None:
        self.network, self.num_errors = network, 0

    def parse_from_file(self, model: str) -> bool:
        self.network.model = Path(model).read_text("utf-8")
        self.num_errors = int(self.network.model == "broken")
        return not self.num_errors

    def get_error(self, index: int) -> Any:
        said = {"node_operator": "Det", "node_name": "/head/Det_7", "desc": "No importer registered for op:\n Det"}
        return SimpleNamespace(**{name: lambda text=text: text for name, text in said.items()})


class Profile(dict):
    def set_shape(self, name: str, least: Any, best: Any, most: Any) -> None:
        self[name] = (least, best, most)


class Config:
    builder_optimization_level = 3
    max_aux_streams = 0
    tiling_optimization_level = 0

    def __init__(self) -> None:
        self.flags, self.profiles, self.profiling_verbosity = {"TF32"}, [], "LAYER_NAMES_ONLY"  # what it starts with

    def clear_flag(self, flag: str) -> None:
        self.flags.discard(flag)

    def add_optimization_profile(self, profile: Profile) -> int:
        self.profiles.append(profile)
        return len(self.profiles) - 1


class Builder:
    def __init__(self, log: Any) -> None:
        self.logger = log
        self.create_network, self.create_builder_config = Network, Config
        self.create_optimization_profile = Profile

    def build_serialized_network(self, network: Network, config: Config) -> bytes | None:
        if network.model == "stuck":
            self.logger.log(ILogger.ERROR, "Could not find any implementation for node  Det_7.")
            return None
        (profile,) = config.profiles
        assert profile.keys() == {"x"} and len(set(profile["x"])) == 1, "a profile of the timed shapes, and no other"
        kernel = f"sm90_gemm_f32f32_{'tf32f32' if 'TF32' in config.flags else 'f32f32'}"
        layers = [
            {"Name": "twice", "LayerType": "gemm", "TacticName": kernel, "Outputs": [{"DataType": "Float"}]},
            {"Name": "cast", "LayerType": "kgen", "TacticName": "", "Outputs": [{"Format/Datatype": "Half"}]},
            {"Name": "sum", "LayerType": "kgen", "TacticName": "", "Outputs": [{"DataType": "Float"}]},
        ]
        detailed = config.profiling_verbosity == "DETAILED"
        told = {"Layers": layers if detailed else [layer["Name"] for layer in layers]}
        level = config.builder_optimization_level
        return json.dumps({"shape": profile["x"][1], "told": told, "level": level, "model": network.model}).encode()


class Engine:
    num_io_tensors = 3

    def __init__(self, plan: dict[str, Any], log: Any) -> None:
        self.plan, self.log = plan, log

    def get_tensor_name(self, index: int) -> str:
        return ("x", "y", "z")[index]

    def get_tensor_mode(self, name: str) -> Mode:
        return Mode.INPUT if name == "x" else Mode.OUTPUT

    def get_tensor_dtype(self, name: str) -> str:
        return "FLOAT"

    def create_execution_context(self) -> "Context":
        return Context(self)

    def create_engine_inspector(self) -> Any:
        return SimpleNamespace(get_engine_information=lambda form: json.dumps(self.plan["told"]))


class Context:
    profiler: Any = None

    def __init__(self, engine: Engine) -> None:
        self.engine, self.shape, self.addresses = engine, None, {}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.shape = shape if list(shape) == self.engine.plan["shape"] else None  # the profile has no other
        return self.shape is not None

    def infer_shapes(self) -> list[str]:
        return [] if self.shape else ["x"]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (-1,) if self.engine.plan["model"] == "shapely" else tuple(self.shape or ())

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        if self.shape is None or self.addresses.keys() != {"x", "y", "z"}:
            self.engine.log.log(ILogger.ERROR, "a tensor has no shape or no address")
            return False
        CALLS.append("run")
        CUDA.streams[stream].append(self._compute)
        if self.profiler:
            for layer, spent in (("twice", 0.2), ("cast", 0.9), ("sum", 0.8)):
                self.profiler.report_layer_time(layer, spent)
        return True

    def _compute(self) -> None:
        x, y, z = (np.frombuffer(CUDA.memory[self.addresses[name]], np.float32) for name in "xyz")
        y[:], z[:] = 2 * x, x + x


class Runtime:
    def __init__(self, log: Any) -> None:
        if log is None:
            raise TypeError("pybind11::init(): factory function returned nullptr")
        self.log = log

    def deserialize_cuda_engine(self, plan: bytes) -> Engine | None:
        if plan == b"of another version":
            self.log.log(ILogger.ERROR, "Version tag does not match.")
            return None
        return Engine(json.loads(plan), self.log)


def nptype(kind: str) -> Any:
    if kind == "FLOAT":
        return np.float32
    raise TypeError("Could not resolve TensorRT datatype to an equivalent numpy datatype.")


CUDA = Cuda()


def install(monkeypatch: Any, cuda: Cuda | None = None) -> Cuda:
    """Put both where they are imported from; returns the device."""
    global CUDA
    CUDA = cuda or Cuda()
    CALLS.clear()
    trt = ModuleType("tensorrt_bindings")
    names = (ILogger, IProfiler, OnnxParser, Builder, Runtime, nptype)
    trt.__dict__.update({each.__name__: each for each in names}, __version__="11.4.0.106", TensorIOMode=Mode)
    trt.__dict__.update(
        NetworkDefinitionCreationFlag=SimpleNamespace(STRONGLY_TYPED=0),
        BuilderFlag=SimpleNamespace(TF32="TF32"),
        ProfilingVerbosity=SimpleNamespace(DETAILED="DETAILED"),
        LayerInformationFormat=SimpleNamespace(JSON="JSON"),
    )
    bindings = ModuleType("cuda.bindings")
    bindings.runtime = CUDA  # type: ignore[attr-defined]
    for name, module in {"tensorrt_bindings": trt, "cuda": ModuleType("cuda"), "cuda.bindings": bindings}.items():
        monkeypatch.setitem(sys.modules, name, module)
    return CUDA
