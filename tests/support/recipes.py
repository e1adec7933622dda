"""Conversions made in the tools environment, models written for what goes wrong in them, and what is in the files."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
from support.native import SAVE

from bench import catalog
from bench.models.cache import sha256_of
from bench.models.variants import Variant, Workshop, convert, key_of

# float[4, 4], no two rows alike.
WEIGHT = "{0.5, -0.25, 0.75, 1.0, -0.5, 0.125, 1.5, -1.0, 0.25, 2.0, -0.75, 0.625, 1.25, -0.875, 0.375, 0.0625}"
TEXTS = {
    "two": f"""
        <ir_version: 8, opset_import: ["": 17]> two (float[batch, 4] x) => (float[batch, 4] y)
        <float[4, 4] w = {WEIGHT}, float[4, 4] v = {WEIGHT}> {{
          [first] one = MatMul(x, w)
          [middle] bent = Sigmoid(one)
          [second] y = MatMul(bent, v)
        }}
    """,
    "computed": """
        <ir_version: 8, opset_import: ["": 17]> computed (float[batch, 4] x) => (float[batch, batch] y) {
          [turn] turned = Transpose <perm = [1, 0]> (x)
          [both] y = MatMul(x, turned)
        }
    """,
    "first": f"""
        <ir_version: 8, opset_import: ["": 17]> first (float[4, batch] x) => (float[4, batch] y)
        <float[4, 4] w = {WEIGHT}> {{ [left] y = MatMul(w, x) }}
    """,
    "constant": f"""
        <ir_version: 8, opset_import: ["": 17]> constant (float[batch, 4] x) => (float[batch, 4] y) {{
          w = Constant <value = float[4, 4] {WEIGHT}> ()
          [given] y = MatMul(x, w)
        }}
    """,
    "deep": f"""
        <ir_version: 8, opset_import: ["": 17]> deep (float[batch, 4] x) => (float[4, batch, 1] y)
        <float[4, 4, 1] w = {WEIGHT}> {{ [third] y = MatMul(x, w) }}
    """,
    "branch": f"""
        <ir_version: 8, opset_import: ["": 17]> branch (float[batch, 4] x) => (float[batch, 4] y)
        <float[4, 4] w = {WEIGHT}, float zero = {{0.0}}> {{
          most = ReduceMax <keepdims = 0> (x)
          big = Greater(most, zero)
          y = If (big) <
            then_branch = then () => (float[batch, 4] a) {{ [inside] a = MatMul(x, w) }},
            else_branch = other () => (float[batch, 4] b) {{ b = Sigmoid(x) }}
          >
        }}
    """,
    # The same name in both branches, for other weights.
    "namesakes": f"""
        <ir_version: 8, opset_import: ["": 22]> namesakes (float[batch, 4] x, bool big) => (float[batch, 4] y) {{
          y = If (big) <
            then_branch = then () => (float[batch, 4] a) <float[4, 4] w = {WEIGHT}> {{ [left] a = MatMul(x, w) }},
            else_branch = other () => (float[batch, 4] b)
              <float[4, 4] w = {WEIGHT.replace("0.", "3.")}> {{ [right] b = MatMul(x, w) }}
          >
        }}
    """,
    # What looks like a bias, and is none: pads, a filled mask, zeros beside a bias of another place.
    "padded": f"""
        <ir_version: 8, opset_import: ["": 18]> padded (float[batch, 4] x) => (float[batch, 6] y)
        <float[4, 4] w = {WEIGHT}, int64[2] pads = {{1, 1}}, float with = {{0.0}}, int64[1] axes = {{1}}> {{
          [dense] z = MatMul(x, w)
          [wide] y = Pad(z, pads, with, axes)
        }}
    """,
    "masked": f"""
        <ir_version: 8, opset_import: ["": 17]> masked (float[batch, 4] x) => (float[batch, 4] y)
        <float[4, 4] w = {WEIGHT}, float[4] mask = {{0.0, 0.0, -1000000000.0, 0.0}}> {{
          [dense] z = MatMul(x, w)
          [never] y = Add(z, mask)
        }}
    """,
    "zeros": f"""
        <ir_version: 8, opset_import: ["": 17]> zeros (float[batch, 4] x) => (float[batch, 4] y)
        <float[4, 4] w = {WEIGHT}, float[4, 4] v = {WEIGHT},
         float[4] small = {{0.5, -0.25, 0.125, 0.0625}}, float[4] none = {{0.0, 0.0, 0.0, 0.0}}> {{
          [one] a = MatMul(x, w)
          [two] b = Add(a, small)
          [three] c = MatMul(b, v)
          [four] y = Add(c, none)
        }}
    """,
    "biased": f"""
        <ir_version: 8, opset_import: ["": 17]> biased (float[batch, 4] x) => (float[batch, 4] y)
        <float[4, 4] w = {WEIGHT}, float[4] bias = {{0.5, -1.0, 0.25, 2.0}}> {{
          [dense] z = Gemm(x, w, bias)
          [bend] y = Relu(z)
        }}
    """,
    # A fill that does not say with what, which is with 0 in FP32.
    "filled": f"""
        <ir_version: 8, opset_import: ["": 17]> filled (float[batch, 4] x) => (float[batch, 4] y)
        <float[4, 4] w = {WEIGHT}> {{
          [dense] z = MatMul(x, w)
          size = Shape(z)
          nought = ConstantOfShape(size)
          [sum] y = Add(z, nought)
        }}
    """,
    # ONNX has BF16 for what is resized, and not for the region.
    "enlarged": f"""
        <ir_version: 8, opset_import: ["": 17]> enlarged (float[1, 4] x) => (float[1, 8] y)
        <float[4, 4] w = {WEIGHT}, float[4] region = {{0.0, 0.0, 1.0, 1.0}}, float[2] by = {{1.0, 2.0}}> {{
          [dense] z = MatMul(x, w)
          [grow] y = Resize <mode = "nearest"> (z, region, by)
        }}
    """,
    # Weights so small that the bias, in steps of theirs, is more than an int32 holds.
    "faint": """
        <ir_version: 8, opset_import: ["": 17]> faint (float[batch, 2] x) => (float[batch, 2] y)
        <float[2, 2] w = {1e-7, -1e-7, 2e-7, 1e-7}, float[2] bias = {0.5, -2.0}> { [dense] y = Gemm(x, w, bias) }
    """,
    # Its squares are in the millions: too large for FP16, were they handed over in it.
    "large": f"""
        <ir_version: 8, opset_import: ["": 17]> large (float[batch, 4] x) => (float[batch, 4] y)
        <float[4, 4] w = {WEIGHT}, float by = {{1000.0}}> {{
          [dense] z = MatMul(x, w)
          [grow] big = Mul(z, by)
          [square] squared = Mul(big, big)
          [root] y = Sqrt(squared)
        }}
    """,
    "normed": f"""
        <ir_version: 8, opset_import: ["": 17]> normed (float[batch, 4] x) => (float[batch, 4] y)
        <float[4, 4] w = {WEIGHT}, float[4] more = {{0.5, -1.0, 0.25, 2.0}}> {{
          [dense] z = MatMul(x, w)
          [shift] s = Add(z, more)
          [soft] y = Softmax(s)
        }}
    """,
}
# Of each stored tensor its type and shape, of each node its operator, its domain and what makes its inputs.
READ = """
import json, sys, onnx
named = onnx.TensorProto.DataType.Name
model = onnx.load(sys.argv[1])
graphs = [model.graph]
for graph in graphs:
    for node in graph.node:
        graphs += [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]
