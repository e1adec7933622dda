"""A suite's YAML may come from anyone: it is read as YAML 1.2, with places, and nothing in it can do harm."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import SuiteError
from bench.suite.reading import MAX_DEPTH, Mistake, read_document


def refusal(text: str) -> str:
    with pytest.raises(SuiteError) as caught:
        read_document(text, "s.yaml")
    assert len(caught.value.problems) == 1
    return caught.value.problems[0]


def test_values_are_those_of_yaml_1_2():
    text = "{a: yes, b: true, c: 0x1f, d: 010, e: 1e3, f: ~, g: 2:30, h: '1', i: .5}"
    data = read_document(text, "s").data
    assert data == {"a": "yes", "b": True, "c": 31, "d": 10, "e": 1000.0, "f": None, "g": "2:30", "h": "1", "i": 0.5}


def test_every_key_and_value_has_its_place():
    document = read_document("matrix:\n  model: [a, b]\n", "s.yaml")
    assert document.place(("matrix",), at_key=True) == (1, 1)
    assert document.place(("matrix", "model")) == (2, 10)
    assert document.place(("matrix", "model", 1)) == (2, 14)


def test_something_missing_is_placed_at_what_should_hold_it():
    document = read_document("a: 1\nmatrix:\n  model: x\n", "s.yaml")
    sentence = document.sentence(Mistake(("matrix", "target"), "missing"))
    assert sentence == "s.yaml:3:3: matrix.target: missing"


def test_aliases_and_merge_keys_work_and_own_keys_win():
    text = "base: &base {x: 1, y: 2}\nown: {y: 3, <<: *base}\nlist: {<<: [*base, {x: 9, z: 8}]}\nsame: *base"
    data = read_document(text, "s").data
    assert data["own"] == {"x": 1, "y": 3}
    assert data["list"] == {"x": 1, "y": 2, "z": 8}
    assert data["same"] == {"x": 1, "y": 2}


def test_a_key_written_twice_is_reported_with_both_places():
    document = read_document("a: 1\nb: {c: 1,\n  c: 2}\n", "s")
    assert [document.sentence(mistake) for mistake in document.mistakes] == [
        "s:2:5: b.c: this key is written twice, the second time on line 3, column 3"
    ]


def test_text_that_looks_like_a_date_stays_text():
    assert read_document("a: 2026-11-23", "s").data == {"a": "2026-11-23"}


@pytest.mark.parametrize("text", ["a: !!python/object:os.system x", "a: !!set {b}", "a: !own [1]", "a: !!binary aGk="])
def test_tags_build_nothing(text: str):
    document = read_document(text, "s")
    assert document.data == {"a": None}
    assert "is not allowed here" in document.mistakes[0].text


@pytest.mark.parametrize("nest", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000])
def test_deep_nesting_is_refused_before_anything_is_built(nest: str):
    assert f"more than {MAX_DEPTH} levels deep" in refusal("a: " + nest if nest[0] != "-" else nest)


def test_depth_counts_what_aliases_bring():
    inner = "[" * 40 + "]" * 40
    assert "levels deep" in refusal(f"a: &a {inner}\nb: {'[' * 40}*a{']' * 40}")


@pytest.mark.parametrize("link", ["[{}]", "{{<<: [{}]}}"], ids=["lists", "merge keys"])
def test_a_bomb_of_aliases_is_refused(link: str):
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{i}: &a{i} {link.format(', '.join([f'*a{i - 1}'] * 10))}" for i in range(1, 12)]
    assert "with its aliases written out" in refusal("\n".join(lines))


def test_an_anchor_that_points_at_itself_is_refused():
    assert refusal("a: &a [1, *a]") == "s.yaml:1:11: the alias *a stands inside the value it names"


def test_an_anchor_is_defined_once():
    assert refusal("a: &x 1\nb: &x 2") == "s.yaml:2:4: the anchor &x is defined twice"


@pytest.mark.parametrize(
    "text", ["a: [1", "a: *nowhere", "a: 1\n---\nb: 2", "a:\n\tb: 1", "%YAML 9.9\n---\na: 1", "a: \0"]
)
def test_what_is_not_yaml_is_named_with_its_place(text: str):
    assert "this is not YAML" in refusal(text)
    assert refusal(text).startswith("s.yaml:")


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab1:-[]{}&*!<,?|>%@`'\"#\n \t~.0xé\x00\u2028"), max_size=60))
def test_no_text_raises_anything_but_a_suite_error(text: str):
    try:
        document = read_document(text, "s.yaml")
    except SuiteError as error:
        assert all(problem.startswith("s.yaml:") for problem in error.problems)
    else:
        assert document.place(()) >= (1, 1)
