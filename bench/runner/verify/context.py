"""What every check of a verification works with, made once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.environments import Environment
from bench.models.inputs import shapes_of, write_inputs
from bench.models.variants import Workshop
from bench.runner.verify.judging import Bound
from bench.runner.verify.origins import Origin
from bench.runner.verify.parting import Outline, Search, outline
from bench.runner.verify.runner import InputSet, OutputFiles, Runner
from bench.runner.verify.subject import Verified

SETS_OF_A_SIZE = 2


@dataclass
class Context:
    """`expected` are the origin's outputs of `sets`, with the state-fed sequence at the end for a model with state.

    stored: the file on ORT's CPU provider without optimisations; optimised: with them.
    """

    shop: Workshop
    torch: Callable[[], Environment]
    verified: Verified
    outline: Outline
    origin: Origin
    stored: Runner
    optimised: Runner
    bound: Bound
    sets: list[InputSet]
    expected: list[OutputFiles]
    seed: int
    scratch: Path
    say: Callable[[str], None]
    notes: list[str] = field(default_factory=list)
    exports: dict[int, Path] = field(
        default_factory=dict
    )  # by opset: the origin's module exported, or the file converted
    refused: dict[int, str] = field(default_factory=dict)  # opset -> why there is none
    tensors: dict[str, str] = field(default_factory=dict)  # of the origin's module by name, once it was recorded

    outlines: dict[Path, Outline] = field(default_factory=dict)  # of other files, once they were read

    @property
    def search(self) -> Search:
        return Search(self.shop, self.scratch, self.bound, self.say)

    def outline_of(self, model: Path) -> Outline:
        """Return the nodes of another file. Raises Failure where it cannot be read."""
        if model not in self.outlines:
            self.outlines[model] = outline(self.shop, model)
        return self.outlines[model]

    def sets_at(self, dimension: str, size: int) -> list[InputSet]:
        """Return input sets with one dimension at another size."""
        subject = self.verified.subject
        batch = size if dimension == subject.batch else self.verified.batch
        shapes = shapes_of(subject, batch, {dimension: size})
        folder = self.scratch / "sizes" / f"{list(self.verified.sizes).index(dimension)}-{size}"
        return write_inputs(subject, shapes, SETS_OF_A_SIZE, self.seed, folder, self.verified.loaded.folder)
