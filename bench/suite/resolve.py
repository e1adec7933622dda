"""The names a suite uses, resolved: its own targets, precisions and models laid over the catalog's."""

from collections.abc import Mapping
from dataclasses import replace

from bench import catalog
from bench.suite import schema
from bench.suite.facts import ModelFacts

Setting = str | int | float | bool


def targets_of(suite: schema.Suite) -> dict[str, catalog.Target]:
    """Return every target the suite may name: the catalog's, its own, and those on the devices it asks for."""
    known = {**catalog.targets(), **{name: _target(name, given) for name, given in suite.targets.items()}}
    asked = (suite.matrix, *suite.include, *suite.exclude)
    names = {suite.baseline, *(name for axes in asked if axes for name in axes.target or ())}
    on_devices = {name: name.partition(":") for name in names if ":" in name}
    known |= {name: on_device(known[base], device) for name, (base, _, device) in on_devices.items()}
    return {name: _placed(target, suite.placement) for name, target in known.items()}


def on_device(target: catalog.Target, device: str) -> catalog.Target:
    """Return the target on one of its devices: `cuda:1`, `openvino:GPU.0`."""
    row = catalog.provider_of(target)
    option = {row.device_option: device} if row and row.device_option else {}
    label = f"{target.label} on {device}"
    return replace(target, name=f"{target.name}:{device}", label=label, device=device, options=target.options | option)


def takes_device(target: catalog.Target) -> bool:
    """Tell whether a target can be asked for on a device by name."""
    row = catalog.provider_of(target)
    return bool(row.device_option if row else target.device)


def _placed(target: catalog.Target, asked: schema.Placement) -> catalog.Target:
    """Return the target with what the suite asks of the placement of an execution provider."""
    if target.provider is None or asked == schema.Placement():
        return target
    return replace(target, strict=asked.strict, least_nodes=asked.nodes, least_time=asked.time)


def _target(name: str, given: schema.Target) -> catalog.Target:
    base = catalog.targets()[given.target]
    return replace(
        base,
        name=name,
        label=given.label or (base.label if name == base.name else f"{base.label} ({name})"),
        device=given.device or base.device,
        options=base.options | _texts(given.options, "true", "false"),
        session=base.session | _texts(given.session, "1", "0"),  # ONNX Runtime's config entries know no other spelling
        variables=base.variables | given.variables,
        requirements=[*base.requirements, *given.requirements],
        environment=given.environment,
        tool=replace(base.tool, **given.tool.model_dump(exclude_none=True)) if base.tool and given.tool else base.tool,
    )


def _texts(settings: Mapping[str, Setting], yes: str, no: str) -> dict[str, str]:
    """Return settings as runtimes take them: text."""
    return {key: (yes if value else no) if isinstance(value, bool) else str(value) for key, value in settings.items()}


def precisions_of(suite: schema.Suite) -> dict[str, catalog.Precision]:
    """Return every recipe the suite may name, by recipe name, with the suite's tolerances laid over their own."""
    found = dict(catalog.precisions())
    for name, given in suite.precisions.items():
        base = catalog.precisions()[catalog.precision_names()[given.precision]]
        found[name] = replace(
            base,
            name=name,
            label=base.label if name == base.name else f"{base.label} ({name})",
            aliases=[],
            options=base.options | given.options,
            tolerance=catalog.bounds_over(base.tolerance, _bounds(given.tolerance)),
        )
    spellings = spellings_of(suite)
    for spelling, tolerance in suite.tolerances.items():
        name = spellings[spelling]
        found[name] = replace(found[name], tolerance=catalog.bounds_over(found[name].tolerance, _bounds(tolerance)))
    return found


def _bounds(tolerance: schema.Tolerance | None) -> dict[str, float]:
    return tolerance.model_dump(exclude_none=True) if tolerance else {}


def scenarios_of(suite: schema.Suite) -> dict[str, catalog.Scenario]:
    """Return every scenario the suite may name: the catalog's, then its own."""
    found = dict(catalog.scenarios())
    for name, given in suite.scenarios.items():
        settings = given.model_dump(exclude_none=True, exclude={"scenario", "label"})
        base = catalog.scenarios()[given.scenario]
        found[name] = replace(base, name=name, label=given.label or name, **settings)
    return found


def spellings_of(suite: schema.Suite) -> dict[str, str]:
    """Return every spelling of a precision, mapped to the recipe's name; the suite's own names come first."""
    return {**catalog.precision_names(), **{name: name for name in suite.precisions}}


def catalog_facts(suite: schema.Suite) -> dict[str, ModelFacts]:
    """Return what is known of every model without fetching it: the catalog's rows, and what the suite says itself."""
    found = {name: _row_facts(row) for name, row in catalog.models().items()}
    for name, given in suite.models.items():
        base = found[given.catalog] if given.catalog else ModelFacts(frozenset({"onnx"}))
        own = {"tflite": given.tflite, "saved_model": given.saved_model, "torch": given.factory}
        found[name] = replace(
            base,
            formats=base.formats | {kind for kind, value in own.items() if value},
            batch=base.batch if given.batch is None else given.batch,
            dims=base.dims | given.dims,
            sha256=given.sha256 or base.sha256,
        )
    return found


def _row_facts(row: catalog.Model) -> ModelFacts:
    formats = {"onnx", *row.twins, *(["torch"] if row.factory else [])}
    return ModelFacts(frozenset(formats), row.batch, dict(row.dims), None, row.stored, row.sha256)