made = {name: node.op_type for graph in graphs for node in graph.node for name in node.output}
print(json.dumps({
    "tensors": {t.name: [named(t.data_type), list(t.dims)] for g in graphs for t in g.initializer},
    "nodes": [
        [n.op_type, n.name, list(n.input), [made.get(i, "") for i in n.input], list(n.output)]
        for g in graphs for n in g.node
    ],
}))
"""


def write(name: str, folder: Path, python: Path) -> Path:
    """Write one of TEXTS; return the file."""
    path = folder / f"{name}.onnx"
    subprocess.run([python, "-c", SAVE, dedent(TEXTS[name]), path], check=True)
    return path


def read(shop: Workshop, made: Variant) -> dict[str, Any]:
    """Return the tensors and the nodes of a variant's file."""
    said = subprocess.run([shop.tools.python, "-c", READ, made.path], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def operators(found: dict[str, Any]) -> set[str]:
    return {node[0] for node in found["nodes"]}


def weights(found: dict[str, Any]) -> set[str]:
    """Types of the stored weights of matrix products and convolutions, looked up behind their DequantizeLinear."""
    behind = {node[4][0]: node[2][0] for node in found["nodes"] if node[0] == "DequantizeLinear"}
    taken = [node[2][1] for node in found["nodes"] if node[0] in ("MatMul", "Gemm", "Conv")]
    return {found["tensors"][behind[name]][0] for name in taken}


def fed(found: dict[str, Any], operator: str, place: int) -> list[list[Any]]:
    """Type and shape of the stored tensors that nodes of an operator take as their input at `place`."""
    tensors = found["tensors"]
    return [tensors[node[2][place]] for node in found["nodes"] if node[0] == operator and node[2][place] in tensors]


def sets(folder: Path, name: str, shape: tuple[int, ...], number: int) -> list[dict[str, str]]:
    """Write seeded inputs of one name."""
    found = []
    for seed in range(number):
        path = folder / f"{name}-{seed}.npy"
        np.save(path, np.random.default_rng(seed).normal(size=shape).astype(np.float32))
        found.append({name: str(path)})
    return found


def made(shop: Workshop, model: Path, recipe: str, calibration: list[dict[str, str]], **options: Any) -> Variant:
    """Convert `model`; `options` are laid over the recipe's."""
    row = catalog.precisions()[recipe]
    row = replace(row, options=row.options | options)
    key = key_of([sha256_of(Path(file)) for inputs in calibration for file in inputs.values()])
    return convert(shop.tools, shop, model, sha256_of(model), row, calibration, key)
