"""`ortbench verify MODEL [--against ORIGIN]`"""

import math
import re
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bench.cli.progress import Watcher
from bench.cli.run import interruptible
from bench.console import err, out
from bench.errors import NothingMeasured

if TYPE_CHECKING:
    from bench.runner.verify import Verification

DIFFERS = 1  # the exit code


def _dims(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, list[int]]:
    found = {}
    for text in given:
        name, _, sizes = text.rpartition("=")
        if not name or not re.fullmatch(r"[1-9]\d{0,8}(,[1-9]\d{0,8})*", sizes):
            raise click.BadParameter(f"`{text}` is not NAME=SIZE or NAME=SIZE,SIZE,...", context, option)
        found[name] = [int(size) for size in sizes.split(",")]
    return found


def _finite(context: click.Context, option: click.Parameter, given: float | None) -> float | None:
    """Refuse what no element could be beyond."""
    if given is not None and not math.isfinite(given):
        raise click.BadParameter(f"`{given}` is no bound", context, option)
    return given


def _opsets(context: click.Context, option: click.Parameter, given: str | None) -> tuple[int, ...] | None:
    """Return the opsets of 13-20, or of 17,21."""
    if given is None:
        return None
    found: list[int] = []
    for part in given.split(","):
        if not (range_ := re.fullmatch(r"\s*(\d{1,3})(?:-(\d{1,3}))?\s*", part)):
            raise click.BadParameter(f"`{given}` is neither 13-20 nor 17,21", context, option)
        first = int(range_[1])
        found += range(first, int(range_[2] or first) + 1)
    if not found or min(found) < 1:
        raise click.BadParameter(f"`{given}` holds no opset", context, option)
    return tuple(dict.fromkeys(found))


@click.command(name="verify")
@click.argument("model", metavar="MODEL")
@click.option(
    "--against", default="", metavar="ORIGIN",
    help="torch:module:function, imported from the current folder, or an ONNX file. Unless told, the catalog's own "
    "module, else the file itself without optimisations.",
)  # fmt: skip
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="TARGET",
    help="Repeat for more; cpu, openvino and openvino-native unless told.",
)
@click.option("--inputs", type=click.IntRange(1, 1000), default=10, show_default=True, metavar="N", help="Input sets.")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, metavar="N", help="Of the input sets."
)
@click.option(
    "--rtol",
    type=click.FloatRange(0),
    callback=_finite,
    default=1e-3,
    show_default=True,
    metavar="X",
    help="Times the reference's element.",
)
@click.option(
    "--atol",
    type=click.FloatRange(0),
    callback=_finite,
    metavar="X",
    help="As numpy.allclose takes it; 1e-5 unless told, times the output's root mean square where over 1.",
)
@click.option(
    "--opsets", callback=_opsets, metavar="LIST", help="Such as 13-20 or 17,21; its own and all later ones unless told."
)
@click.option(
    "--dim",
    "dims",
    multiple=True,
    callback=_dims,
    metavar="NAME=SIZE,...",
    help="Sizes of an open dimension; everything else is checked at the first.",
)
@click.option(
    "--inside/--no-inside", default=True, show_default=True, help="Compare weights, and values in between, by name too."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def command(
    model: str,
    against: str,
    targets: tuple[str, ...],
    inputs: int,
    seed: int,
    rtol: float,
    atol: float | None,
    opsets: tuple[int, ...] | None,
    dims: dict[str, list[int]],
    inside: bool,
    as_json: bool,
) -> int:
    """Check MODEL, an ONNX file or a model of the catalog, against what it was made from.

    Compares outputs on many inputs: of the export, of every target, of every opset, and at several sizes of every
    dimension that is open. Where they part, it names the first node whose output differs. Exits with 1 where anything
    differs, with 4 where a target that is asked for by name did not run.
    """
    from bench.runner.verify import Request, verify
    from bench.runner.verify.findings import TARGETS

    request = Request(
        model, against, tuple(dict.fromkeys(targets)) or TARGETS, inputs, seed, rtol, atol, opsets, dims, inside
    )
    with interruptible(None), Watcher(err()) as watch:
        found = verify(request, watch)
    if as_json:
        from bench.cli.tables import as_json as plain
        from bench.cli.tables import to_json

        click.echo(to_json(plain(asdict(found) | {"differs": found.differs})))
    else:
        _show(found)
    if found.differs:
        return DIFFERS
    if targets and (silent := found.silent):
        raise NothingMeasured(
            f"Nothing differs, and {', '.join(silent)}, asked for by name, did not run.",
            "The table says why, and `ortbench machine` what a target misses.",
        )
    return 0


def _show(found: "Verification") -> None:
    from bench.cli.verified import show_verification

    show_verification(out(), found)
