"""What a worker is told: the target to run on, the model file to run, the inputs to feed."""

from dataclasses import asdict, dataclass, field
from typing import Any

# The boundary: where inputs are when timing starts and outputs when it ends, in host memory or in the device's own.
HOST_TO_HOST, DEVICE_RESIDENT = "host_to_host", "device_resident"


@dataclass(frozen=True)
class Workload:
    """Everything an adapter needs to load one cell. Paths are absolute; inputs are `.npy` files."""

    model: str
    format: str  # onnx, tflite or torch: what `model` is
    precision: str
    threads: int
    provider: str | None = None  # as ONNX Runtime spells it; None for a native runtime
    device: str | None = None
    mode: str | None = None  # a native runtime's way of running: eager, compile
    options: dict[str, str] = field(default_factory=dict)
    session: dict[str, str] = field(default_factory=dict)  # graph_optimization_level and session config entries
    plugin: str = ""  # module:function that tells where the provider's library is, for one that is registered
    strict: bool = False  # refuse a session of which any node would fall to the CPU provider
    factory: str | None = None  # module:function that makes the torch module
    factory_paths: list[str] = field(default_factory=list)  # folders the factory is imported from
    input_sets: list[dict[str, str]] = field(default_factory=list)  # name -> .npy; the first set is the timed one
    batch: int = 1
    boundary: str = HOST_TO_HOST
    memory: str = ""  # what ONNX Runtime calls the memory of a provider's device: cpu, cuda; "" where it is not named
    tool: dict[str, Any] | None = None  # the program that measures by itself: the fields of contract/tool.py
    recipe: dict[str, Any] = field(default_factory=dict)  # of a precision whose runtime quantises by itself
    cache: str = ""  # what is kept of compiling: use what is there, fill what is missing; "" keeps nothing
    cache_dir: str | None = None  # where that is kept, and what else is written: a folder of this cell's own

    def to_wire(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> "Workload":
        return cls(**data)


@dataclass(frozen=True)
class Loaded:
    """What took effect, read back from the runtime after loading. None where it does not tell.

    `options` holds every option of the workload that was taken: one that is not in it ends the trial as unsupported.
    """

    runtime_version: str
    device: str | None = None
    threads: int | None = None
    precision: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    model_bytes: int | None = None  # of weights that the runtime quantised itself, so that no file tells


@dataclass(frozen=True)
class Placement:
    """Where a session's work went. Shares are by operator time, None where no profile could be read."""

    nodes: dict[str, int]  # execution provider -> nodes
    time_share: dict[str, float] | None = None  # execution provider -> share of operator time, 0 to 1
    precision: str | None = None  # the precision that most operator time was spent in
    operators: dict[str, int] = field(default_factory=dict)  # "provider/op type" -> nodes
    operator_ns: dict[str, int] = field(default_factory=dict)  # the same -> ns an inference, of those that were timed


def lead_in_of(count: Any) -> Any:
    """Return how many samples of a burst of `count` only refill caches and wake threads: a third, never the only one.

    Estimates leave them out, and what is waited in them is no sign of other work. Takes a number, or an array of them.
    """
    return (count + 1) // 3  # rounded: 0 of 1, 1 of 2, 1 of 3, 3 of 8
