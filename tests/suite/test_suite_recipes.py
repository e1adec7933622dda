"""A suite's own recipes: what their options may be is known before anything is converted."""

import pytest

from bench import catalog
from bench.errors import SuiteError
from bench.suite import load_text
from bench.suite.recipes import CHOICES, LIMITS


def problem(recipe: str, options: str) -> str:
    with pytest.raises(SuiteError) as error:
        load_text(
            f"suite: s\nprecisions: {{mine: {{precision: {recipe}, options: {options}}}}}\n"
            "matrix: {model: magika, target: cpu, precision: mine}\n"
        )
    return str(error.value)


@pytest.mark.parametrize(
    ("recipe", "options", "expected"),
    [
        ("int4", "{blocksize: 64}", "found `blocksize`, expected an option of int4 (did you mean `block_size`?)"),
        ("int8", "{block_size: 64}", "found `block_size`, expected an option of int8-static"),
        ("fp32", "{keep_io_types: true}", "expected an option of fp32: it takes none"),
        ("int4", "{block_size: 48}", "found `48`, expected one of its values (16, 32, 64, 128, 256)"),
        ("int4", "{block_size: '32'}", "found the text `32`, expected a whole number"),
        ("int4", "{symmetric: 1}", "found `1`, expected true or false"),
        ("int4", "{accuracy_level: true}", "found `True`, expected a whole number"),
        ("int8", "{calibration: entropy}", "found `entropy`, expected one of its values (did you mean `Entropy`?)"),
        ("int8", "{calibration_samples: 0}", "found 0, expected 1 to 1024"),
        ("int8", "{percentile: 99.9}", "found `percentile`, expected it only beside `calibration: Percentile`"),
        ("int8", "{exclude: head}", "found the text `head`, expected a list of texts"),
        ("int8-dynamic", "{operators: [MatMul, Convolution]}", "found `Convolution`, expected one of its values"),
    ],
)
def test_an_option_that_a_recipe_cannot_take_is_a_mistake(recipe: str, options: str, expected: str):
    assert expected in problem(recipe, options)


def test_every_option_of_the_catalog_can_be_given_as_it_stands_there():
    for name, row in catalog.precisions().items():
        text = f"suite: s\nprecisions: {{mine: {{precision: {name}, options: {dict(row.options)}}}}}\n"
        text = text.replace("True", "true").replace("False", "false")
        assert load_text(text + "matrix: {model: magika, target: cpu, precision: mine}\n").suite.precisions


def test_what_is_known_of_options_is_of_options_that_there_are():
    there = {(row.method, option) for row in catalog.precisions().values() for option in row.options}
    assert there >= CHOICES.keys() | LIMITS.keys()
