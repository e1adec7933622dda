"""LiteRT's own quantisation: AI Edge Quantizer, on the model's .tflite."""

from collections import Counter
from pathlib import Path
from typing import Any

from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe

from bench.contract.conversion import Conversion
from bench.worker.tflite import weights_of


def quantize(
    model: Path, folder: Path, options: dict[str, Any], calibration: list[dict[str, str]]
) -> tuple[Path, Conversion]:
    """Quantise by one of the package's recipes, `recipe`, that needs no calibration; returns the .tflite."""
    work = quantizer.Quantizer(str(model), getattr(recipe, options["recipe"])())
    if work.need_calibration:
        raise ValueError(f"the recipe {options['recipe']} asks for calibration, and int8-litert has none")
    made = folder / "model.tflite"
    work.quantize(enable_progress_report=False).export_model(str(made))
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
