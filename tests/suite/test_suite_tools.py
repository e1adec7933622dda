"""Programs that measure by themselves, as a suite names them: what is laid over the catalog, what is a mistake."""

import pytest

from bench import plan
from bench.catalog import tools
from bench.errors import SuiteError
from bench.suite import Facts, load_text

HERE = Facts("linux-x86_64", cores=2)
SUITE = "suite: s\nmatrix: {model: magika, target: [cpu, mine]}\n"
OWN = SUITE + "targets: {mine: {target: command, tool: %s}}\n"
GOOD = "{command: [prog, '{model}'], read: {median_ms: '([0-9]+)'}}"


def problems(text: str) -> list[str]:
    with pytest.raises(SuiteError) as caught:
        load_text(text, "s.yaml")
    return caught.value.problems


def skips(text: str) -> dict[str, str]:
    return {cell.id: cell.skip.reason for cell in plan(load_text(text), HERE).cells if cell.skip}


def test_a_program_of_the_suites_own_is_a_target():
    made = plan(load_text(OWN % GOOD), HERE)
    mine = made.targets["mine"]
    assert mine.tool.command == ["prog", "{model}"] and mine.tool.scenario == "latency"
    assert [cell.skip for cell in made.cells] == [None, None]
    assert mine.flags == ["other_method"]


def test_what_the_suite_says_is_laid_over_the_catalogs_row():
    text = SUITE + "targets: {mine: {target: ort-perf-test, options: {provider: dnnl}, tool: {comes_with: us}}}"
    mine = plan(load_text(text), HERE).targets["mine"]
    assert mine.options == {"provider": "dnnl"} and mine.tool.comes_with == "us"
    assert mine.tool.command == tools()["ort-perf-test"].tool.command


def test_a_tool_that_has_a_device_can_be_asked_for_another():
    made = plan(load_text("suite: s\nmatrix: {model: magika, target: [cpu, 'benchmark-app:GPU']}"), HERE)
    assert made.targets["benchmark-app:GPU"].device == "GPU"
    assert "has no choice of devices" in problems("suite: s\nmatrix: {model: magika, target: [cpu, 'trtexec:1']}")[0]


def test_a_list_of_inputs_has_its_defaults():
    tool = "{command: [p, '{model}', '{all}'], lists: {all: {each: '{name}'}}, read: {mean_s: '(.)'}}"
    mine = plan(load_text(OWN % tool), HERE).targets["mine"]
    assert mine.tool.lists == {"all": {"each": "{name}", "unnamed": "", "between": ",", "sizes": ",", "types": ""}}


