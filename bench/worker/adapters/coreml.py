"""CoreML, from torch: converted to an ML program by Core ML Tools on any system, run where CoreML is, on macOS."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract.job import Loaded, Placement, Workload
from bench.contract.status import Failure, Status

# Of coremltools.ComputeUnit, with the device that is asked for besides the processor.
UNITS = {"ALL": "", "CPU_ONLY": "CPU", "CPU_AND_GPU": "GPU", "CPU_AND_NE": "NeuralEngine"}
KINDS = {"FLOAT32": "fp32", "FLOAT16": "fp16", "BFLOAT16": "bf16"}
OPTIONS = {"compute_units": tuple(UNITS), "compute_precision": ("FLOAT32", "FLOAT16")}
OLDEST = "macOS14"  # what the program is made for, and whatever is newer

ct: Any = None


def import_runtime() -> str:
    global ct
    import coremltools

    ct = coremltools
    return str(ct.__version__)


def probe() -> dict[str, Any]:
    try:
        found = ct.models.compute_device.MLComputeDevice.get_all_compute_devices()
    except AttributeError as error:  # its library for macOS could not be loaded
        raise Failure(Status.UNSUPPORTED, "CoreML is a part of macOS, and is not to be had here") from error
    return {"version": str(ct.__version__), "devices": [_device(device) for device in found]}


def translate(workload: Workload, folder: Path) -> Path:
    """Make an ML program of the torch module at the shapes of the timed inputs, computing in FP32 unless asked.

    Its integers are 32-bit, whatever the module's. Raises Failure, with what Core ML Tools say they cannot take.
    """
    import_runtime()
    from bench.worker.origin import program_of, told

    precision = _option(workload, "compute_precision", "FLOAT32")
    program = program_of(workload)
    try:
        model = ct.convert(
            _known(program),
            convert_to="mlprogram",
            compute_precision=ct.precision[precision],
            minimum_deployment_target=ct.target[OLDEST],
            skip_model_load=True,
        )
    except Exception as error:
        raise Failure(Status.UNSUPPORTED, f"Core ML Tools cannot convert this module: {told(error)}") from error
    made = folder / "model.mlpackage"
    model.save(str(made))
    return made


def load(workload: Workload) -> "CoreMlSession":
    return CoreMlSession(workload)


def placement(workload: Workload, inputs: dict[str, np.ndarray]) -> Placement | None:
    """Return where CoreML's own plan puts each operation. The plan says what is preferred, not how long it took."""
    session = CoreMlSession(workload)
    plans = ct.models.compute_plan.MLComputePlan
    plan = plans.load_from_path(session.model.get_compiled_model_path(), compute_units=session.units)
    program = plan.model_structure.program
    if program is None:
        return None
    places: Counter[str] = Counter()
    operators: Counter[str] = Counter()
    for operation in _operations(program.functions["main"].block):
        usage = plan.get_compute_device_usage_for_mlprogram_operation(operation)
        if usage is not None:  # of a constant there is none
            device = _device(usage.preferred_compute_device)
            places[device] += 1
            operators[f"{device}/{operation.operator_name}"] += 1
    asked = UNITS[session.units.name]
    nodes = {asked: places[asked]} if asked else {}  # first, and also where it got nothing
    return Placement(nodes=nodes | dict(places.most_common()), precision=session.precision, operators=dict(operators))


