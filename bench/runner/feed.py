"""What a model is fed: input sets that are verified, others that recipes calibrate with, and which are real."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.contract.status import Failure, Status
from bench.errors import BenchError, UsageError
from bench.models.inputs import Shapes, is_synthetic, shapes_of, verified_files, write_inputs
from bench.models.real_inputs import real_of, real_sets
from bench.models.subject import Subject
from bench.models.variants import Workshop, key_of
from bench.suite.cells import Block, Cell

INPUT_SETS = 4  # the first is timed; all are verified

Sets = list[dict[str, str]]


@dataclass(frozen=True)
class Inputs:
    """Input sets (input name -> .npy), a hash of what they hold, and which inputs are no noise."""

    sets: Sets
    key: str
    real: frozenset[str]
    synthetic: bool  # whether any input that varies is noise
    remark: str = ""  # what a row that depends on them has to say


@dataclass
class Feeder:
    shop: Workshop
    seed: int
    scratch: Path
    base: Path  # that users' files are relative to
    step: Callable[[str], None]
    note: Callable[[str], None]
    out_of_reach: dict[str, str] = field(default_factory=dict)  # model -> why the files of its real inputs are

    def verified(self, subject: Subject, block: Block) -> Inputs:
        """Return the sets that every cell of a block is fed. Raises UsageError where the suite's cannot be."""
        shapes = shapes_of(subject, block.batch, dict(block.dims))
        real = self._real(subject, shapes, INPUT_SETS, f"{block.id}: its inputs are", held_out=False)
        folder = self.scratch / "inputs" / key_of(block.model, shapes)
        sets = write_inputs(subject, shapes, INPUT_SETS, self.seed, folder, self.base, real)
        return self._inputs(subject, shapes, sets, real)

    def calibration(self, subject: Subject, samples: int, shaped: Cell | None = None) -> Inputs:
        """Return `samples` sets, others than those that are verified; without any one, to try a variant with.

        They have batch 1 and the model's own dims, or the sizes of the cell they are `shaped` like. Raises Failure
        where the suite's own do not fit these.
        """
        try:
            return self._calibration(subject, samples, shaped)
        except UsageError as error:
            raise Failure(Status.ERROR, f"no inputs to calibrate with: {error.message}") from error

    def _calibration(self, subject: Subject, samples: int, shaped: Cell | None) -> Inputs:
        shapes = shapes_of(subject, shaped.batch if shaped else 1, dict(shaped.dims) if shaped else {})
        what = f"{subject.name}, batch {shaped.batch if shaped else 1}: it is calibrated with" if samples else ""
        sets = max(1, samples)
        real = self._real(subject, shapes, sets, what, held_out=samples > 0)
        folder = self.scratch / "calibration" / key_of(subject.name, shapes)
        made = write_inputs(subject, shapes, sets, self.seed + 1, folder, self.base, real, verified=INPUT_SETS)
        same = verified_files(subject, INPUT_SETS) if samples else []
        remark = ""
        if same:
            remark = f"calibrated with the files that are verified: {', '.join(same)} has no more than {INPUT_SETS}"
            self.note(f"{subject.name}: it is {remark}. Give more, so that its accuracy is not that of known data.")
        different = len({tuple(each.values()) for each in real})
        if real and 2 * different <= samples:
            remark = f"calibrated with the same {different} input sets again and again: its files hold no more"
            self.note(f"{subject.name}: it is {remark}. Give more files, so that ranges are found on more.")
        return self._inputs(subject, shapes, made, real, remark)

    def _inputs(self, subject: Subject, shapes: Shapes, sets: Sets, real: Sets, remark: str = "") -> Inputs:
        names = frozenset(real[0]) if real else frozenset[str]()
        return Inputs(sets, self._key(subject, shapes, real), names, is_synthetic(subject, names), remark)

    def _real(self, subject: Subject, shapes: Shapes, sets: int, what: str, held_out: bool) -> Sets:
        """Return the inputs that are no noise, by set; empty, with a note that begins with `what`, where it has none.

        Files that could not be had once are not asked for again, but every time it matters it is said.
        """
        real = real_of(subject, self.base)
        if real is None:
            return []
        why = self.out_of_reach.get(subject.name)
        if not why:
            self.step(f"real inputs of {subject.name}")
            try:
                return real_sets(self.shop, real, shapes, sets, held_out)
            except UsageError:  # the suite's own files: noise in their place is not what was asked for
                raise
            except BenchError as error:
                why = self.out_of_reach[subject.name] = str(error)
            except Failure as error:  # of these shapes: others may do
                why = str(error)
        if what:
            self.note(f"{what} seeded noise, for real ones could not be had: {why}")
        return []

    def _key(self, subject: Subject, shapes: Shapes, real: Sets) -> str:
        fills = subject.description.fills
        files = [
            hashlib.sha256((self.base / file).read_bytes()).hexdigest()
            for fill in fills.values()
            for file in fill.get("files", ())
        ]
        origins = [Path(path).parent.name for each in real[:1] for path in each.values()]  # named after what they hold
        return key_of(self.seed, shapes, fills, files, INPUT_SETS, origins)
