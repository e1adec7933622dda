"""Colours, markers and fills. Charts are drawn in sentinel colours, which become CSS variables in the page.

The hues are Okabe and Ito's, told apart with every common colour blindness; `style.css` gives each a value for light
and for dark. A target keeps its colour and marker in every report, and no two targets of the catalog share both.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zlib import crc32

HUES = ("ink", "blue", "orange", "green", "purple", "sky", "vermilion", "yellow")
VARIABLES = (*HUES, "muted", "grid", "paper", "part-1", "part-2", "part-3", "part-4")
_SENTINELS = {name: f"#0101{index + 16:02x}" for index, name in enumerate(VARIABLES)}
_NAMES = {sentinel: name for name, sentinel in _SENTINELS.items()}


def colour(name: str) -> str:
    """The sentinel matplotlib draws with. Raises KeyError for a name that is not in VARIABLES."""
    return _SENTINELS[name]


def to_variables(text: str) -> str:
    """Replace every sentinel in SVG text by its CSS variable."""
    return re.sub(r"#0101[0-9a-f]{2}", lambda found: f"var(--{_NAMES[found[0]]})", text)


@dataclass(frozen=True)
class Mark:
    """How a target is drawn: `hue` is one of HUES, `marker` as matplotlib spells it."""

    hue: str
    marker: str


_MARKS = {
    "cpu": Mark("ink", "o"),
    "openvino": Mark("blue", "D"),
    "openvino-native": Mark("sky", "s"),
    "openvino-native-default": Mark("purple", "^"),
    "torch": Mark("vermilion", "v"),
    "torch-compile": Mark("orange", "P"),
    "litert": Mark("green", "p"),
    "directml": Mark("yellow", "h"),
    "cuda": Mark("green", "s"),
    "cuda-tf32": Mark("green", "o"),
    "tensorrt": Mark("green", "D"),
    "coreml": Mark("purple", "o"),
    "qnn": Mark("orange", "s"),
    "xnnpack": Mark("sky", "p"),
    "webgpu": Mark("vermilion", "D"),
    "webnn": Mark("vermilion", "s"),
    "wasm": Mark("yellow", "^"),
    "rocm": Mark("orange", "o"),
    "migraphx": Mark("orange", "D"),
    "nnapi": Mark("sky", "v"),
    "openvino-plugin": Mark("blue", "s"),
    "cpu-ort-format": Mark("blue", "^"),
    "ggml": Mark("blue", "v"),
    "cann": Mark("blue", "o"),
    "openvino-native-bf16": Mark("sky", "D"),
    "openvino-native-throughput": Mark("sky", "^"),
    "qnn-simulator": Mark("orange", "^"),
    "webgpu-software": Mark("orange", "h"),
    "webgpu-plugin": Mark("vermilion", "h"),
    "nv-tensorrt-rtx": Mark("green", "P"),
    "tensorrt-native": Mark("green", "^"),
    "executorch": Mark("green", "v"),
    "windowsml": Mark("yellow", "s"),
    "mlx": Mark("purple", "h"),
    "coreml-native": Mark("purple", "p"),
    "coreml-native-default": Mark("purple", "v"),
    "mnn": Mark("purple", "s"),
    "ncnn": Mark("purple", "D"),
    "iree": Mark("purple", "P"),
    "tract": Mark("yellow", "o"),
    "tvm": Mark("yellow", "v"),
    "tensorflow": Mark("yellow", "D"),
    "torch-script": Mark("vermilion", "^"),
    "torch-aot": Mark("vermilion", "P"),
    "torch-bf16": Mark("vermilion", "p"),
    "torch-cuda": Mark("vermilion", "o"),
    "torch-cuda-compile": Mark("orange", "v"),
    "torch-cuda-graphs": Mark("orange", "p"),
}
# A suite's own targets take from markers that no target of the catalog has.
_OTHERS = tuple(Mark(hue, marker) for marker in ("<", ">", "8", "X", "*") for hue in HUES[1:])
_FILLS = {"fp16": "left", "bf16": "left", "mixed": "left", "int8-dynamic": "bottom", "int8": "top", "int4": "right"}


def marks(targets: Iterable[str]) -> Mapping[str, Mark]:
    """One mark a target. A target the catalog does not know gets one by its name, so that it too is always the same."""
    found: dict[str, Mark] = {}
    for name in sorted(targets):
        if name in _MARKS:
            found[name] = _MARKS[name]
            continue
        start = crc32(name.encode())
        choices = [_OTHERS[(start + step) % len(_OTHERS)] for step in range(len(_OTHERS))]
        found[name] = next((mark for mark in choices if mark not in found.values()), choices[0])
    return found


def fill(precision: str) -> str:
    """Which part of a marker is filled for a precision and its like, as matplotlib spells it: full for all others."""
    return next((part for name, part in _FILLS.items() if precision.startswith(name)), "full")
