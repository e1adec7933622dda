"""A verification from end to end: the model, its origin, then every check in turn."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import catalog
from bench.contract.status import Failure
from bench.environments import Environment, cache_root, disk_errors, ensure, spec_for, tools_spec
from bench.environments.machine import usable_cores
from bench.errors import NothingMeasured
from bench.models.inputs import shapes_of, write_inputs
from bench.models.subject import Description
from bench.models.variants import Workshop
from bench.process import worker_folder
from bench.runner.events import Note, Preparing, Watch
from bench.runner.verify import checks, opsets
from bench.runner.verify.context import Context
from bench.runner.verify.findings import Check, Request, Verdict, Verification, refused
from bench.runner.verify.judging import Bound
from bench.runner.verify.origins import Origin, examples_of, factory_given, origin_of
from bench.runner.verify.parting import outline
from bench.runner.verify.runner import InputSet, OutputFiles, on_cpu, optimised, places
from bench.runner.verify.subject import Verified, find, refuse_unknown, suite_for

ATOL = 1e-5


def verify(request: Request, watch: Watch | None = None) -> Verification:
    """Check a model against its origin, on every target, opset and size that is asked for.

    Raises UsageError (no such model, origin, dimension), EnvironmentFailed (also of a full disk), and NothingMeasured
    where it runs nowhere.
    """
    home = cache_root() / "scratch"
    own = f"{os.getpid()}-"  # by which a sweep knows what a killed process left behind
    with disk_errors(home):
        home.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.mkdtemp(dir=home, prefix=own)
    try:
        with disk_errors(home):
            return _Flow(request, Path(scratch), watch or (lambda _: None)).run()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class _Flow:
    def __init__(self, request: Request, scratch: Path, watch: Watch) -> None:
        self.request = request
        self.scratch = scratch
        self.watch = watch
        self.step = 0
        self.steps = 7 + len(request.targets)

    def run(self) -> Verification:
        context = self._prepared()
        found: list[Check] = []
        for check in self._checks(context, found):
            found.append(check)
            self._tell(check)
        return Verification(
            model=self.request.model,
            source=context.verified.subject.source,
            origin=context.origin.words,
            inputs=self.request.inputs,
            seed=self.request.seed,
            rtol=context.bound.rtol,
            atol=context.bound.atol,
            of_largest=context.bound.of_largest,
            of_typical=context.bound.of_typical,
            sizes=context.verified.sizes,
            checks=found,
            notes=context.notes,
        )

    def _checks(self, context: Context, before: list[Check]) -> Iterator[Check]:
        wanted = opsets.chosen(context.outline, self.request.opsets)
        self._next(f"{len(wanted)} opsets, {'exported' if context.origin.factory else 'converted'}")
        own = [context.outline.opset] if context.origin.factory and context.outline.opset else []
        opsets.make(context, list(dict.fromkeys([*own, *(each for each in wanted if each != context.outline.opset)])))
        self._next("the export")
        yield from checks.export(context, self.request.inside)
        differs = any(check.verdict == Verdict.DIFFERS for check in before)
        if self.request.inside:
            yield from checks.weights(context)
        loaded = suite_for(context.verified, self.request.targets, self.request.seed)
        ready = places(loaded, self.scratch, self._prepare)
        yield from checks.targets(context, ready, differs, self._next)
        self._refuse_to_go_on(before)
        self._next("opsets")
        yield from opsets.as_stored(context, wanted, differs)
        yield from opsets.on_targets(context, wanted, ready, before)
        self._next("sizes")
        yield from checks.sizes(context, differs)

    def _refuse_to_go_on(self, found: list[Check]) -> None:
        """Raise NothingMeasured where the file ran neither as it is stored nor on any target."""
        places = [check for check in found if check.kind in ("export", "target")]
        if not any(check.verdict in (Verdict.AGREES, Verdict.DIFFERS) for check in places):
            why = "; ".join(f"{check.name}: {check.verdict}: {check.reason}" for check in places)
            raise NothingMeasured(
                f"{self.request.model} runs on none of its targets. {why}", "`ortbench machine` lists every target."
            )

    def _prepared(self) -> Context:
        request = self.request
        refuse_unknown(request.targets)
        self._next("environment for the tools")
        shop = Workshop(ensure(tools_spec()), worker_folder(cache_root()), {})
        given = factory_given(request.against)
        examples = examples_of(shop, _torch(), given) if given else {}
        self._next(f"model {request.model}")
        verified, file, origin = self._origin(shop, given, examples)
        self._next("the origin's outputs")
        verified, sets, expected, notes = self._expected(verified, origin)
        subject = verified.subject
        stored = on_cpu(shop.tools.python, shop.folder, subject.onnx, usable_cores(), self.scratch)
        return Context(
            shop=shop, torch=_torch, verified=verified, outline=file, origin=origin, stored=stored,
            optimised=optimised(stored), bound=bound_of(request, subject.description), sets=sets,
            expected=expected, seed=request.seed, scratch=self.scratch, say=self._say, notes=_notes(verified) + notes,
        )  # fmt: skip

    def _expected(
        self, verified: Verified, origin: Origin
    ) -> tuple[Verified, list[InputSet], list[OutputFiles], list[str]]:
        """Return the origin's outputs of the input sets, and at which sizes: a file may run at batch 1 alone."""
        sets, found = self._tried(verified, origin, "inputs")
        if isinstance(found, Failure) and origin.itself and (single := verified.one_by_one):
            again, outputs = self._tried(single, origin, "inputs-1")
            if not isinstance(outputs, Failure):
                told = f"It does not run at batch {verified.batch}, so that all but sizes is checked at batch 1."
                return single, again, outputs, [told]
        if isinstance(found, Failure):
            raise NothingMeasured(
                f"The origin, {origin.words}, does not run: {found.status}: {found.reason}",
                "Correct its inputs' sizes with `--dim NAME=SIZE`, or the origin itself.",
            )
        return verified, sets, found, []

    def _tried(self, verified: Verified, origin: Origin, folder: str) -> tuple[list[InputSet], Any]:
        subject, request = verified.subject, self.request
        shapes = shapes_of(subject, verified.batch, {})
        sets = write_inputs(
            subject, shapes, request.inputs, request.seed, self.scratch / folder, verified.loaded.folder
        )
        return sets, origin.runner.attempt(sets, subject.description.state)

    def _origin(self, shop: Workshop, given: Any, examples: dict[str, Any]) -> tuple[Verified, Any, Origin]:
        request = self.request
        try:
            verified = find(request.model, shop, _torch, request.dims, examples)
            file = outline(shop, verified.subject.onnx)
        except Failure as failure:
            raise refused(f"{request.model} cannot be verified", failure) from failure
        return (
            verified,
            file,
            origin_of(verified.subject, request.against, given, examples, shop, _torch, usable_cores(), self.scratch),
        )

    def _next(self, what: str) -> None:
        self.step = min(self.step + 1, self.steps)
        self._say(what)

    def _say(self, what: str) -> None:
        self.watch(Preparing(what, self.step, self.steps))

    def _prepare(self, event: Any) -> None:
        """Pass on what the preparation of targets says, but not its notes: those are rows here."""
        if isinstance(event, Preparing):
            self._say(event.what)

    def _tell(self, check: Check) -> None:
        if check.verdict == Verdict.DIFFERS:
            self.watch(Note(f"{check.label} differs", "warning"))


