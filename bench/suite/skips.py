"""Why a cell cannot be measured here, what would make it run, and what only prepare can tell."""

from fnmatch import fnmatch

from bench import catalog
from bench.catalog import Precision, Scenario, Target
from bench.contract.job import HOST_TO_HOST
from bench.suite.cells import Cell, Skip
from bench.suite.facts import Facts, ModelFacts

OFFERS = {  # format -> what a model without it lacks, and what would give it one
    "torch": ("exists only as ONNX", "a `factory` (module:function) in the suite would make it run"),
    "tflite": ("has no TFLite twin", "a `tflite` file of the same weights in the suite would make it run"),
    "saved_model": (
        "has no SavedModel twin",
        "a `saved_model` folder of the same weights in the suite would make it run",
    ),
    "onnx": ("is not to be had as ONNX", "an ONNX file in the suite would make it run"),
}
DEVICES = {
    "nvidia": "an NVIDIA GPU with its driver",
    "amd": "an AMD GPU with its driver",
    "qualcomm": "a Qualcomm processor with its NPU",
    "huawei": "an Ascend NPU with its driver",
    "gpu": "a GPU with a Vulkan, Metal or Direct3D 12 driver",
    "software-vulkan": "a Vulkan driver in software, such as SwiftShader, which comes with Chromium",
}


def target_skip(target: Target, facts: Facts) -> Skip | None:
    """Return why nothing runs on this target here: no wheels, no device, or what its probe said."""
    runtime, provider = catalog.runtimes()[target.runtime], catalog.provider_of(target)
    if target.environment == "isolated":
        for platforms in (runtime.platforms, provider.platforms if provider else []):
            if platforms and not any(fnmatch(facts.platform, pattern) for pattern in platforms):
                made = _wheel(runtime) if platforms is runtime.platforms else str(target.provider)
                return _skip(f"{made} is made for {', '.join(platforms)}, and this is {facts.platform}: run it there")
    for needed in filter(None, (runtime.needs, provider.needs if provider else None)):
        if needed not in facts.devices:
            device = DEVICES.get(needed, needed)
            return _skip(f"{target.label} needs {device}, and none was found here: run it where there is one")
    if target.tool and (why := _unfinished(target)):
        return _skip(why)
    if target.name in facts.unavailable:
        return _skip(facts.unavailable[target.name])
    return None


def _unfinished(target: Target) -> str:
    """Return what a suite has yet to say of a program before it can be called; empty where nothing is missing."""
    if target.tool and not target.tool.command:
        made = f"{{mine: {{target: {target.name}, tool: {{command: [...], read: {{...}}}}}}}}"
        return f"{target.name} is any program, and none is named: `targets: {made}` would run one"
    missing = [name for name, value in target.options.items() if not value]
    if not missing:
        return ""
    told = ", ".join(f"{name}: ..." for name in missing)
    made = f"{{mine: {{target: {target.name}, options: {{{told}}}}}}}"
    return f"{target.label} has to be told {', '.join(missing)}: `targets: {made}` would run it"


def tool_skip(cell: Cell, target: Target, scenario: Scenario) -> Skip | None:
    """Return why a program that measures by itself, in the one way it is called, cannot measure a cell."""
    if target.tool is None:
        return None
    if target.tool.as_stored and (cell.batch != 1 or cell.dims):
        sizes = f"{target.label} runs a file at the sizes stored in it"
        return Skip("unsupported", f"{sizes}, and is not told of a batch or dims: another target could")
    if scenario.kind == target.tool.scenario:
        return None
    measures = f"{target.label} measures {target.tool.scenario} by itself"
    return Skip("unsupported", f"{measures}, and cannot be driven as `{scenario.kind}` is: another target could")


