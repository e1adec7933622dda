"""All recipes of a model of 90 MB, against the bare calls to their tools: each a plain Python process of its own.

`python tests/benchmarks/conversion.py [MODEL [RECIPE...]]` prints the seconds of each recipe and the ratio of all. Ours
hold besides the calls: the process that tries the variant, its checks, the report, the store. Both sides take turns.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic
from unittest.mock import patch

from bench import catalog
from bench.environments import cache_root, ensure, spec_of, tools_spec
from bench.models.fetching import Fetcher
from bench.models.inputs import shapes_of, write_inputs
from bench.models.variants import Workshop, convert
from bench.process import worker_folder
from bench.suite import load_text

RECIPES = [name for name, row in catalog.precisions().items() if row.method and row.environment == "tools"]
MOST = 3.0
BARE = """
import json, sys
import numpy as np, onnx
model, destination, method, given, calibration = sys.argv[1:]
options, calibration = json.loads(given), json.loads(calibration)
def whole(model):
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16
    only = options.get("operators")
    kept = {n.op_type for n in model.graph.node} - set(only) if only else set()
    return convert_float_to_float16(model, keep_io_types=True, op_block_list=[*DEFAULT_OP_BLOCK_LIST, *kept])
def prepared():
    from onnxruntime.quantization.shape_inference import quant_pre_process
    ready = destination + ".ready.onnx"
    try:
        quant_pre_process(model, ready)
    except Exception:
        quant_pre_process(model, ready, skip_symbolic_shape=True)
    return ready
if method == "float16":
    onnx.save(whole(onnx.load(model)), destination)
if method == "bfloat16":
    onnx.save(whole(onnx.version_converter.convert_version(onnx.load(model), 22)), destination)
if method == "quantize_dynamic":
    from onnxruntime.quantization import QuantType, quantize_dynamic
    quantize_dynamic(prepared(), destination, op_types_to_quantize=options["operators"] or None,
                     per_channel=options["per_channel"], weight_type=QuantType[options["weight_type"]])
if method == "quantize_static":
    from onnxruntime.quantization import (CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType,
                                          quantize_static)
    class Reader(CalibrationDataReader):
        def __init__(self): self.set_range(0, len(calibration))
        def __len__(self): return len(calibration)
        def set_range(self, start_index, end_index): self.sets = iter(calibration[start_index:end_index])
        def get_next(self):
            inputs = next(self.sets, None)
            return inputs and {name: np.load(path) for name, path in inputs.items()}
    extra = {"QDQDisableWeightAdjustForInt32Bias": True}
    extra |= {} if options["calibration"] == "MinMax" else {"CalibStridedMinMax": 4}
    quantize_static(prepared(), destination, Reader(), quant_format=QuantFormat[options["format"]],
                    per_channel=options["per_channel"], activation_type=QuantType[options["activation_type"]],
                    weight_type=QuantType[options["weight_type"]],
                    calibrate_method=CalibrationMethod[options["calibration"]], extra_options=extra)
if method == "matmul_nbits":
    from onnxruntime.quantization import QuantFormat
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
    proto = onnx.load(model)
    if options["format"] == "QDQ":
        proto = onnx.version_converter.convert_version(proto, 21)
    quantizer = MatMulNBitsQuantizer(proto, block_size=options["block_size"], is_symmetric=options["symmetric"],
                                     accuracy_level=options["accuracy_level"],
                                     quant_format=QuantFormat[options["format"]])
    quantizer.process()
    onnx.save(quantizer.model.model, destination)
"""


def main(name: str, recipes: list[str]) -> None:
    shop = Workshop(ensure(tools_spec()), worker_folder(cache_root()), {})
    loaded = load_text(f"suite: conversion\nmatrix: {{model: {name}, target: cpu}}\n")
    subject = Fetcher(loaded, shop, lambda: ensure(spec_of("torch")), {"onnx"}).subject(name)
    spent = {"ours": 0.0, "bare": 0.0}
    with tempfile.TemporaryDirectory() as place, patch.dict("os.environ", ORTBENCH_CACHE=f"{place}/cache"):
        folder = Path(place)
        inputs = write_inputs(subject, shapes_of(subject, 1, {}), 32, 1, folder / "inputs", folder)
        for recipe in recipes:
            row = catalog.precisions()[recipe]
            start = monotonic()
            variant = convert(shop.tools, shop, subject.onnx, subject.sha256, row, inputs, "inputs")
            ours = monotonic() - start
            given = [str(folder / "bare.onnx"), row.method, json.dumps(row.options), json.dumps(inputs)]
            start = monotonic()
            command = [str(shop.tools.python), "-c", BARE, str(subject.onnx), *given]
            bare_ran = subprocess.run(command, cwd=place, capture_output=True, text=True)
            bare = monotonic() - start
            ended = "" if bare_ran.returncode == 0 else f"  bare: {bare_ran.stderr.strip().splitlines()[-1]}"
            print(
                f"{recipe:26} {ours:6.1f} s, bare {bare:6.1f} s  {ours / bare:.2f}  {variant.status}{ended}", flush=True
            )
            spent["ours"] += ours
            spent["bare"] += bare
    ratio = spent["ours"] / spent["bare"]
    print(f"all of {name}: {spent['ours']:.1f} s, bare {spent['bare']:.1f} s: {ratio:.2f} times, at most {MOST:g}")
    sys.exit(ratio > MOST)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "all-minilm-l6", sys.argv[2:] or RECIPES)
