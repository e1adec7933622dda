"""What is known about this machine and the models when a suite is expanded. Plan is pure: it asks for nothing else."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class InputFacts:
    """One input of a model. Each size is a number, or the name of a symbolic dimension."""

    shape: tuple[str | int, ...]
    dtype: str  # as numpy spells it


@dataclass(frozen=True)
class ModelFacts:
    """What the catalog and earlier inspections tell of a model; None where only prepare can tell."""

    formats: frozenset[str]  # onnx, tflite, torch: what the weights are to be had in
    batch: str | int | None = None  # a symbolic dimension's name, or the only batch the file takes
    dims: dict[str, int] = field(default_factory=dict)  # defaults of the other symbolic dimensions
    inputs: dict[str, InputFacts] | None = None
    stored: str = "fp32"
    sha256: str | None = None


@dataclass(frozen=True)
class Facts:
    """The machine a plan is for."""

    platform: str  # "system-machine" in lower case: linux-x86_64
    cores: int  # physical cores within affinity and cgroup quota
    devices: frozenset[str] = frozenset()  # kinds of accelerator found: nvidia
    models: dict[str, ModelFacts] = field(default_factory=dict)
    built: frozenset[str] = frozenset()  # labels of the environments that exist already
    unavailable: dict[str, str] = field(default_factory=dict)  # target -> why it cannot run here, from its probe
