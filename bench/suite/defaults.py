"""The suite for one ONNX file, as a user would write it."""

import json
import re
from pathlib import Path

from bench.suite.onnx_file import fixed_batch

TEXT = """\
suite: {name}
description: One model over the CPU and OpenVINO providers and native OpenVINO. Made by ortbench; save it to change it.
models:
  {name}:
    path: {file}{fixed}
matrix:
  model: {name}
  target: [cpu, openvino, openvino-native]
  precision: [fp32, fp16, int8, int4]{batches}
"""
FIXED = "\n    batch: {batch} # fixed in the file"
OPEN = "\n  batch: [1, 8]"


def default_suite(path: Path) -> str:
    """Return the YAML of the suite `ortbench run model.onnx` measures. Raises UsageError where it is no ONNX file."""
    batch = fixed_batch(path)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._")[:80] or "model"
    return TEXT.format(
        name=json.dumps(name),
        file=json.dumps(path.name, ensure_ascii=False),
        fixed=FIXED.format(batch=batch) if batch else "",
        batches="" if batch else OPEN,
    )
