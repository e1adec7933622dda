"""What a session answers to every input set, as .npy files: the same for the reference and for every cell."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Values = dict[str, np.ndarray]
SEQUENCE_STEPS = 10  # of the sequence with its state fed back that verifies a stateful model


def write_outputs(
    infer: Callable[[Values], Values], input_sets: list[dict[str, str]], state: dict[str, str], folder: Path
) -> list[dict[str, str]]:
    """Run every input set, then a sequence from the first with `state` (input -> output) fed back, if there is any.

    Returns a mapping of output name to file in `folder` for each set, the sequence last.
    """
    sets = [{name: np.load(path, allow_pickle=False) for name, path in files.items()} for files in input_sets]
    results = [infer(inputs) for inputs in sets]
    if state:
        results.append(_sequence(infer, sets[0], state))
    return [_write(result, folder, index) for index, result in enumerate(results)]


def write_again(
    infer: Callable[[Values], Values],
    input_sets: list[dict[str, str]],
    repeats: int,
    axes: dict[str, int],
    folder: Path,
) -> dict[str, Any]:
    """Run the first set `repeats` times, then the first item of every set by itself (`axes`: input -> batch axis).

    Returns files as `write_outputs` does, under `repeats` and `singles`; these are None where there are no axes, or
    where the session takes no other batch, with what it said under `refused`.
    """
    sets = [{name: np.load(path, allow_pickle=False) for name, path in files.items()} for files in input_sets]
    again = [_write(infer(sets[0]), folder, index) for index in range(repeats)]
    if not axes:
        return {"repeats": again, "singles": None, "refused": ""}
    try:
        alone = [infer({name: _first(value, axes.get(name)) for name, value in inputs.items()}) for inputs in sets]
    except Exception as error:
        return {"repeats": again, "singles": None, "refused": f"{type(error).__name__}: {error}"[:300]}
    return {
        "repeats": again,
        "singles": [_write(one, folder, repeats + index) for index, one in enumerate(alone)],
        "refused": "",
    }


def _first(value: np.ndarray, axis: int | None) -> np.ndarray:
    return value if axis is None else np.ascontiguousarray(np.take(value, [0], axis=axis))


def _sequence(infer: Callable[[Values], Values], inputs: Values, state: dict[str, str]) -> Values:
    outputs = infer(inputs)
    for _ in range(SEQUENCE_STEPS - 1):
        inputs = {**inputs, **{into: outputs[out] for into, out in state.items()}}
        outputs = infer(inputs)
    return outputs


def _write(outputs: Values, folder: Path, index: int) -> dict[str, str]:
    files = {}
    for number, (name, value) in enumerate(outputs.items()):
        path = folder / f"{index}-{number}.npy"
        array = np.asarray(value)  # text comes as objects: with a width it needs no pickling
        np.save(path, array.astype(str) if array.dtype == object else array, allow_pickle=False)
        files[name] = str(path)
    return files
