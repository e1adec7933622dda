"""LiteRT's own quantisation: AI Edge Quantizer, on the model's .tflite."""

from collections import Counter
from importlib.metadata import version
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.qtyping import TFLOperationName

from bench.contract.conversion import Conversion
from bench.contract.status import Failure, Status
from bench.worker.tflite import weights_of

TOOLS = ("ai-edge-quantizer", "ai-edge-litert")


def make(model: str, destination: str, options: dict[str, Any], calibration: list[dict[str, str]]) -> Conversion:
    """Quantise a .tflite by one of the package's recipes, `recipe`; inputs and outputs stay as they are.

    Raises Failure where a recipe is to be calibrated and the model has no signature.
    """
    work = quantizer.Quantizer(model, getattr(recipe, options["recipe"])())
    calibrated = None
    if work.need_calibration:
        for operator in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
            work.update_quantization_recipe(".*", operator, algorithm_key=AlgorithmName.NO_QUANTIZE)
        calibrated = work.calibrate(_samples(Interpreter(model), calibration))
    work.quantize(calibrated, enable_progress_report=False).export_model(destination)
    quantised: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for operator, dtype, _ in weights_of(Interpreter(destination)):
        (quantised if dtype == "int8" else left)[operator] += 1
    why = "its weights were left in floating point"
    return Conversion(
        quantised=dict(quantised),
        left={operator: {why: count} for operator, count in left.items()},
        tools={name: version(name) for name in TOOLS},
    )


def _samples(interpreter: Any, calibration: list[dict[str, str]]) -> dict[str, list[dict[str, Any]]]:
    """Return the calibration inputs by signature, under its own names; a twin's are told by their place."""
    signatures = interpreter.get_signature_list()
    if not signatures:
        raise Failure(Status.UNSUPPORTED, "this .tflite has no signature, by which AI Edge Quantizer calibrates")
    signature = next(iter(signatures))
    order = [detail["index"] for detail in interpreter.get_input_details()]
    takes = interpreter.get_signature_runner(signature).get_input_details()
    found = []
    for sample in calibration:
        given = {name: np.load(path, allow_pickle=False) for name, path in sample.items()}
        values = list(given.values())
        found.append(
            {
                name: given.get(name, values[order.index(detail["index"])]).astype(detail["dtype"])
                for name, detail in takes.items()
            }
        )
    return {signature: found}
