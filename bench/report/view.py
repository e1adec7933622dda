"""The page as data: everything the template shows, in order, with nothing left for it to decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bench import __version__
from bench.report import details, headline, numbers, resources, results, scenarios, why, words
from bench.report.charts.chart import Chart, Key
from bench.report.charts.pareto import READING, pareto
from bench.report.charts.series import model_charts
from bench.report.charts.speedup import speedup
from bench.report.charts.symbols import symbols
from bench.report.comparison.view import CompareView
from bench.report.details import Conversion, Environment, Fact
from bench.report.entries import Entry
from bench.report.headline import Headline, Mean
from bench.report.results import Caveat, Table
from bench.report.scenarios import ScenarioView
from bench.report.scope import Scope
from bench.report.why import Told
from bench.report.words import State


@dataclass(frozen=True)
class Matrix:
    """Geometric means, a row a target and a column a precision, or the other way round where that is narrower.

    Columns and rows are named with what they are the mean over, which is said of precisions.
    """

    by_precision: bool  # a row a precision
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[tuple[str, str], tuple[Entry, ...]], ...]


@dataclass(frozen=True)
class Model:
    id: str
    name: str
    facts: tuple[Fact, ...]
    fastest: tuple[str, ...]
    conversions: tuple[Conversion, ...]
    keys: tuple[Key, ...]  # of all its charts
    charts: tuple[Chart, ...]
    slower: tuple[Told, ...]


@dataclass(frozen=True)
class Section:
    """A part of a run with charts only. `empty` says why where there are none."""

    id: str
    title: str
    text: str
    charts: tuple[Chart, ...]


@dataclass(frozen=True)
class RunView:
    prefix: str
    suite: str
    date: str
    started: str  # with the time, which tells the runs of one day apart
    machine: str
    downloads: tuple[tuple[str, str], ...]  # label, file name beside the page
    caveats: tuple[Caveat, ...]
    headline: Headline
    tally: tuple[tuple[State, int], ...]
    side: tuple[Fact, ...]
    matrix: Matrix | None
    speedup: Chart | None
    table: Table
    scenarios: tuple[ScenarioView, ...]
    models: tuple[Model, ...]
    sections: tuple[Section, ...]
    versions: tuple[Fact, ...]
    machine_facts: tuple[Fact, ...]
    after: tuple[Fact, ...]
    spent: tuple[Fact, ...]
    environments: tuple[Environment, ...]
    command: str
    suite_text: str
    symbols: Markup


@dataclass(frozen=True)
class Page:
    title: str
    note: str
    runs: tuple[RunView, ...]
    glossary: tuple[Fact, ...]
    version: str
    compared: CompareView | None = None  # comes before the runs


def page(scopes: Sequence[Scope], downloads: Sequence[Mapping[str, str]]) -> Page:
    """The whole page. `downloads` maps labels to file names, one mapping a run."""
    runs = tuple(run_view(scope, files) for scope, files in zip(scopes, downloads, strict=True))
    machines = list(dict.fromkeys(run.machine for run in runs))
    note = ""
    if len(runs) > 1:
        note = f"{len(runs)} runs, each with its own section. Runs are not compared with each other here: what was "
        note += "measured at another time, or on another machine, differs by more than what it is meant to show."
        if len(machines) > 1:
            note += f" These runs come from {len(machines)} machines."
    title = (
        f"{runs[0].suite} · {runs[0].date} · {runs[0].machine}" if len(runs) == 1 else f"{len(runs)} runs of ortbench"
    )
    return Page(title, note, runs, words.GLOSSARY, __version__)


def run_view(scope: Scope, downloads: Mapping[str, str]) -> RunView:
    """One run. Draws its charts, which is what takes the time."""
    meta = scope.meta
    means = headline.means(scope.frame)
    machine = meta.get("machine", {})
    return RunView(
        prefix=scope.prefix,
        suite=_suite_name(scope),
        date=str(meta.get("started_at", ""))[:10],
        started=str(meta.get("started_at", ""))[:16].replace("T", " "),
        machine=details.machine_name(meta),
        downloads=tuple(downloads.items()),
        caveats=results.caveats(scope),
        headline=headline.headline(scope, means),
        tally=results.tally(scope),
        side=(
            ("Baseline", scope.baseline),
            ("Machine", details.machine_name(meta)),
            ("Method", details.method(scope)),
            *details.selfcheck(meta),
            ("Leaves out", words.LEAVES_OUT),
        ),
        matrix=_matrix(scope, means),
        speedup=speedup(scope),
        table=results.table(scope),
        scenarios=scenarios.views(scope),
        models=tuple(_model(scope, name, number) for number, name in enumerate(scope.models)),
        sections=_sections(scope),
        versions=details.versions(scope),
        machine_facts=tuple(details.flattened(machine)),
        after=tuple(details.flattened(meta.get("machine_after") or {})),
        spent=details.spent(meta),
        environments=details.environments(meta),
        command=str(meta.get("command", "")),
        suite_text=str(meta.get("suite_text", "")),
        symbols=symbols(scope),
    )


def _suite_name(scope: Scope) -> str:
    suite = scope.meta.get("suite")
    return str(suite.get("suite", "suite") if isinstance(suite, Mapping) else suite or "suite")


def _matrix(scope: Scope, means: Sequence[Mean]) -> Matrix | None:
    if not any(mean.found and mean.found.verdict != "baseline" for mean in means):
        return None
    found = {(mean.target, mean.precision): mean for mean in means}
    targets = {name: (label, "") for name, label in scope.targets.items()}
    precisions = {}
    for precision, label in scope.precisions.items():
        over = max((mean.models for mean in means if mean.precision == precision), default=0)
        precisions[precision] = (label, numbers.counted(over, "model"))
    if len(precisions) <= len(targets):
        rows = [(told, tuple(_mean(found.get((name, each))) for each in precisions)) for name, told in targets.items()]
        return Matrix(False, tuple(precisions.values()), tuple(rows))
    rows = [(told, tuple(_mean(found.get((each, name))) for each in targets)) for name, told in precisions.items()]
    return Matrix(True, tuple(targets.values()), tuple(rows))


def _mean(mean: Mean | None) -> Entry:
    if mean is None:
        return Entry(numbers.UNKNOWN)
    if mean.found is None:
        return Entry(numbers.UNKNOWN, f"valid in {mean.valid} of {mean.possible}" if mean.valid else "none valid")
    told = mean.found.verdict
    return Entry(words.outcome(mean.found), words.bounds(mean.found), tone=told if told in ("faster", "slower") else "")


def _model(scope: Scope, name: str, number: int) -> Model:
    charts = tuple(model_charts(scope, name, number))
    return Model(
        id=f"{scope.prefix}model-{number}",
        name=name,
        facts=details.model_facts(scope, name),
        fastest=details.fastest(scope, name),
        conversions=details.conversions(scope, name),
        keys=tuple(dict.fromkeys(key for chart in charts for key in chart.keys)),
        charts=charts,
        slower=why.told(scope, name),
    )


_NO_START = {False: "No cell tells how long it took to start.", True: "Its cold starts have a part of their own."}


def _sections(scope: Scope) -> tuple[Section, ...]:
    weighed = pareto(scope)
    parts = (
        ("start-up", "Start-up", "", _one(resources.startup(scope)),
         _NO_START[bool(scope.of(scenario_kind="cold_start"))]),
        ("placement", "Placement", resources.placement_in_words(scope), _one(resources.placement(scope)), ""),
        ("accuracy", "Accuracy against speed", READING if weighed else "", weighed,
         "No two cells of a model have both a known output error and a speedup, so there is nothing to weigh."),
        ("memory", "Memory", "", _one(resources.memory(scope)), "No cell tells how much memory it took."),
    )  # fmt: skip
    return tuple(
        Section(f"{scope.prefix}{name}", title, text or ("" if charts else empty), charts)
        for name, title, text, charts, empty in parts
    )


def _one(chart: Chart | None) -> tuple[Chart, ...]:
    return (chart,) if chart else ()