def boundary_skip(target: Target, scenario: Scenario) -> Skip | None:
    """Return why a target's inputs and outputs cannot stay in its device's memory, where a scenario wants that."""
    provider = catalog.provider_of(target)
    able = provider.memory if provider else catalog.runtimes()[target.runtime].resident
    if scenario.boundary == HOST_TO_HOST or able:
        return None
    return Skip(
        "unsupported",
        f"{target.label} cannot leave inputs and outputs in its device's memory: `scenario: latency` is host to host",
    )


def _wheel(runtime: catalog.Runtime) -> str:
    """Return the requirement a runtime is named after; a plugin's stands beside the ONNX Runtime it is put into."""
    own = (text for text in runtime.requirements if text.startswith(runtime.name))
    return next(own, runtime.requirements[0])


def format_skip(model: str, facts: ModelFacts, target: Target) -> Skip | None:
    """Return why a runtime cannot read the model, where no format it reads is to be had."""
    takes = [*target.formats, *target.translates]
    if facts.formats.intersection(takes):
        return None
    wanted = takes[0]
    lacks, remedy = OFFERS.get(wanted, (f"is not to be had as {wanted}", "another target would run it"))
    return _skip(f"{model} {lacks}: {remedy}")


def precision_skip(model: str, facts: ModelFacts, precision: Precision, target: Target) -> Skip | None:
    """Return why a recipe means nothing for a model as stored, or for a runtime that it is not for."""
    if precision.method and precision.effective == facts.stored:
        stored = facts.stored.upper()
        return Skip("unsupported", f"{model} is already {stored} as stored: fp32 measures the file as it is")
    if _takes(target, precision):
        return None
    label = catalog.runtimes()[target.runtime].label
    if precision.native:
        others = catalog.targets().values()
        own = next(other for other in others if other.tool is None and _takes(other, precision))
        whose = catalog.runtimes()[own.runtime].label
        if whose == label:  # another way of running the same
            return Skip("unsupported", f"{target.label} does not take {precision.label}: {own.name} runs it")
        return Skip("unsupported", f"{precision.label} is {whose}'s own: {own.name} runs it")
    takes = ", ".join(target.precisions)
    return Skip("unsupported", f"{label} takes {takes} here: {precision.name} is a recipe for ONNX files")


def _takes(target: Target, precision: Precision) -> bool:
    """Tell whether a target takes what a recipe makes; a suite's own recipe is taken where its catalog recipe is."""
    methods = {catalog.precisions()[name].method for name in target.precisions}
    readable = precision.format in target.formats if precision.native else True
    return readable and (not methods or precision.method in methods)


def shape_skip(cell: Cell, facts: ModelFacts) -> Skip | None:
    """Return why a model cannot take the batch or the dims asked for."""
    if isinstance(facts.batch, int) and facts.batch != cell.batch:
        reason = f"{cell.model} takes batch {facts.batch} only, fixed in the file"
        return _skip(f"{reason}: one exported with a batch dimension would run")
    symbols = _symbols(cell.model, facts)
    strange = [] if symbols is None else [name for name, _ in cell.dims if name not in symbols]
    if strange:
        own = f"its own are {', '.join(sorted(symbols))}" if symbols else "it has none besides the batch"
        return _skip(f"{cell.model} has no dimension {', '.join(strange)}: {own}")
    return None


def unknown_of(cell: Cell, facts: ModelFacts) -> str:
    """Return in words what is not known of a cell before its model has been fetched and inspected."""
    unknown = ["batch dimension known after fetch"] if facts.batch is None else []
    if cell.dims and _symbols(cell.model, facts) is None:
        unknown.append("other dimensions known after fetch")
    return "; ".join(unknown)


def _symbols(model: str, facts: ModelFacts) -> set[str] | None:
    """Return the names of a model's dimensions other than the batch, or None where nobody has looked."""
    if facts.inputs is not None:
        shapes = [given.shape for given in facts.inputs.values()]
        return {size for shape in shapes for size in shape if isinstance(size, str)} - {facts.batch} | set(facts.dims)
    return set(facts.dims) if model in catalog.models() else None


def _skip(reason: str) -> Skip:
    return Skip("skipped", reason)
