"""The suites that travel with ortbench run by name, and the schema editors get agrees with them."""

import jsonschema
import pytest
from ruamel.yaml import YAML

from bench import catalog, load_suite, plan
from bench.suite import Facts, json_schema, shipped_suites

HERE = Facts("linux-x86_64", cores=2, devices=frozenset({"software-vulkan"}))
NAMES = ["all-runtimes", "audio", "full", "language", "load", "nightly", "precisions", "quickstart", "tools"]
NAMES += ["versions", "vision"]


def test_these_are_shipped():
    assert list(shipped_suites()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_suite_is_named_after_its_file_and_has_nothing_idle_in_it(name: str):
    loaded = load_suite(name)
    assert loaded.suite.suite == name
    assert loaded.suite.description
    assert loaded.warnings == ()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "full"])
def test_nothing_of_a_shipped_suite_is_skipped_on_linux_x86_64(name: str):
    made = plan(load_suite(name), HERE)
    assert [cell.id for cell in made.cells if cell.skip or cell.unknown] == []


def test_quickstart_shows_every_value_in_few_cells():
    made = plan(load_suite("quickstart"), HERE)
    assert len(made.cells) <= 18
    assert len({cell.model for cell in made.cells}) >= 2
    assert {cell.target for cell in made.cells} == {"cpu", "openvino", "openvino-native", "litert"}
    assert {made.precisions[cell.precision].effective for cell in made.cells} == {"fp32", "fp16", "int8", "int4"}
    assert {cell.batch for cell in made.cells} == {1, 8}
    assert made.protocol.preset == "quick"


def test_full_is_the_whole_catalog():
    made = plan(load_suite("full"), HERE)
    assert {cell.model for cell in made.cells} == set(catalog.models())
    assert {cell.target for cell in made.cells} == set(catalog.targets())
    assert {cell.precision for cell in made.cells} == set(catalog.precisions())


def test_audio_has_the_cells_that_are_known_to_fail():
    wanted = {("nsnet2", "fp16", "cpu"), ("silero-vad", "int8-dynamic", "cpu")}
    assert wanted <= {(cell.model, cell.precision, cell.target) for cell in plan(load_suite("audio"), HERE).cells}


@pytest.mark.parametrize("name", NAMES)
def test_the_json_schema_accepts_the_shipped_suites(name: str):
    document = YAML(typ="safe", pure=True).load(shipped_suites()[name].read_text("utf-8"))
    errors = jsonschema.Draft202012Validator(json_schema()).iter_errors(document)
    assert [error.message for error in errors] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"preset": "quik"},
        {"limits_s": {"loadd": 3}},
        {"models": {"m": {"catalog": "magica"}}},
        {"targets": {"t": {"target": "opnvino"}}},
        {"matrix": {"model": "magika", "target": "cpu", "batch": "x"}},
        {"modles": {}},
    ],
)
def test_the_json_schema_refuses_what_a_suite_cannot_say(wrong: dict[str, object]):
    validator = jsonschema.Draft202012Validator(json_schema())
    good = {"suite": "s", "matrix": {"model": ["magika"], "target": "cpu"}}
    assert validator.is_valid(good)
    assert not validator.is_valid(good | wrong)


def test_the_json_schema_is_itself_one_and_offers_the_catalogs_names():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    one, many, _ = schema["$defs"]["Axes"]["properties"]["model"]["anyOf"]
    assert one["examples"] == many["items"]["examples"] == sorted(catalog.models())
