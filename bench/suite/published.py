"""The suite's JSON Schema, for editors: the names of the catalog stand in it where a suite can only mean those."""

from typing import Any

from bench import catalog
from bench.contract.phases import Phase
from bench.suite.meaning import ALL
from bench.suite.schema import Suite


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a suite.

    It accepts what `load_suite` accepts as far as a schema can tell: names a suite defines itself cannot be checked
    here, so those of the catalog are examples where a suite's own may stand, and enumerated where they may not.
    """
    schema = Suite.model_json_schema()
    parts = schema["$defs"]
    models, targets = sorted(catalog.models()), sorted(catalog.targets())
    precisions = sorted(catalog.precision_names())
    parts["Model"]["properties"]["catalog"]["anyOf"][0]["enum"] = models
    parts["Target"]["properties"]["target"]["enum"] = targets
    parts["Precision"]["properties"]["precision"]["enum"] = precisions
    parts["Scenario"]["properties"]["scenario"]["enum"] = list(catalog.scenarios())
    schema["properties"]["baseline"]["examples"] = targets
    schema["properties"]["limits_s"]["propertyNames"] = {"enum": [phase.value for phase in Phase]}
    axes = parts["Axes"]["properties"]
    scenarios = list(catalog.scenarios())
    named = {"model": models, "target": [ALL, *targets], "precision": precisions, "scenario": scenarios}
    for name, examples in named.items():
        axes[name]["anyOf"][0]["items"]["examples"] = examples
    for axis in axes.values():
        axis["anyOf"].insert(0, axis["anyOf"][0]["items"])  # one value stands for a list of one
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