class CoreMlSession:
    """A model that macOS has compiled for this machine. It may be asked from several threads."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.units = ct.ComputeUnit[_option(workload, "compute_units", "ALL")]
        self.model = ct.models.MLModel(workload.model, compute_units=self.units)
        try:
            self.model.get_compiled_model_path()
        except Exception as error:  # it only warned that CoreML would not have it
            why = getattr(self.model, "_framework_error", None) or error
            raise Failure(Status.UNSUPPORTED, f"CoreML cannot load this model: {why}") from error
        spec = self.model.get_spec()
        self.inputs = [described.name for described in spec.description.input]
        self.names = [described.name for described in spec.description.output]
        self.precision = precision_of(spec)

    def loaded(self) -> Loaded:
        """CoreML tells neither its threads nor takes a number of them."""
        return Loaded(
            runtime_version=str(ct.__version__),
            device=self.units.name,
            precision=self.precision,
            options={**self.workload.options, "compute_units": str(self.model.compute_unit.name)},
        )

    def bind(self, inputs: dict[str, np.ndarray]) -> "CoreMlRequest":
        given = [inputs[name] for name in self.workload.input_sets[0]]  # the module's order
        if len(given) != len(self.inputs):
            raise Failure(Status.ERROR, f"the ML program has {len(self.inputs)} inputs, the model {len(given)}")
        named = {name: inputs.get(name, given[position]) for position, name in enumerate(self.inputs)}
        return CoreMlRequest(self.model, {name: _as_taken(value) for name, value in named.items()}, self.names)


class CoreMlRequest:
    def __init__(self, model: Any, inputs: dict[str, np.ndarray], names: list[str]) -> None:
        self.names = names
        self.found: dict[str, Any] = {}
        predict = model.predict

        def run() -> None:
            self.found = predict(inputs)  # arrays in host memory

        self.run = run

    def outputs(self) -> dict[str, np.ndarray]:
        return {name: np.array(self.found[name]) for name in self.names}


def precision_of(spec: Any) -> str | None:
    """Return the type that most of an ML program's operations on floating point give; None where there are none."""
    from coremltools.proto import MIL_pb2

    kinds: Counter[str] = Counter()
    for function in spec.mlProgram.functions.values():
        for block in function.block_specializations.values():
            for operation in (each for each in _operations(block) if each.type not in ("const", "cast")):
                for result in operation.outputs:
                    kinds[MIL_pb2.DataType.Name(result.type.tensorType.dataType)] += 1
    floating = [KINDS[name] for name, _ in kinds.most_common() if name in KINDS]
    return floating[0] if floating else None


def _known(program: Any) -> Any:
    """Return the program with operators that Core ML Tools do not have taken apart as torch does, all others whole."""
    from coremltools.converters.mil.frontend.torch import torch_op_registry as theirs
    from torch.export import default_decompositions

    known, apart = theirs._TORCH_OPS_REGISTRY.get_func, default_decompositions()
    whole = program.run_decompositions({})
    called = {node.target for node in whole.graph.nodes if node.op == "call_function"}
    lacking = [operator for operator in called if operator in apart and known(operator.__name__) is None]
    return program.run_decompositions({operator: apart[operator] for operator in lacking}) if lacking else whole


def _operations(block: Any) -> Iterator[Any]:
    """Yield the operations of a block and of the blocks within it: those of a branch or a loop."""
    for operation in block.operations:
        yield operation
        for inner in operation.blocks:
            yield from _operations(inner)


def _option(workload: Workload, name: str, default: str) -> str:
    """Return an option's value. Raises Failure for one that CoreML does not have, and for any value it does not."""
    if strange := sorted(workload.options.keys() - OPTIONS.keys()):
        raise Failure(Status.UNSUPPORTED, f"CoreML has no option {', '.join(strange)}; it has {', '.join(OPTIONS)}")
    value = workload.options.get(name, default)
    if value not in OPTIONS[name]:
        raise Failure(Status.UNSUPPORTED, f"{name} is `{value}`; it can be {', '.join(OPTIONS[name])}")
    return value


def _device(device: Any) -> str:
    """Return what a device is called: CPU, GPU or NeuralEngine, of a class such as MLGPUComputeDevice."""
    return type(device).__name__.removeprefix("ML").removesuffix("ComputeDevice")


def _as_taken(value: np.ndarray) -> np.ndarray:
    """Return integers and truth values as the 32-bit integers that an ML program takes; anything else as it is."""
    return np.ascontiguousarray(value.astype(np.int32) if value.dtype.kind in "iub" else value)