@pytest.mark.parametrize(
    ("tool", "told"),
    [
        ("{command: [p, '{modle}', '{model}'], read: {median_ms: '(.)'}}",
         "targets.mine.tool.command[1]: found `{modle}`, expected a placeholder (did you mean `model`?)"),
        ("{command: [p, '{model'], read: {median_ms: '(.)'}}", "expected braces that match"),
        ("{command: [p], read: {median_ms: '(.)'}}", "found no {model}"),
        ("{command: [p, '{model}'], read: {median_ms: '([0-9'}}",
         "targets.mine.tool.read.median_ms: found `([0-9`, expected a regular expression: "),
        ("{command: [p, '{model}'], read: {median_ms: '[0-9]'}}", "expected a group in it that is the number"),
        ("{command: [p, '{model}'], read: {median: '(.)', mean_ms: '(.)'}}",
         "targets.mine.tool.read.median: found `median`, expected a figure with its unit (did you mean `median_"),
        ("{command: [p, '{model}'], read: {p99_ms: '(.)'}}",
         "targets.mine.tool.read: no latency is read, expected median_ms or mean_ms"),
        ("{command: [p, '{model}']}", "targets.mine.tool: no latency is read, expected median_ms or mean_ms"),
        ("{command: [p, '{model}'], scenario: throughput, read: {median_ms: '(.)'}}", "no throughput is read"),
        ("{command: [p, '{model}', '{x}'], lists: {x: {each: '{nam}'}}, read: {mean_s: '(.)'}}",
         "targets.mine.tool.lists.x.each: found `{nam}`, expected a placeholder (did you mean `name`?)"),
        ("{command: [p, '{model}'], reach: [ssh, pi], read: {mean_s: '(.)'}}", "found no `send` and `there`"),
        ("{command: [p, '{model}'], reach: [ssh, pi], send: [scp, '{from}', '{to}'], there: /tmp, report: r, "
         "read: {mean_s: a}}", "found a `report` that is written elsewhere"),
        ("{comand: [p]}", "targets.mine.tool.comand: unknown key, expected another (did you mean `command`?)"),
        ("{command: p, read: {mean_s: '(.)'}}", "targets.mine.tool.command: found the text `p`, expected a list"),
        ("{command: [p, '{model}'], scenario: churn, read: {mean_s: '(.)'}}", "`latency` or `throughput`"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(tool: str, told: str):
    found = problems(OWN % tool)
    assert any(told in each for each in found), found


def test_a_target_that_is_no_program_takes_no_tool():
    [found] = problems(SUITE + f"targets: {{mine: {{target: cpu, tool: {GOOD}}}}}")
    assert "`cpu` is no program that measures by itself, expected `target` to be one of command, benchmark-app" in found


def test_an_option_that_stands_nowhere_is_a_mistake():
    [found] = problems(SUITE + "targets: {mine: {target: ort-perf-test, options: {providr: dnnl}}}")
    assert "targets.mine.options.providr" in found and "(did you mean `provider`?)" in found


@pytest.mark.parametrize(
    "tool",
    [
        "7",
        "[a]",
        "{command: {a: b}, read: 3, lists: [1], reach: 4}",
        "{lists: {a: 3}}",
        "{scenario: [1], read: {3: 4}}",
    ],
)
def test_anything_else_is_a_mistake_and_no_crash(tool: str):
    assert problems(OWN % tool)


def test_a_program_that_is_not_named_and_a_host_that_is_not_told_are_skipped_with_what_to_write():
    found = skips("suite: s\nmatrix: {model: magika, target: [cpu, command, ort-perf-test-ssh]}")
    assert (
        "`targets: {mine: {target: command, tool: {command: [...], read: {...}}}}` would run one"
        in found["magika/fp32/command/b1/t2/latency"]
    )
    assert "has to be told host" in found["magika/fp32/ort-perf-test-ssh/b1/t2/latency"]


def test_a_scenario_it_does_not_measure_is_unsupported():
    text = "suite: s\nbaseline: cpu\nmatrix: {model: magika, target: [cpu, benchmark-app], scenario: [latency, churn]}"
    cells = {cell.id: cell for cell in plan(load_text(text), HERE).cells}
    assert cells["magika/fp32/benchmark-app/b1/t2/latency"].skip is None
    skip = cells["magika/fp32/benchmark-app/b1/t2/churn"].skip
    assert skip.status == "unsupported" and "measures latency by itself" in skip.reason


def test_a_program_that_runs_a_file_as_stored_measures_batch_1_alone():
    cells = plan(
        load_text("suite: s\nmatrix: {model: basic-pitch, target: [cpu, litert-benchmark], batch: [1, 2]}"), HERE
    )
    skips = {cell.batch: cell.skip for cell in cells.cells if cell.target == "litert-benchmark"}
    assert skips[1] is None
    assert skips[2].status == "unsupported" and "at the sizes stored in it" in skips[2].reason


def test_a_program_of_the_suites_own_gets_files_of_one_batch():
    assert plan(load_text(OWN % GOOD), HERE).targets["mine"].fixed_shapes


def test_a_tflite_program_takes_models_that_have_a_twin():
    found = skips("suite: s\nmatrix: {model: [magika, basic-pitch], target: [cpu, tflite-benchmark]}")
    assert [name for name in found if "basic-pitch" in name] == []
    assert "has no TFLite twin" in found["magika/fp32/tflite-benchmark/b1/t2/latency"]
