"""Recipes: a function `make(model, destination, options, calibration)` for each method.

Its module is imported when its method is asked for: environments differ in what they have. `make` writes the variant of
the file `model` to `destination` and returns a Conversion, its two sizes left to the caller; `calibration` holds sets
of inputs, each a mapping from a name to an .npy file. It raises Failure, or whatever its tool raises.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from bench.contract.conversion import Conversion

Make = Callable[[str, str, dict[str, Any], list[dict[str, str]]], Conversion]


def _in(module: str, function: str = "make") -> Make:
    def make(model: str, destination: str, options: dict[str, Any], calibration: list[dict[str, str]]) -> Conversion:
        found: Make = getattr(import_module(f"{__name__}.{module}"), function)
        return found(model, destination, options, calibration)

    return make


METHODS: dict[str, Make] = {
    "float16": _in("float16"),
    "bfloat16": _in("bfloat16"),
    "quantize_dynamic": _in("dynamic"),
    "quantize_static": _in("static"),
    "matmul_nbits": _in("nbits"),
    "nncf_quantize": _in("nncf", "quantize"),
    "nncf_compress_weights": _in("nncf", "compress_weights"),
    "ai_edge_quantizer": _in("litert"),
}
