"""What the options of a recipe may be, checked before anything is converted."""

from collections.abc import Iterator, Mapping
from typing import Any

from bench import catalog
from bench.suite.near import nearest
from bench.suite.reading import Mistake, Where

# The values that options take, by method and option, where not every value of the default's type means something.
INT8 = ("QInt8", "QUInt8")
CHOICES: dict[tuple[str, str], tuple[object, ...]] = {
    ("quantize_dynamic", "weight_type"): INT8,
    ("quantize_dynamic", "operators"): (
        "Attention",
        "Conv",
        "EmbedLayerNormalization",
        "Gather",
        "Gemm",
        "LSTM",
        "MatMul",
        "Transpose",
    ),
    ("quantize_static", "activation_type"): INT8,
    ("quantize_static", "weight_type"): INT8,
    ("quantize_static", "format"): ("QDQ", "QOperator"),
    ("quantize_static", "calibration"): ("Entropy", "MinMax", "Percentile"),
    ("matmul_nbits", "format"): ("QDQ", "QOperator"),
    ("matmul_nbits", "block_size"): (16, 32, 64, 128, 256),
    ("matmul_nbits", "accuracy_level"): (0, 1, 2, 3, 4),
}
LIMITS: dict[tuple[str, str], tuple[float, float]] = {
    ("quantize_static", "calibration_samples"): (1, 1024),
    ("quantize_static", "percentile"): (50, 100),
}
ONLY_WITH = {("quantize_static", "percentile"): ("calibration", "Percentile")}  # an option -> what it belongs to
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", list: "a list of texts"}


def option_mistakes(where: Where, name: object, options: object) -> Iterator[Mistake]:
    """Yield what is wrong with the options that a suite gives a recipe of the catalog, `name`."""
    row = catalog.precisions().get(catalog.precision_names().get(str(name), ""))
    if row is None or not isinstance(options, Mapping):
        return
    for option, value in options.items():
        place = (*where, option)
        if option not in row.options:
            known = nearest(option, row.options) if row.options else ": it takes none"
            yield Mistake(place, f"found `{option}`, expected an option of {row.name}{known}", True)
        elif text := _wrong(row.options[option], value, (row.method, option)):
            yield Mistake(place, text)
        elif needed := ONLY_WITH.get((row.method, option)):
            other, wanted = needed
            if value != row.options[option] and options.get(other, row.options[other]) != wanted:
                yield Mistake(place, f"found `{option}`, expected it only beside `{other}: {wanted}`", True)


def _wrong(default: object, value: object, key: tuple[str, str]) -> str:
    """Return what is wrong with the value of an option, "" where nothing is."""
    is_texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
    if not (is_texts if isinstance(default, list) else _same_kind(default, value)):
        kind = "the text " if isinstance(value, str) else ""
        return f"found {kind}`{_short(value)}`, expected {KINDS[type(default)]}"
    if (choices := CHOICES.get(key)) is not None:
        for each in value if isinstance(value, list) else [value]:
            if each not in choices:
                near = (
                    nearest(each, map(str, choices)) if isinstance(each, str) else f" ({', '.join(map(str, choices))})"
                )
                return f"found `{_short(each)}`, expected one of its values{near}"
    if limits := LIMITS.get(key):
        number: Any = value
        if not limits[0] <= number <= limits[1]:
            return f"found {number}, expected {limits[0]:g} to {limits[1]:g}"
    return ""


def _same_kind(default: object, value: object) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    return isinstance(value, int | float if isinstance(default, float) else type(default))


def _short(value: object) -> str:
    return str(value)[:60]
