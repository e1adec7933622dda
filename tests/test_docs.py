"""What the documentation says is what the code does: commands, keys, columns, flags, options, links."""

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from textwrap import dedent
from typing import Any

import click
import pytest
from support.sweep import sweep, written

from bench import catalog
from bench.analysis.intervals import rank_and_level
from bench.analysis.outcome import DISQUALIFYING
from bench.catalog import Provider, Runtime
from bench.cli import VERBS, Verbs, group
from bench.contract.flags import Flag
from bench.contract.phases import Phase
from bench.contract.status import Status
from bench.errors import BenchError
from bench.store.columns import COLUMNS
from bench.suite import load_text, schema
from bench.suite.protocol import PRESETS
from bench.worker import adapters

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))]


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)


def section(text: str, title: str) -> str:
    """What stands under a heading, up to the next one."""
    return re.split(r"^## ", text.partition(f"\n## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def table(text: str) -> list[list[str]]:
    """The cells of every row of the tables in a text."""
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_ci_runs_what_the_readme_says():
    set_up, tests = blocks(read("README.md"), "sh")[:2]
    assert set_up == "pip install . && ortbench run suites/quickstart.yaml\n"
    assert tests == "pip install '.[test]' && pytest\n"
    assert f'\nbash -c "{tests.strip()}"' in read(".ci/run")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path):
    places = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [place for place in places if not (page.parent / place).exists()] == []


@pytest.mark.parametrize("model", schema.Strict.__subclasses__(), ids=lambda model: model.__name__)
def test_every_key_of_a_suite_is_explained_with_its_default(model: type[schema.Strict]):
    told = {names(row[0])[0]: row[1] for row in table(section(read("docs/suite.md"), model.__name__)) if names(row[0])}
    assert list(told) == list(model.model_fields)
    for name, field in model.model_fields.items():
        default: Any = field.get_default(call_default_factory=True)
        plain = ('""' if default == "" else str(default)) if isinstance(default, str | int) else None
        if field.is_required():
            assert told[name] == "required"
        elif plain is not None:
            assert told[name] == plain, name
    assert all(f"`{phase}`" in read("docs/suite.md") for phase in Phase)


@pytest.mark.parametrize("page", ["README.md", "docs/suite.md"])
def test_every_suite_shown_is_one(page: str):
    matrix = "suite: shown\nmatrix: {model: magika, target: cpu}\n"
    for text in blocks(read(page), "yaml"):
        assert load_text(text if "suite:" in text else matrix + text).suite


def test_the_examples_of_adding_a_runtime_and_a_provider_fit_the_catalog():
    text = read("CONTRIBUTING.md")
    runtime, provider = (tomllib.loads(block) for block in blocks(text, "toml"))
    assert [Runtime(name=name, **row).adapter for name, row in runtime.items()] == ["fastnet"]
    assert [Provider(short=short, **row).name for short, row in provider.items()] == ["ROCMExecutionProvider"]
    [adapter] = blocks(text, "python")
    made = {node.name for node in ast.parse(dedent(adapter)).body if isinstance(node, ast.FunctionDef)}
    assert made == set(re.findall(r"^ {4}(\w+)\(", str(adapters.__doc__), re.MULTILINE))


def test_the_example_of_reading_results_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    [code] = blocks(read("docs/results.md"), "python")
    [path] = re.findall(r'read_run\("([^"]+)"', code)
    written(tmp_path / path, sweep(models=1, batches=(1,), samples=96))
    names: dict[str, Any] = {}
    exec(code, names)
    assert len(names["trials"].columns) == 4
    assert names["cells"]["valid"].any()


def test_every_column_is_explained_in_order_with_its_type():
    told = table(section(read("docs/results.md"), "Columns"))[1:]
    assert [(names(row[0])[0], row[1]) for row in told if names(row[0])] == list(COLUMNS.items())


def test_every_status_and_flag_is_explained():
    assert {names(row[0])[0] for row in table(section(read("docs/results.md"), "Status"))[1:] if names(row[0])} == set(
        Status
    )
    cells = [row[0] for row in table(section(read("docs/measurement.md"), "Flags"))]
    assert {name for cell in cells for name in names(cell)} == set(Flag)
    starred = {name for cell in cells for name in re.findall(r"`([^`]+)` \*", cell)}
    assert starred == set(DISQUALIFYING)


def test_presets_and_levels_are_those_of_the_code():
    text = read("docs/measurement.md")
    for name, preset in PRESETS.items():
        [row] = [row for row in table(text) if row[0] == f"`{name}`" and row[1][0].isdigit()]
        rounds = [str(preset.rounds)] + [str(preset.max_rounds)] * (preset.max_rounds > preset.rounds)
        assert row[1:3] == [" to ".join(rounds), str(preset.windows)]
    told = re.findall(r"(\d\d\.\d)% for (\d+)", text)
    assert len(told) >= 4
    for level, rounds in told:
        found = rank_and_level(int(rounds))
        assert found is not None and level == f"{100 * found[1]:.1f}"


def commands(parent: click.Group, prefix: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(parent)
    for name in parent.list_commands(context):
        found = parent.get_command(context, name)
        assert found is not None
        yield from (
            commands(found, f"{prefix} {name}") if isinstance(found, click.Group) else [(f"{prefix} {name}", found)]
        )


def test_every_verb_and_option_is_explained_and_no_other():
    text = read("docs/cli.md")
    found = dict(commands(group, "ortbench"))
    assert isinstance(group, Verbs) and len(found) >= len(VERBS)
    assert [name for name in found if not re.search(rf"`{name}[ `]", text)] == []
    flags = [flag for each in (*found.values(), group) for option in each.params if isinstance(option, click.Option)
             for flag in (*option.opts, *option.secondary_opts)]  # fmt: skip
    flags += ["-h", "--help"]
    assert set(re.findall(r"`(--?[a-z-]+)", text)) == set(flags)


@pytest.mark.parametrize("page", [".github/workflows/nightly.yml", "README.md"])
def test_every_command_shown_can_be_called_like_that(page: str):
    verbs = dict(commands(group, "ortbench"))
    shown = re.findall(r"^(?: +- run: | +run: |)(ortbench (?:run|duel|selfcheck)[^\n`|&]*)", read(page), re.MULTILINE)
    assert shown
    for line in shown:
        words = shlex.split(line.partition(" ||")[0], comments=True)
        verb = next(" ".join(words[:length]) for length in (3, 2) if " ".join(words[:length]) in verbs)
        arguments = words[len(verb.split()) :]
        context = verbs[verb].make_context(verb, list(arguments), resilient_parsing=False)
        assert context.params


def test_exit_codes_are_those_of_the_errors():
    codes = {kind.exit_code for kind in (BenchError, *_kinds(BenchError))}
    told = {int(row[0]) for row in table(section(read("docs/cli.md"), "Exit codes")) if row[0].isdigit()}
    assert told == codes | {0, 130}


def _kinds(kind: type[BenchError]) -> Iterator[type[BenchError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _kinds(each)


def test_what_is_kept_of_compiling_is_told_of_every_target_that_keeps_anything():
    rows = table(section(read("docs/scenarios.md"), "cold_start"))
    named = {name for row in rows for name in names(row[0])} & catalog.targets().keys()
    assert named == {name for name, target in catalog.targets().items() if target.cache}
    assert rows[-1][0] == "every other"


def test_the_workers_requests_are_explained():
    rows = table(section(read("docs/architecture.md"), "The worker's protocol"))
    assert {name for row in rows for name in names(row[0])} == set(Phase) - {Phase.START}


def test_the_page_of_runtimes_is_what_the_catalog_says():
    spec = spec_from_file_location("runtimes_page", ROOT / "docs/runtimes.py")
    assert spec and spec.loader
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    assert read("docs/runtimes.md") == made.page(), "write it again: python docs/runtimes.py"
