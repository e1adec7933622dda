"""The inputs every target of a block is fed: made once, seeded or from the user's files, written as .npy."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import UsageError
from bench.models.subject import Subject

Shapes = dict[str, tuple[tuple[int, ...], str]]


def shapes_of(subject: Subject, batch: int, dims: dict[str, int]) -> Shapes:
    """Return (shape, dtype) of every input at this batch and these values of the other symbolic dimensions.

    Raises UsageError naming the dimension where one has no value.
    """
    values = {**subject.description.dims, **dims}
    if isinstance(subject.batch, str):
        values[subject.batch] = batch
    found: Shapes = {}
    for name, facts in subject.inputs.items():
        unknown = [size for size in facts.shape if isinstance(size, str) and size not in values]
        if unknown:
            label = unknown[0] or f"{facts.shape.index('')} (unnamed)"
            raise UsageError(
                f"Model {subject.name}: its input `{name}` has the open dimension {label}, and nothing gives its size.",
                f"Give it under `models: {{{subject.name}: {{dims: {{NAME: SIZE}}}}}}`, "
                f"or name the sizes by `inputs: {name}: shape:`.",
            )
        shape = tuple(values[size] if isinstance(size, str) else int(size) for size in facts.shape)
        found[name] = (shape, facts.dtype)
    return found


def write_inputs(
    subject: Subject,
    shapes: Shapes,
    sets: int,
    seed: int,
    folder: Path,
    base: Path,
    real: Sequence[dict[str, str]] = (),
    verified: int = 0,
) -> list[dict[str, str]]:
    """Write `sets` input sets as .npy files; returns name -> file for each. Users' files are relative to `base`.

    `real` holds the files of the inputs that are there already, by set; empty where there are none. Set i of two calls
    with the same seed is the same, whatever the number of sets. With `verified` the sets are for calibration: of users'
    files that many are passed over, where there are more, and of a larger batch the first items are taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    result = []
    for index in range(sets):
        files = {}
        for position, (name, (shape, dtype)) in enumerate(shapes.items()):
            if real and name in real[index]:
                files[name] = real[index][name]
                continue
            fill = subject.description.fills.get(name, {})
            if "files" in fill:
                given = fill["files"][verified:] or fill["files"]
                value = _from_file(subject.name, name, base / given[index % len(given)], shape, dtype, verified > 0)
            else:
                value = _seeded(fill, shape, dtype, np.random.default_rng([seed, index, position]))
            path = folder / f"{index}-{position}.npy"
            np.save(path, value, allow_pickle=False)
            files[name] = str(path)
        result.append(files)
    return result


def verified_files(subject: Subject, verified: int) -> list[str]:
    """Return the inputs whose files are all among the first `verified`, so that none is left to calibrate with."""
    fills = subject.description.fills
    return [name for name in subject.inputs if 0 < len(fills.get(name, {}).get("files", ())) <= verified]


def is_synthetic(subject: Subject, real: Collection[str]) -> bool:
    """Return whether any input that varies is seeded noise; `real` are those that are not."""
    fills = [subject.description.fills.get(name, {}) for name in subject.inputs if name not in real]
    return any("files" not in fill and "constant" not in fill for fill in fills)


def _seeded(fill: dict[str, Any], shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> Any:
    if "constant" in fill:
        return np.full(shape, fill["constant"]).astype(dtype)
    if "integers" in fill:
        low, high = fill["integers"]
        return rng.integers(int(low), int(high), shape, endpoint=True).astype(dtype)
    if "uniform" in fill:
        low, high = fill["uniform"]
        return rng.uniform(low, high, shape).astype(dtype)
    kind = np.dtype(dtype).kind
    if "normal" in fill or kind == "f":
        mean, deviation = fill.get("normal", (0.0, 1.0))
        return rng.normal(mean, deviation, shape).astype(dtype)
    return rng.integers(0, 2, shape).astype(dtype)  # ids and flags that nothing describes: 0 and 1 are always valid


def _from_file(model: str, name: str, path: Path, shape: tuple[int, ...], dtype: str, cut: bool) -> Any:
    try:
        value = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"Model {model}: the file {path} for input `{name}` cannot be read: {error}", "It must be a .npy file."
        ) from error
    if shape and value.shape != shape and value.shape[1:] == shape[1:] and value.shape[0] == 1:
        value = np.repeat(value, shape[0], axis=0)
    if cut and shape and value.shape[1:] == shape[1:] and len(value) > shape[0]:
        value = value[: shape[0]]
    if value.shape != shape:
        raise UsageError(
            f"Model {model}: {path} holds shape {value.shape}, and input `{name}` needs {shape}.",
            "Give files with that shape, or with a first dimension of 1, which is repeated over the batch.",
        )
    return np.ascontiguousarray(value.astype(dtype))
