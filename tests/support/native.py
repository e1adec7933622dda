"""Small models that tell native runtimes apart, and a suite that measures them and a real one."""

import subprocess
from pathlib import Path
from textwrap import dedent

import pandas as pd

import bench
from bench.environments import ensure, tools_spec
from bench.store import read_run

# 1 + 2^-12 is a number in FP32 and none in BF16, FP16 or TF32, which make a 1 of it: a product of two tells.
FINE = 1 + 2**-12
MODELS = {
    "product": f"""
        <ir_version: 8, opset_import: ["": 17]> product (float[batch, 64] x) => (float[batch, 8] y)
        <float[64, 8] w = {{{", ".join([str(FINE)] * 512)}}}> {{ y = MatMul(x, w) }}
    """,
    "three": """
        <ir_version: 8, opset_import: ["": 17]> three (float[batch, 6] x) => (float[batch, 6] twice, float[batch] sum)
        { twice = Add(x, x)
          sum = ReduceMax <axes = [1], keepdims = 0> (x) }
    """,
    "unknown": """
        <ir_version: 8, opset_import: ["": 17]> unknown (float[batch, 4, 4] x) => (float[batch] y)
        <float zero = {0.0}>
        { hole = IsNaN(x)
          whole = Where(hole, zero, x)
          y = Det(whole) }
    """,
    # One Identity that goes at level basic, a Relu that goes into the Conv at extended, and a layout for it at all.
    "optimisable": f"""
        <ir_version: 8, opset_import: ["": 17]> optimisable (float[batch, 16, 8, 8] x) => (float[batch, 16, 8, 8] y)
        <float[16, 16, 1, 1] w = {{{", ".join(["0.5"] * 256)}}}> {{
          same = Identity(x)
          conv = Conv(same, w)
          y = Relu(conv)
        }}
    """,
    # BatchNormalization goes into the Conv before a quantiser sees it; without that it stays in FP32 between the two.
    "normalised": f"""
        <ir_version: 8, opset_import: ["": 17]> normalised (float[batch, 4, 8, 8] x) => (float[batch, 4, 8, 8] y)
        <float[4, 4, 1, 1] w = {{{", ".join(["0.5", "0.25"] * 8)}}}, float[4] one = {{1.0, 1.0, 1.0, 1.0}},
         float[4] none = {{0.0, 0.0, 0.0, 0.0}}> {{
          conv = Conv(x, w)
          norm = BatchNormalization(conv, one, none, none, one)
          y = Relu(norm)
        }}
    """,
    # Its Resize stays in FP32: the converter to FP16 puts the casts around it at the end of the graph.
    "resized": """
        <ir_version: 8, opset_import: ["": 17]> resized (float[batch, 2, 4, 4] x) => (float[batch, 2, 8, 8] y)
        <float[4] by = {1.0, 1.0, 2.0, 2.0}> {
          twice = Add(x, x)
          large = Resize <mode = "nearest"> (twice, , by)
          y = Mul(large, large)
        }
    """,
    "bfloat": """
        <ir_version: 8, opset_import: ["": 17]> bfloat (float[batch, 4] x) => (float[batch, 4] y) {
          low = Cast <to = 16> (x)
          turned = Transpose <perm = [1, 0]> (low)
          product = MatMul(low, turned)
          both = MatMul(product, low)
          y = Cast <to = 1> (both)
        }
    """,
    "gelu": """
        <ir_version: 9, opset_import: ["": 20]> gelu (float[batch, 64] x) => (float[batch, 64] y) { y = Gelu(x) }
    """,
    "unranked": """
        <ir_version: 8, opset_import: ["": 17]> unranked (float[batch, 1, 3] x, int64[1] axes) => (float[batch, 3] y)
        { y = Squeeze(x, axes) }
    """,
}
SAVE = "import sys, onnx; onnx.save(onnx.parser.parse_model(sys.argv[1]), sys.argv[2])"
SUITE = """
suite: native
preset: quick
measure: {{rounds: 1, bursts: 6, windows: 1, trial_s: 1, concurrency: 2}}
models:
  product: {{path: product.onnx, inputs: {{x: {{constant: {fine}}}}}}}
  three: {{path: three.onnx, inputs: {{x: {{normal: [0, 1]}}}}}}
  unknown: {{path: unknown.onnx}}
include:
  - {{model: [product, three], target: [cpu, {targets}], batch: [1, 3], threads: [1, 2]}}
  - {{model: unknown, target: [cpu, {targets}], threads: 1}}
  - {{model: [{real}], target: [cpu, {targets}], batch: [1, 2], threads: 2}}
"""


def write_model(name: str, folder: Path) -> Path:
    """Write one of MODELS, with the tools environment; return the file."""
    path = folder / f"{name}.onnx"
    subprocess.run([ensure(tools_spec()).python, "-c", SAVE, dedent(MODELS[name]), path], check=True)
    return path


def measure(targets: tuple[str, ...], real: tuple[str, ...], folder: Path) -> pd.DataFrame:
    """Return the trials of the small models, and of `real` ones, on `targets` beside the CPU provider."""
    for name in ("product", "three", "unknown"):
        write_model(name, folder)
    text = SUITE.format(targets=", ".join(targets), real=", ".join(real), fine=FINE)
    (folder / "native.yaml").write_text(text, "utf-8")
    return read_run(bench.run(folder / "native.yaml", folder / "results")).trials
