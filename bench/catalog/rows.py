"""What the rows of the catalog's tables hold; each table's own head says what its fields mean."""

from dataclasses import dataclass, field
from typing import Any

from bench.contract.job import DEVICE_RESIDENT, HOST_TO_HOST
from bench.contract.tool import Tool


@dataclass(frozen=True)
class Runtime:
    """One isolated environment and the adapter that drives what is in it."""

    name: str
    label: str
    adapter: str
    requirements: list[str]
    formats: list[str]
    precisions: list[str] = field(default_factory=list)
    platforms: list[str] = field(default_factory=list)
    constraints: list[dict[str, str]] = field(default_factory=list)
    needs: str | None = None  # a kind of device: nvidia
    torch_cpu: bool = False
    resident: bool = False  # its adapter can leave inputs and outputs in the device's memory
    translates: list[str] = field(default_factory=list)  # formats its adapter makes its own form of
    translator: str = ""  # the row whose environment does that, where it is not this one
    fixed_shapes: bool = False
    start_s: float = 0.5  # a process, its import, a session and the first inference, about
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    measured: str = ""
    note: str = ""


@dataclass(frozen=True)
class Provider:
    """One execution provider of ONNX Runtime."""

    short: str
    name: str
    label: str
    runtime: str
    options: dict[str, str] = field(default_factory=dict)
    device: str | None = None
    devices: list[str] = field(default_factory=list)
    device_option: str = ""
    memory: str = ""
    platforms: list[str] = field(default_factory=list)
    needs: str | None = None
    plugin: str = ""
    fixed_shapes: bool = False
    reads_precision: bool = True
    cache: str = ""
    cache_options: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    computes: dict[str, str] = field(default_factory=dict)
    proof: str = ""
    measured: str = ""
    note: str = ""


@dataclass(frozen=True)
class Target:
    """A runtime, its execution provider or mode, and their options: one column of a comparison."""

    name: str
    label: str
    runtime: str
    provider: str | None = None  # as ONNX Runtime spells it
    row: str = ""  # of providers.toml; "" for a native runtime
    device: str | None = None
    mode: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    session: dict[str, str] = field(default_factory=dict)
    requirements: list[str] = field(default_factory=list)  # override the runtime's own
    environment: str = "isolated"  # or current: the interpreter ortbench runs in; or a virtual environment's folder
    cache: str = ""  # what it can keep of compiling, "" where that is nothing
    cache_options: dict[str, str] = field(default_factory=dict)  # that make it do so; {folder} stands for where
    cache_always: bool = False  # kept in every scenario: nobody waits for its compiler twice
    plugin: str = ""  # module:function that tells where a provider's library is, for one that is registered
    formats: list[str] = field(default_factory=list)  # that it loads as they are, the preferred one first
    precisions: list[str] = field(default_factory=list)  # recipes it takes (empty: all that make a format it loads)
    translates: list[str] = field(default_factory=list)  # formats its own form is made of, by `translator`
    translator: str = ""
    threads_compiled: bool = False  # its own form is made for a number of threads, not only for shapes
    fixed_shapes: bool = False  # it takes a file only with every dimension a number
    variables: dict[str, str] = field(default_factory=dict)  # environment variables its worker starts with
    flags: list[str] = field(default_factory=list)  # caveats every one of its cells carries
    strict: bool = False  # a session of which any node would fall to the CPU provider is refused
    least_nodes: float = 0.0  # shares of nodes and of operator time that its provider has to take: a suite says
    least_time: float = 0.0
    tool: Tool | None = None  # a program that measures by itself


@dataclass(frozen=True)
class Precision:
    """A recipe that makes a variant of a model, and how far its output may be from the reference."""

    name: str
    label: str
    method: str
    effective: str
    format: str = "onnx"  # of the file it makes, or of the one that a runtime quantises while it loads it
    environment: str = "tools"  # the row of runtimes.toml that makes it
    aliases: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    tolerance: dict[str, float] = field(default_factory=dict)

    @property
    def native(self) -> bool:
        """Whether it is a recipe of a runtime's own, made of the model as it is in the form that runtime reads."""
        return self.format != "onnx"

    @property
    def samples(self) -> int:
        """How many input sets it is calibrated with; 0 for one that takes none."""
        return int(self.options.get("calibration_samples", 0))

    @property
    def at_load(self) -> bool:
        """Whether no file is made: the runtime quantises the module while it loads it."""
        return self.format == "torch"


@dataclass(frozen=True)
class Scenario:
    """How inferences are offered, and what is measured of it. Only the settings of its kind's row mean anything."""

    name: str
    label: str
    kind: str  # the row of scenarios.toml it is made from
    concurrency: int = 1
    sessions: int = 1
    percentile: float = 0.99
    limit_ms: float = 0.0
    queries: int = 0
    within: float = 0.0
    processes: int = 0
    page_cache: str = ""
    cache: str = "none"
    cycles: int = 0
    pause_ms: float = 0.0
    pauses: int = 0

    @property
    def boundary(self) -> str:
        """Where its inputs and outputs are: a boundary of its own is another metric, and so a kind of its own."""
        return DEVICE_RESIDENT if self.kind == DEVICE_RESIDENT else HOST_TO_HOST


@dataclass(frozen=True)
class Model:
    """Where a catalog model comes from and how to feed it. See models.toml for the fields."""

    name: str
    task: str
    package: str
    registry: str
    file: str
    sha256: str
    licence: str
    batch: str | int
    inputs: dict[str, dict[str, Any]]
    bytes: int | None = None
    shapes: dict[str, list[str | int]] = field(default_factory=dict)
    dims: dict[str, int] = field(default_factory=dict)
    twins: dict[str, dict[str, Any]] = field(default_factory=dict)
    factory: str | None = None
    stored: str = "fp32"
    state: dict[str, str] = field(default_factory=dict)
    tolerances: dict[str, dict[str, float]] = field(default_factory=dict)  # by precision, over the recipe's
    noise_tolerances: dict[str, dict[str, float]] = field(default_factory=dict)  # the same, where inputs are noise
    output_kind: str = ""  # classification, mask or embedding: what else its outputs are compared by
    mask_threshold: float = 0.5  # of a mask: what is above it belongs to it
    real: dict[str, Any] = field(default_factory=dict)  # where real inputs come from: bench/models/real_inputs.py
    constant_output: bool = False
