"""Conversions, references and exports are made once and checked before they are used again."""

from pathlib import Path

import pytest

from bench.models import stored


def make_counting(made: list[int]):
    def make(folder: Path) -> None:
        made.append(1)
        (folder / "sub").mkdir()
        (folder / "sub" / "model.onnx").write_bytes(b"x" * 100)

    return make


def test_it_is_made_once(wheelhouse):
    made: list[int] = []
    first, again = stored("key", make_counting(made)), stored("key", make_counting(made))
    assert first == again
    assert made == [1]
    assert (first / "sub" / "model.onnx").stat().st_size == 100


@pytest.mark.parametrize("size", [0, 99])
def test_a_file_of_another_size_has_it_made_again(wheelhouse, size):
    made: list[int] = []
    (stored("key", make_counting(made)) / "sub" / "model.onnx").write_bytes(b"x" * size)
    assert (stored("key", make_counting(made)) / "sub" / "model.onnx").stat().st_size == 100
    assert made == [1, 1]


def test_a_failure_is_passed_on_and_leaves_nothing(wheelhouse):
    def fail(folder: Path) -> None:
        (folder / "half").write_bytes(b"x")
        raise ValueError("the conversion crashed")

    with pytest.raises(ValueError, match="crashed"):
        stored("key", fail)
    assert [path.name for path in (wheelhouse.cache / "variants").iterdir()] == ["key.lock"]
