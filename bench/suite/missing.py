"""Files that a suite names and that are not there: a warning, for a suite may be checked on another machine."""

from collections.abc import Iterator
from pathlib import Path

from bench import catalog
from bench.suite.reading import Mistake, Where
from bench.suite.schema import Model, Suite


def missing_files(suite: Suite, folder: Path) -> Iterator[Mistake]:
    """Yield each file of the suite's models, relative to `folder`, that is not there."""
    for name, model in suite.models.items():
        for where, file in _files(model):
            if not (folder / file).exists():
                yield Mistake(("models", name, *where), f"there is no {folder / file} on this machine")


def _files(model: Model) -> Iterator[tuple[Where, str]]:
    for key in ("path", "tflite", "saved_model"):
        if file := getattr(model, key):
            yield (key,), file
    for name, given in model.inputs.items():
        for index, file in enumerate(given.files or ()):
            yield ("inputs", name, "files", index), file
    if model.real:
        for index, file in enumerate(model.real.files):
            yield ("real", "files", index), file
        if (tokenizer := model.real.tokenizer) and tokenizer not in catalog.models():
            yield ("real", "tokenizer"), tokenizer
