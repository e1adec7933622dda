"""Make a model's file by a recipe of a runtime's own, by that runtime's own tool, in that tool's environment."""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.contract.conversion import Conversion
from bench.contract.status import Failure, Status

METHODS = {  # method of precisions.toml -> (function, packages that had a part in it)
    "nncf_quantize": ("nncf:quantize", ("nncf", "openvino")),
    "nncf_compress_weights": ("nncf:compress_weights", ("nncf", "openvino")),
    "ai_edge_quantizer": ("litert:quantize", ("ai-edge-quantizer", "ai-edge-litert")),
}


def run(
    model: str, folder: str, method: str, options: dict[str, Any], calibration: list[dict[str, str]]
) -> dict[str, Any]:
    """Write the variant into `folder`; returns its file, its size in bytes and the report of the conversion.

    `calibration` is a list of inputs by name, each an `.npy` file. Raises Failure: unsupported with reason
    `nothing_quantised`, conversion_failed with the tool's own words.
    """
    place, packages = METHODS[method]
    module, _, function = place.partition(":")
    quantise: Callable[..., tuple[Path, Conversion]] = getattr(
        import_module(f"bench.worker.jobs.quantise_{module}"), function
    )
    try:
        made, report = quantise(Path(model), Path(folder), options, calibration)
    except Failure:
        raise
    except Exception as error:
        raise Failure(Status.CONVERSION_FAILED, f"{method}: {type(error).__name__}: {str(error)[:800]}") from error
    if not report.quantised:
        left = ", ".join(f"{sum(why.values())} {operator}" for operator, why in sorted(report.left.items()))
        raise Failure(
            Status.UNSUPPORTED,
            f"nothing_quantised: {packages[0]} found no operator it can quantise (left as they are: {left or 'all'})",
        )
    size = sum(file.stat().st_size for file in Path(folder).iterdir() if file.is_file())
    about = {"bytes_after": size, "tools": {name: version(name) for name in packages}}
    return {"file": made.name, "bytes": size, "conversion": report.to_wire() | about}
