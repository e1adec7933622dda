"""What a session answers to every input set, as .npy files: the same for the reference and for every cell."""

from collections.abc import Callable
from pathlib import Path

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
