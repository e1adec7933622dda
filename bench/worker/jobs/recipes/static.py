"""INT8 with the ranges of activations found by calibration."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from bench.contract.conversion import Conversion
from bench.worker.jobs.changes import Takes, changes
from bench.worker.jobs.graph import load
from bench.worker.jobs.recipes.names import refuse_unknown

TOOLS = ("onnxruntime", "onnx")
OPERATORS = {"QDQ": {*QDQRegistry, *QLinearOpsRegistry}, "QOperator": {*QLinearOpsRegistry}}
AT_ONCE = 4  # input sets whose every activation a histogram holds in memory: 32 of them took 2.5 GB on MiniLM, 4 0.7


def make(model: str, destination: str, options: dict[str, Any], calibration: list[dict[str, str]]) -> Conversion:
    """`model` is prepared (jobs/prepare.py). No `operators` are all that the tool takes."""
    source = load(model)
    there = "the model has no such node once it is prepared for quantising"
    refuse_unknown("exclude", options["exclude"], {node.name for node in source.graph.node}, there)
    refuse_unknown("operators", options["operators"], OPERATORS[options["format"]], "the tool takes no such operator")
    operators = frozenset(options["operators"] or OPERATORS[options["format"]])
    takes = Takes(operators, frozenset(options["exclude"]), activations=True)
    if not takes.operators & {node.op_type for node in source.graph.node}:
        return changes(source, source, takes, TOOLS)  # histograms fail where there is nothing to collect
    extra: dict[str, Any] = {
        # The adjustment fails on per-channel Gemm weights (ORT 1.32: ambiguous truth value of an array).
        "QDQDisableWeightAdjustForInt32Bias": True,
        "CalibPercentile": options["percentile"],
    }
    if options["calibration"] != "MinMax":
        extra["CalibStridedMinMax"] = next(size for size in range(AT_ONCE, 0, -1) if len(calibration) % size == 0)
    quantize_static(
        model,
        destination,
        _Reader(calibration),
        quant_format=QuantFormat[options["format"]],
        per_channel=options["per_channel"],
        reduce_range=options["reduce_range"],
        activation_type=QuantType[options["activation_type"]],
        weight_type=QuantType[options["weight_type"]],
        op_types_to_quantize=options["operators"] or None,
        nodes_to_exclude=options["exclude"],
        calibrate_method=CalibrationMethod[options["calibration"]],
        extra_options=extra,
    )
    return changes(source, load(destination), takes, TOOLS)


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Feeds a tool the input sets, or a range of them at a time."""

    def __init__(self, calibration: list[dict[str, str]]) -> None:
        self.calibration = calibration
        self.set_range(0, len(calibration))

    def __len__(self) -> int:
        return len(self.calibration)

    def set_range(self, start_index: int, end_index: int) -> None:
        self.sets: Iterator[dict[str, Any]] = (
            {name: np.load(path, allow_pickle=False) for name, path in inputs.items()}
            for inputs in self.calibration[start_index:end_index]
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self.sets, None)