def _torch() -> Environment:
    return ensure(spec_for(catalog.targets()["torch"]))


def bound_of(request: Request, about: Description) -> Bound:
    """Return the bound of outputs. Inputs are noise, so what the catalog says of noise counts.

    One that is asked for is numpy.allclose's own. Else 1e-5 is in units of the typical element where that is over 1: of
    blazeface's coordinates, tens large, ORT's own optimisations move some near 0 by 6e-5.

    A file that somebody quantised has the bounds of what it is, as in a sweep.
    """
    if request.atol is not None:
        return Bound(request.rtol, request.atol)
    kind = catalog.precision_names().get(about.stored, about.stored)
    own = about.noise_tolerances.get(kind, {}) | about.tolerances.get(kind, {})
    return Bound(request.rtol, ATOL, of_largest=own.get("absolute", 0.0), of_typical=ATOL)


def _notes(verified: Verified) -> list[str]:
    notes = [
        f"Nothing tells the size of `{name}`: {verified.sizes[name]} is a guess; `--dim {name}=SIZE` sets it."
        for name in verified.guessed
    ]
    row, stored = verified.subject.description.row, verified.subject.description.stored
    if stored != "fp32":
        notes.append(
            f"It is stored as {stored.upper()}: where a kernel rounds to the other side, an output moves by a whole "
            "step. A difference between targets is no fault until it is judged as a sweep does it."
        )
    if row and row.constant_output:
        notes.append("The outputs of this model depend on no input, so that agreeing says little.")
    return notes
