"""What a model is compared with: its torch module, another ONNX file, or its own file without optimisations."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import catalog
from bench.contract.job import Workload
from bench.contract.status import Failure
from bench.environments import Environment
from bench.errors import UsageError
from bench.models.origins import local
from bench.models.subject import Subject
from bench.models.variants import Workshop
from bench.process import run_job
from bench.runner.verify.findings import refused
from bench.runner.verify.runner import Runner, on_cpu

TORCH = "torch:"


@dataclass(frozen=True)
class Factory:
    """A torch factory and where it is imported from; `checkpoint` is the catalog's folder of weights, else ""."""

    name: str
    paths: list[str]
    checkpoint: str = ""

    def arguments(self) -> dict[str, Any]:
        return {"factory": self.name, "paths": self.paths, "checkpoint": self.checkpoint}


@dataclass(frozen=True)
class Origin:
    """`runner` gives its outputs. `file` is another ONNX file, `factory` a torch module; neither: the file itself."""

    words: str
    runner: Runner
    file: Path | None = None
    factory: Factory | None = None
    order: tuple[str, ...] = ()  # of a module's inputs, where that may be another than the model's

    @property
    def itself(self) -> bool:
        return self.file is None and self.factory is None


def factory_given(against: str) -> Factory | None:
    """Return the factory `torch:module:function` names, imported from the current folder. Raises UsageError."""
    if not against.startswith(TORCH):
        return None
    name = against.removeprefix(TORCH)
    if not _factory_in(name):
        raise UsageError(
            f"`{against}` names no factory.", "Write it as torch:module:function, such as torch:mymodel:make."
        )
    return Factory(name, [str(Path.cwd())])


def _factory_in(name: str) -> bool:
    module, _, function = name.partition(":")
    return function.isidentifier() and all(part.isidentifier() for part in module.split("."))


def examples_of(shop: Workshop, torch: Environment, factory: Factory) -> dict[str, Any]:
    """Return shape, dtype and range of a factory's example inputs.

    Raises UsageError where it cannot be used, or makes another module each time: it is called in several processes.
    """
    try:
        found: dict[str, Any] = run_job(torch.python, shop.folder, "examples", **factory.arguments())
        # A module that seeds when it is imported makes the same once a process: then only another process tells.
        other = found if found["steady"] else run_job(torch.python, shop.folder, "examples", **factory.arguments())
    except Failure as failure:
        hint = f"It is imported from {factory.paths[0]}, in an environment of {', '.join(_packages())}."
        raise refused("The origin cannot be made", failure, hint) from failure
    if other["digest"] != found["digest"]:
        raise UsageError(
            f"`{factory.name}` makes other weights each time it is called, so that no file can agree with it.",
            "Load the weights that were exported, or call torch.manual_seed first.",
        )
    inputs: dict[str, Any] = found["inputs"]
    return inputs


def origin_of(
    subject: Subject,
    against: str,
    factory: Factory | None,
    examples: dict[str, Any],
    shop: Workshop,
    torch: Callable[[], Environment],
    threads: int,
    scratch: Path,
) -> Origin:
    """Return what `against` names; without it, the model's own factory or its own file. Raises UsageError."""
    own = subject.description.factory
    if not against and own:
        factory = Factory(own, subject.factory_paths, subject.checkpoint)
    if factory:
        row = catalog.targets()["torch"]
        workload = Workload(
            factory.checkpoint, "torch", "fp32", threads, mode=row.mode,
            factory=factory.name, factory_paths=factory.paths,
        )  # fmt: skip
        names = _renamed(subject, list(examples)) if examples else {}
        runner = Runner(row.label, torch().python, shop.folder, "torch_native", workload, scratch, names=names)
        return Origin(f"torch:{factory.name}", runner, factory=factory, order=tuple(examples))
    if not against:
        words = "the file as stored, ORT CPU without optimisations"
        return Origin(words, on_cpu(shop.tools.python, shop.folder, subject.onnx, threads, scratch))
    if not Path(against).is_file() and _factory_in(against):
        raise UsageError(f"There is no file {against}.", f"For a factory, write torch:{against}.")
    path = Path(local(Path(against)).location)
    try:
        found = shop.job("inspect", model=str(path))
    except Failure as failure:
        raise refused("The origin cannot be read", failure, "Give a whole .onnx file.") from failure
    runner = on_cpu(shop.tools.python, shop.folder, path, threads, scratch)
    names = _renamed(subject, list(found["inputs"]))
    return Origin(against, replace(runner, names=names), file=path)


def _renamed(subject: Subject, theirs: list[str]) -> dict[str, str]:
    """Return what the origin calls the model's inputs: the same, else by position. Raises UsageError."""
    ours = list(subject.inputs)
    if set(ours) == set(theirs):
        return {}
    if len(ours) != len(theirs):
        raise UsageError(
            f"{subject.name} takes {', '.join(ours)}, and the origin takes {', '.join(theirs)}.",
            "Both have to take the same inputs: by name, or as many of them in the same order.",
        )
    return dict(zip(ours, theirs, strict=True))


def _packages() -> list[str]:
    return catalog.runtimes()["torch"].requirements
