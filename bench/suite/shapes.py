"""What pydantic finds wrong with a document's shape, as sentences at places of the document."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bench.suite import schema
from bench.suite.near import nearest
from bench.suite.reading import Mistake, Where

MODELS: dict[tuple[str, ...], type[schema.Strict]] = {  # * stands for any key or index
    (): schema.Suite,
    ("models", "*"): schema.Model,
    ("models", "*", "inputs", "*"): schema.Input,
    ("models", "*", "real"): schema.RealInputs,
    ("models", "*", "tolerances", "*"): schema.Tolerance,
    ("targets", "*"): schema.Target,
    ("targets", "*", "tool"): schema.Tool,
    ("targets", "*", "tool", "lists", "*"): schema.ToolList,
    ("precisions", "*"): schema.Precision,
    ("precisions", "*", "tolerance"): schema.Tolerance,
    ("scenarios", "*"): schema.Scenario,
    ("duel",): schema.Duel,
    ("matrix",): schema.Axes,
    ("include", "*"): schema.Axes,
    ("exclude", "*"): schema.Axes,
    ("tolerances", "*"): schema.Tolerance,
    ("measure",): schema.Measure,
}
KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "finite_number": "a finite number",
}
BOUNDS = {
    "greater_than_equal": "a number of {ge} or more",
    "greater_than": "a number above {gt}",
    "less_than_equal": "a number of {le} or less",
    "less_than": "a number below {lt}",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
    "string_too_long": "at most {max_length} characters",
    "literal_error": "{expected}",
}
PATTERNS = {
    "^[0-9a-f]{64}$": "64 hexadecimal digits in lower case",
    r"^[\w.]+:\w+$": "module:function",
    "^[A-Za-z0-9][A-Za-z0-9._-]*$": "a name of letters, digits, dots, dashes and underscores",
}


def shape_mistakes(error: ValidationError, data: object) -> list[Mistake]:
    """Return one mistake for each place, with everything that could have stood there."""
    expected: dict[tuple[Where, bool], list[str]] = {}
    found: list[Mistake] = []
    for detail in error.errors(include_url=False):
        where, at_key = _locate(detail, data)
        if detail["type"] == "extra_forbidden":
            found.append(_unknown_key(where))
        elif detail["type"] == "missing" and isinstance(detail["loc"][-1], int):  # of a list that is always a pair
            found.append(Mistake(where, f"found {show(_at(data, where))}, expected two values"))
        elif detail["type"] == "missing":
            found.append(Mistake(where, f"`{detail['loc'][-1]}` is missing"))
        else:
            expected.setdefault((where, at_key), []).append(_expectation(detail))
    for (where, at_key), kinds in expected.items():
        value = where[-1] if at_key else _at(data, where)
        choices = " or ".join(dict.fromkeys(kinds))
        quotes = ": put it in quotes" if choices == "text" and isinstance(value, int | float) else ""
        found.append(Mistake(where, f"found {show(value)}, expected {choices}{quotes}", at_key))
    return found


def show(value: object) -> str:
    """Return a value of the document as a reader would recognise it, in at most 60 characters."""
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    short = text if len(text) <= 60 else text[:57] + "..."
    kind = next((word for of, word in ((str, "text"), (list, "list"), (dict, "mapping")) if isinstance(value, of)), "")
    return f"the {kind} `{short}`" if kind else f"`{short}`"


def _locate(detail: ErrorDetails, data: object) -> tuple[Where, bool]:
    """Follow an error's location as far as the document goes: pydantic also names branches of unions in it."""
    where: Where = ()
    loc = detail["loc"]
    if detail["type"] == "extra_forbidden":
        return tuple(loc), True
    for part in loc:
        if part == "[key]":
            return where, True
        if _holds(data, part):
            where = (*where, part)
            data = data[part]  # type: ignore[index]
    return where, False


def _holds(data: object, part: str | int) -> bool:
    if isinstance(data, Mapping):
        return part in data
    return isinstance(data, list) and isinstance(part, int) and part < len(data)


def _at(data: Any, where: Where) -> Any:
    for part in where:
        data = data[part]
    return data


def _unknown_key(where: Where) -> Mistake:
    for pattern, model in MODELS.items():
        if len(pattern) == len(where) - 1 and all(
            want in ("*", part) for want, part in zip(pattern, where, strict=False)
        ):
            return Mistake(where, f"unknown key, expected another{nearest(where[-1], model.model_fields)}", True)
    return Mistake(where, "unknown key", True)


def _expectation(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in KINDS:
        return KINDS[kind]
    if kind in BOUNDS:
        return BOUNDS[kind].format(**context).replace("'", "`")
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(context["pattern"], f"text like {context['pattern']}")
    return detail["msg"][:1].lower() + detail["msg"][1:]
