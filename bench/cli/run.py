"""`ortbench run SUITE`"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from bench.cli.progress import Watcher
from bench.console import err, out
from bench.errors import BenchError, UsageError
from bench.suite import load_suite


@click.command(name="run")
@click.argument("suite", metavar="SUITE")
@click.option("--out", "folder", default="results", show_default=True, type=click.Path(path_type=Path))
@click.option("--preset", type=click.Choice(["quick", "standard", "precise"]), help="Overrides the suite's own.")
@click.option(
    "--report/--no-report", "wants_report", default=True, show_default=True, help="Write the HTML report too."
)
@click.option("--reports", default="reports", show_default=True, type=click.Path(path_type=Path), help="Its folder.")
def command(suite: str, folder: Path, preset: str | None, wants_report: bool, reports: Path) -> None:
    """Measure SUITE: a YAML file, a shipped suite by name, or one ONNX file."""
    loaded = load_suite(suite)
    for warning in loaded.warnings:
        err().print(f"! {warning}", markup=False, soft_wrap=True)
    if loaded.path is None:
        out().print(loaded.text, markup=False, soft_wrap=True)
    from bench.runner import run

    with interruptible(folder), Watcher(out()) as watch:
        path = run(loaded, folder, preset, watch)  # type: ignore[arg-type]  # click checked the choice
    conclude(path, reports if wants_report else None)


def conclude(path: Path, reports: Path | None) -> None:
    """Show a finished run and where its files are."""
    from bench.cli.show import command as show

    if reports is not None:
        from bench.report import write_report

        page = write_report([path], reports / path.stem)
    show.main([str(path)], standalone_mode=False)
    if reports is not None:
        out().print(f"{path} · {page}", markup=False, soft_wrap=True)


@contextmanager
def interruptible(place: Path | None) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal end the work cleanly, and say how to go on.

    `place` is the journal that is gone on with, or the folder in which one begins; None where none is kept.
    """
    started = set(_journals(place)) if place and place.is_dir() else set()

    def left() -> list[Path]:
        return [path for path in _journals(place) if path not in started]

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {}
    for name in ("SIGTERM", "SIGHUP"):
        if (number := getattr(signal, name, None)) is not None:
            before[number] = signal.signal(number, stop)
    try:
        yield
    except KeyboardInterrupt:
        hint = (
            f"Finished trials are kept. Go on with `ortbench resume {kept[-1]}`."
            if (kept := left())
            else ("Nothing was measured yet." if place else "Nothing is kept: begin again.")
        )
        err().print(f"Interrupted. {hint}", markup=False, soft_wrap=True)
        sys.exit(130)
    except BenchError as error:
        if not isinstance(error, UsageError) and (kept := left()):  # a full disk, say: what was measured is kept
            error.hint = f"{error.hint} Then `ortbench resume {kept[-1]}`.".strip()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _journals(place: Path | None) -> list[Path]:
    if place is None:
        return []
    if place.is_dir():
        return sorted(place.glob("*.journal"))
    return [place] if place.exists() else []
