"""LiteRT's own quantisation: AI Edge Quantizer, on the model's .tflite."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.qtyping import TFLOperationName

from bench.contract.conversion import Conversion
from bench.contract.status import Failure, Status
from bench.worker.tflite import weights_of


def quantize(
    model: Path, folder: Path, options: dict[str, Any], calibration: list[dict[str, str]]
) -> tuple[Path, Conversion]:
    """Quantise by one of the package's recipes, `recipe`; inputs and outputs stay as they are. Returns the .tflite.

    Raises Failure where a recipe is to be calibrated and the model has no signature.
    """
    work = quantizer.Quantizer(str(model), getattr(recipe, options["recipe"])())
    calibrated = None
    if work.need_calibration:
        for operator in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
            work.update_quantization_recipe(".*", operator, algorithm_key=AlgorithmName.NO_QUANTIZE)
        calibrated = work.calibrate(_samples(Interpreter(str(model)), calibration))
    made = folder / "model.tflite"
    work.quantize(calibrated, enable_progress_report=False).export_model(str(made))
    quantised: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for operator, dtype, _ in weights_of(Interpreter(str(made))):
        (quantised if dtype == "int8" else left)[operator] += 1
    why = "its weights were left in floating point"
    report = Conversion(
        quantised=dict(quantised),
        left={operator: {why: count} for operator, count in left.items()},
        bytes_before=model.stat().st_size,
    )
    return made, report


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
