"""Find a suite, read it, check it whole. A suite is a YAML file, the name of a shipped one, or an ONNX file."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import bench
from bench.errors import SuiteError, UsageError
from bench.suite.defaults import default_suite
from bench.suite.duel import sides_of, unconcerned_targets
from bench.suite.expand import idle_excludes
from bench.suite.meaning import meaning_mistakes
from bench.suite.missing import missing_files
from bench.suite.reading import MAX_BYTES, Document, Mistake, read_document
from bench.suite.schema import Duel, Suite
from bench.suite.shapes import shape_mistakes, show

SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class LoadedSuite:
    """A suite without mistakes, and the text it was read from."""

    suite: Suite
    text: str
    path: Path | None  # None where the suite was made for an ONNX file
    folder: Path  # what the paths in it are relative to
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """How messages call it: its file, or its name."""
        return str(self.path) if self.path else self.suite.suite

    def with_measure(self, **settings: Any) -> "LoadedSuite":
        """Return the suite with other settings of its `measure`."""
        measure = self.suite.measure.model_copy(update=settings)
        return replace(self, suite=self.suite.model_copy(update={"measure": measure}))


def load_suite(source: str | Path) -> LoadedSuite:
    """Return the suite in a YAML file, under a shipped suite's name, or made for one ONNX file.

    Raises SuiteError with every mistake in it, and UsageError where there is no such file.
    """
    path = _find(source)
    if path.suffix.lower() == ".onnx":
        text = default_suite(path)
        return _loaded(text, f"suite for {path.name}", None, path.absolute().parent)
    text = _text_of(path)
    return _loaded(text, str(source) if path == Path(source) else path.name, path, path.absolute().parent)


def with_duel(loaded: LoadedSuite, a: str, b: str) -> LoadedSuite:
    """Return a suite as a duel of side a against side b. Raises UsageError where a side cannot be read.

    Model files that only one side has are models of the suite from then on.
    """
    suite = loaded.suite.model_copy(update={"duel": Duel(a=a, b=b)})
    sides = sides_of(suite, loaded.folder)
    models = {name: model for side in sides for name, model in side.suite.models.items()}
    left = ", ".join(unconcerned_targets(sides))
    warnings = (f"{left}: no part of the duel, since nothing differs there",) if left else ()
    return replace(loaded, suite=suite.model_copy(update={"models": models}), warnings=(*loaded.warnings, *warnings))


def load_text(text: str, name: str = "suite", folder: Path | None = None) -> LoadedSuite:
    """Return the suite in a YAML text; `name` stands for the file in messages. Raises SuiteError."""
    return _loaded(text, name, None, folder or Path.cwd())


def shipped_suites() -> dict[str, Path]:
    """Return the suites that travel with ortbench, by name."""
    package = Path(bench.__file__).parent
    inside = package / "shipped_suites"  # in a wheel; in a checkout they stand beside the package
    folder = inside if inside.is_dir() else package.parent / "suites"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _find(source: str | Path) -> Path:
    path, shipped = Path(source), shipped_suites()
    try:
        if path.is_file():
            return path
        if str(source) in shipped:
            return shipped[str(source)]
        folder = path.is_dir()
        beside = [item.name for item in (path if folder else path.parent).iterdir()] if path.parent.is_dir() else []
    except (OSError, ValueError) as error:  # a name no system takes, or a folder nobody may read
        raise UsageError(f"{show(str(source))} cannot be opened: {error}.", _choices(shipped)) from error
    if folder:
        inside = [name for name in sorted(beside) if name.endswith(SUFFIXES)]
        hint = f"Name a file in it: {', '.join(inside[:8])}." if inside else _choices(shipped)
        raise UsageError(f"{source} is a folder, not a suite.", hint)
    near = get_close_matches(path.name, [*shipped, *beside], n=1)
    known = near and (near[0] if near[0] in shipped else str(path.with_name(near[0])))
    raise UsageError(f"There is no file {source}.", f"Did you mean {known}?" if known else _choices(shipped))


def _choices(shipped: Iterable[str]) -> str:
    return f"Give a suite's YAML file, an ONNX file, or a shipped suite: {', '.join(shipped)}."


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SuiteError([f"{path}: the file is larger than {MAX_BYTES // 1024} KiB"], "A suite is a page of YAML.")
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise SuiteError([f"{path}:{line}:{column}: the file is not UTF-8"], "Save it as UTF-8.") from error


def _loaded(text: str, name: str, path: Path | None, folder: Path) -> LoadedSuite:
    document = read_document(text, name)
    suite = _checked(document)
    doubts = [
        Mistake(("exclude", index), "this matches no cell: it leaves nothing out") for index in idle_excludes(suite)
    ]
    doubts += missing_files(suite, folder)
    loaded = LoadedSuite(suite, text, path, folder, tuple(map(document.sentence, doubts)))
    return with_duel(loaded, suite.duel.a, suite.duel.b) if suite.duel else loaded


def _checked(document: Document) -> Suite:
    """Return the suite a document holds. Raises SuiteError with every mistake in it, in the order of the file."""
    if not isinstance(document.data, dict):
        text = f"found {show(document.data)}, expected a mapping that starts with `suite: its-name`"
        raise SuiteError([document.sentence(Mistake((), text))])
    mistakes = list(document.mistakes)
    unread = {mistake.where for mistake in mistakes}  # values that could not be read have no type to speak of
    try:
        suite = Suite.model_validate(document.data)
    except ValidationError as error:
        mistakes += [found for found in shape_mistakes(error, document.data) if found.where not in unread]
    mistakes += meaning_mistakes(document.data)
    if mistakes:
        ordered = sorted(mistakes, key=lambda mistake: document.place(mistake.where, mistake.at_key))
        sentences = list(dict.fromkeys(map(document.sentence, ordered)))
        raise SuiteError(sentences, "Correct it, then try `ortbench check` again.")
    return suite
