"""What a program reports, as figures: from what it wrote by regular expressions, or from a JSON file by keys."""

import json
import re
from math import isfinite
from pathlib import Path
from typing import Any

from bench.contract.status import Failure, Status
from bench.contract.tool import ENOUGH, FIGURES, Tool, enough


def figures(tool: Tool, said: str, report: Path | None, context: str = "") -> dict[str, float]:
    """Return the figures found, by what they are kept as: times in ns, rates a second. All are above zero.

    Raises Failure where what the scenario is about is not among them; `context` ends its sentence.
    """
    values = _keyed(tool.read, _json(report, context)) if report else _matched(tool.read, said)
    found = {}
    for key, text in values.items():
        name, factor = FIGURES[key]
        number = _number(text)
        if number is not None:
            found[name] = number * factor
    if enough(found, tool.scenario):
        return found
    wanted = [key for key in tool.read if any(FIGURES[key][0] in names for names in ENOUGH[tool.scenario])]
    looked = ", ".join(f"{key} as `{tool.read[key]}`" for key in wanted)
    where = f"{report.name}" if report else "what it wrote"
    raise Failure(Status.ERROR, f"nothing in {where} reads as its {tool.scenario} (looked for {looked}){context}")


def _matched(read: dict[str, str], said: str) -> dict[str, Any]:
    found = {key: list(re.finditer(pattern, said, re.MULTILINE)) for key, pattern in read.items()}
    return {key: matches[-1].group(1) for key, matches in found.items() if matches}


def _json(report: Path, context: str) -> Any:
    try:
        return json.loads(report.read_text("utf-8"))
    except OSError as error:
        raise Failure(Status.ERROR, f"it wrote no {report.name}{context}") from error
    except ValueError as error:
        raise Failure(Status.ERROR, f"its {report.name} is no JSON ({error}){context}") from error


def _keyed(read: dict[str, str], data: Any) -> dict[str, Any]:
    found = {key: _follow(data, way.split("/")) for key, way in read.items()}
    return {key: value for key, value in found.items() if value is not None}


def _follow(data: Any, way: list[str]) -> Any:
    for step in way:
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and step.isdigit() and int(step) < len(data):
            data = data[int(step)]
        else:
            return None
    return data


def _number(text: Any) -> float | None:
    """Return a number above zero, None of anything else."""
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if isfinite(number) and number > 0 else None
