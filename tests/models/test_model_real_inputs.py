"""Real inputs: which of a model's are real, files taken from their package once and checked, sets made once."""

import hashlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench import catalog
from bench.catalog import Model
from bench.errors import EnvironmentFailed
from bench.models.inputs import is_synthetic, write_inputs
from bench.models.real_inputs import Real, package_files, real_of, real_sets
from bench.models.subject import Subject, describe
from bench.suite.facts import InputFacts
from bench.suite.schema import Suite

TEXT = b"some bytes that are no noise"
SHA = hashlib.sha256(TEXT).hexdigest()
SHAPES = {"x": ((2, 16), "int32"), "state": ((2, 4), "float32")}


def row(name: str, files: dict[str, str]) -> Model:
    real = {"inputs": ["x"], "prepare": "bytes_of_files", "package": "samples==1.0", "licence": "MIT", "files": files}
    return Model(
        name, "bytes", "model==1", "pypi", "m.onnx", "0" * 64, "MIT", "batch", {"state": {"constant": 0}}, real=real
    )


@pytest.fixture
def rows(monkeypatch) -> dict[str, Model]:
    """Two models whose real inputs come from one package, in place of the catalog's."""
    found = {"one": row("one", {"a.txt": SHA}), "two": row("two", {"a.txt": SHA, "sub/b.txt": SHA})}
    monkeypatch.setattr(catalog, "models", lambda: found)
    return found


def subject(text: str = "", name: str = "one") -> Subject:
    models = {name: {"catalog": name, **({"inputs": {"x": {text: [0, 1]}}} if text else {})}}
    about = describe(name, Suite.model_validate({"suite": "s", "models": models}, strict=False))
    inputs = {"x": InputFacts(("batch", 16), "int32"), "state": InputFacts(("batch", 4), "float32")}
    return Subject(about, Path(), "", 0, inputs, [], "batch", "")


class Shop(SimpleNamespace):
    """A workshop that counts its jobs and makes sets of nothing."""

    def job(self, op, folder, sets, shapes, **arguments):
        self.asked.append(arguments)
        for index in range(sets):
            np.save(Path(folder) / f"{index}.npy", np.full(shapes["x"][0], index, np.int32))
        return [{"x": f"{index}.npy"} for index in range(sets)]


@pytest.fixture
def shop() -> Shop:
    return Shop(asked=[], tools=SimpleNamespace(key="t"), folder=Path("w"))


def test_what_a_suite_fills_by_itself_is_not_overruled(rows):
    assert isinstance(real_of(subject(), Path()), Real)
    assert real_of(subject("integers"), Path()) is None


def test_the_files_of_all_models_come_with_one_download_and_work_offline_after_it(rows, wheelhouse):
    wheel = wheelhouse.add("samples", "1.0", {"a.txt": TEXT, "sub/b.txt": TEXT, "other.txt": b"is left"})
    folder, seconds = package_files("samples==1.0", "pypi")
    assert seconds > 0
    wheel.unlink()
    assert package_files("samples==1.0", "pypi") == (folder, 0)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {name for name in names if not name.startswith("ortbench")} == {"a.txt", "sub/b.txt"}


def test_another_file_under_that_name_is_refused_and_not_kept(rows, wheelhouse):
    wheelhouse.add("samples", "1.0", {"a.txt": b"changed", "sub/b.txt": TEXT})
    with pytest.raises(EnvironmentFailed, match=r"a\.txt of samples==1\.0 is not the file that was meant"):
        package_files("samples==1.0", "pypi")
    wheelhouse.add("samples", "1.0", {"a.txt": TEXT, "sub/b.txt": TEXT})
    assert (package_files("samples==1.0", "pypi")[0] / "a.txt").read_bytes() == TEXT


def test_sets_are_made_once_and_those_held_out_are_others(rows, wheelhouse, shop):
    wheelhouse.add("samples", "1.0", {"a.txt": TEXT, "sub/b.txt": TEXT})
    real = real_of(subject(), Path())
    first = real_sets(shop, real, SHAPES, 3, held_out=False)
    assert real_sets(shop, real, SHAPES, 3, held_out=False) == first
    assert real_sets(shop, real, SHAPES, 3, held_out=True) != first
    assert [asked["held_out"] for asked in shop.asked] == [False, True]
    assert [np.load(each["x"]).flat[0] for each in first] == [0, 1, 2]


def test_inputs_that_are_not_real_are_filled_beside_those_that_are(rows, wheelhouse, shop, tmp_path):
    wheelhouse.add("samples", "1.0", {"a.txt": TEXT, "sub/b.txt": TEXT})
    real = real_sets(shop, real_of(subject(), Path()), SHAPES, 2, held_out=False)
    sets = write_inputs(subject(), SHAPES, 2, 0, tmp_path / "sets", tmp_path, real)
    assert [each["x"] for each in sets] == [each["x"] for each in real]
    assert all(not np.load(each["state"]).any() for each in sets)
    assert not is_synthetic(subject(), real[0])
    assert is_synthetic(subject(), ())


def test_every_real_input_of_the_catalog_is_one_of_its_model_and_says_its_licence():
    for model in catalog.models().values():
        if model.real:
            real = Real(**model.real)
            assert real.licence and set(real.inputs) <= set(model.inputs), model.name
            assert len(real.files) != 1 or real.prepare in ("recording", "power_spectra"), model.name
