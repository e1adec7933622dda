"""A stand-in for coremltools 9.0 as it is on a Mac: a model has to be loaded before it is asked, and be asked rightly.

A "program" is a folder that does not matter: it takes `x` (FP32) and `ids` (integers), and gives `y` = x + the sum of
ids and `n`, their number. `coremltools.proto` is not in its place: what is read from a program is read from a real one.
"""

import sys
import warnings
from enum import Enum
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

CALLS: list[tuple[Any, ...]] = []


class ComputeUnit(Enum):
    ALL = 1
    CPU_AND_GPU = 2
    CPU_ONLY = 3
    CPU_AND_NE = 4


class MLCPUComputeDevice:
    pass


class MLGPUComputeDevice:
    pass


class MLNeuralEngineComputeDevice:
    pass


def described(*names: str) -> list[Any]:
    return [SimpleNamespace(name=name) for name in names]


class MLModel:
    refused = ""  # what CoreML says of every model

    def __init__(self, path: str, compute_units: ComputeUnit = ComputeUnit.ALL) -> None:
        CALLS.append(("load", path, compute_units.name))
        self.compute_unit = compute_units
        self._framework_error = RuntimeError(self.refused) if self.refused else None
        if self.refused:  # coremltools goes on, with a model that cannot be asked
            warnings.warn("You will not be able to run predict() on this Core ML model.", RuntimeWarning, stacklevel=2)

    def get_compiled_model_path(self) -> str:
        if self._framework_error:
            raise Exception("This model was not loaded or compiled with the Core ML Framework.")
        return "/tmp/compiled.mlmodelc"

    def get_spec(self) -> Any:
        description = SimpleNamespace(input=described("x", "ids"), output=described("y", "n"))
        return SimpleNamespace(description=description)

    def predict(self, data: dict[str, Any]) -> dict[str, Any]:
        assert not self._framework_error
        assert {name: value.dtype.name for name, value in data.items()} == {"x": "float32", "ids": "int32"}
        CALLS.append(("predict",))
        # In no order: a dictionary of CoreML's has none.
        return {"n": np.array([data["ids"].size], np.int32), "y": data["x"] + data["ids"].sum()}


PLACES = {"conv": MLNeuralEngineComputeDevice, "linear": MLGPUComputeDevice, "gather": MLCPUComputeDevice}


def operation(name: str, *blocks: Any) -> Any:
    return SimpleNamespace(operator_name=name, blocks=list(blocks))


class MLComputePlan:
    """A constant is nowhere; everything in FP16 that the Neural Engine knows is there, the rest on the GPU or CPU."""

    def __init__(self, units: ComputeUnit) -> None:
        self.units = units
        inner = SimpleNamespace(operations=[operation("linear"), operation("linear")])
        block = SimpleNamespace(operations=[operation("const"), operation("conv"), operation("gather"),
                                            operation("cond", inner)])  # fmt: skip
        functions = {"main": SimpleNamespace(block=block)}
        self.model_structure = SimpleNamespace(program=SimpleNamespace(functions=functions))

    @classmethod
    def load_from_path(cls, path: str, compute_units: ComputeUnit = ComputeUnit.ALL) -> "MLComputePlan":
        assert path.endswith(".mlmodelc"), "the plan is that of a compiled model"
        return cls(compute_units)

    def get_compute_device_usage_for_mlprogram_operation(self, of: Any) -> Any:
        if of.operator_name == "const":
            return None
        place = PLACES.get(of.operator_name, MLCPUComputeDevice)
        if self.units in (ComputeUnit.CPU_AND_NE, ComputeUnit.CPU_ONLY):
            place = MLCPUComputeDevice  # an FP32 program: the Neural Engine takes none of it
        return SimpleNamespace(preferred_compute_device=place())


def every_device() -> list[Any]:
    return [MLCPUComputeDevice(), MLGPUComputeDevice(), MLNeuralEngineComputeDevice()]


def no_library() -> list[Any]:
    raise AttributeError("'NoneType' object has no attribute 'get_all_compute_devices'")  # as it says on Linux


def install(monkeypatch: Any, mac: bool = True, refused: str = "") -> None:
    """Put it where it is imported from."""
    CALLS.clear()
    monkeypatch.setattr(MLModel, "refused", refused)
    devices = SimpleNamespace(get_all_compute_devices=every_device if mac else no_library)
    module = ModuleType("coremltools")
    module.__dict__.update(
        __version__="9.0",
        ComputeUnit=ComputeUnit,
        models=SimpleNamespace(
            MLModel=MLModel,
            compute_plan=SimpleNamespace(MLComputePlan=MLComputePlan),
            compute_device=SimpleNamespace(MLComputeDevice=devices),
        ),
    )
    monkeypatch.setitem(sys.modules, "coremltools", module)
