"""What a sweep shows while it runs: one live line on a terminal, plain lines elsewhere. Fed by events only."""

from time import monotonic
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from bench.contract.flags import MEANING, Flag
from bench.contract.words import counted
from bench.report.kinds import KINDS, rates
from bench.runner.events import CellDone, Event, Note, Planned, Preparing, RoundEnded, RoundStarted, Stepped

QUIET = {Flag.SYNTHETIC_INPUTS}  # true of nearly every cell: said once, with the result
REASON = 140  # characters of a reason in a line of progress; `ortbench show` has it whole
PLAIN_EVERY_S = 15.0


class Watcher:
    """Use as a context manager; the instance is called with every event of a sweep."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live = console.is_terminal
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:3.0f}%"),
            TextColumn("{task.fields[clock]}", markup=False),
            console=console,
            transient=True,
            refresh_per_second=2,
        )
        self.task = self.bar.add_task("starting", total=1.0, clock="")
        self.began = monotonic()
        self.measuring: float | None = None
        self.where = ""
        self.spoke = 0.0

    def __enter__(self) -> "Watcher":
        if self.live:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.bar.stop()

    def __call__(self, event: Event) -> None:
        match event:
            case Preparing():
                self._describe(f"prepare  {event.what.strip()[:70]}", 0.0)
            case Note():
                self._print(f"! {_short(event.text)}" if event.kind == "warning" else event.text)
            case Planned():
                self._plan(event)
            case RoundStarted():
                self.where = (
                    f"block {event.block_number}/{event.blocks} {event.block} · round {event.round}/{event.rounds}"
                )
                self._describe(self.where)
            case Stepped():
                self._describe(f"{self.where} · {event.label} · {event.phase}")
            case RoundEnded():
                self._describe(self.where, event.share)
            case CellDone():
                self._print(_line(event), _style(event))

    def _plan(self, event: Planned) -> None:
        self.measuring = monotonic()
        prepared = clock_text(self.measuring - self.began)
        counts = [counted(event.cells - event.skipped, "cell"), counted(event.blocks, "block")]
        self._print(
            f"prepared in {prepared}: {counts[0]} to measure in {counts[1]}, {counted(event.rounds, 'round')}; "
            f"{event.skipped} skipped with a reason"
        )

    def _describe(self, text: str, share: float | None = None) -> None:
        self.bar.update(self.task, description=text, completed=share)
        if share is not None or self.measuring is None:
            self.bar.update(self.task, clock=self._clock(share))
        if not self.live and monotonic() - self.spoke >= PLAIN_EVERY_S:
            self.spoke = monotonic()
            self.console.print(Text(f"  {text}"), soft_wrap=True)

    def _clock(self, share: float | None) -> str:
        elapsed = monotonic() - self.began
        if self.measuring is None or not share:
            return clock_text(elapsed)
        left = (monotonic() - self.measuring) * (1 - share) / share
        return f"{clock_text(elapsed)}, about {clock_text(left)} left"

    def _print(self, text: str, style: str = "") -> None:
        self.console.print(Text(text, style), soft_wrap=not self.live)


def clock_text(seconds: float) -> str:
    """Return seconds as a person says them: 48 s, 3 min 20 s, 1 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _line(event: CellDone) -> str:
    counted = f"[{event.number:3d}/{event.total}] {event.cell}"
    if event.cost_ns is None:
        return f"{counted}  x {event.status}: {_short(event.reason)}"
    caveats = [MEANING[Flag(flag)] for flag in event.flags if Flag(flag) not in QUIET]
    told = f"  ^ {'; '.join(caveats)}" if caveats else ""
    spread = "one round"
    if event.trials > 1:
        low, high = sorted((_figure(event, event.low_ns), _figure(event, event.high_ns)))
        spread = f"{_short_number(low)}-{_short_number(high)}, range of {event.trials} rounds"
    kind = KINDS[event.kind]
    figure = kind.told.format(f"{_short_number(_figure(event, event.cost_ns))} {kind.unit or 'ms'}")
    left = "" if event.growth_bytes is None else f", memory {event.growth_bytes / 1024:+,.3g} KiB a cycle"
    return f"{counted}  {figure} ({spread}){left}{told}"


def _short_number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _figure(event: CellDone, cost_ns: float | None) -> float:
    """What a cost is in the unit its kind of scenario is told in: a rate a second, or milliseconds."""
    if not cost_ns:
        return 0.0
    return rates(event.kind, cost_ns, event.batch) if KINDS[event.kind].unit else cost_ns / 1e6


def _style(event: CellDone) -> str:
    if event.cost_ns is None:
        return "red"
    return "yellow" if set(event.flags) - QUIET else ""


def _short(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= REASON else f"{line[:REASON].rsplit(' ', 1)[0]} ..."
