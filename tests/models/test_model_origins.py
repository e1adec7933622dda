"""From a name or a suite's words to where a model's file is."""

import pytest

from bench import catalog
from bench.errors import UsageError
from bench.models import catalog_source, model_source, twin_source
from bench.models.origins import saved_model
from bench.suite.schema import Model

SHA = "ab" * 32


def test_every_catalog_model_and_twin_says_where_it_is_and_how_to_recognise_it():
    for row in catalog.models().values():
        for source in [catalog_source(row.name), *(twin_source(row.name, form) for form in row.twins)]:
            assert source.member or source.folder
            assert len(source.sha256) == 64
            assert source.location.count("==" if source.kind == "pypi" else "@") == 1


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(UsageError, match="no model `magica`") as caught:
        catalog_source("magica")
    assert caught.value.hint == "Did you mean magika?"


def test_a_twin_may_come_from_another_package_or_from_the_same():
    assert twin_source("basic-pitch", "tflite").location == catalog_source("basic-pitch").location
    assert (twin_source("blazeface", "tflite").kind, catalog_source("blazeface").kind) == ("pypi", "npm")


def test_a_saved_model_is_the_folder_that_says_so(tmp_path):
    with pytest.raises(UsageError, match=r"holds no saved_model\.pb"):
        saved_model(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"x")
    assert saved_model(tmp_path) == tmp_path


def test_a_model_without_a_twin_says_so():
    with pytest.raises(UsageError, match="no tflite file with the weights of `magika`"):
        twin_source("magika", "tflite")


def test_a_path_is_relative_to_the_suite(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"x")
    source = model_source(Model(path="m.onnx", sha256=SHA), tmp_path)
    assert (source.location, source.sha256) == (str(tmp_path / "m.onnx"), SHA)


def test_a_missing_file_gets_the_nearest_one(tmp_path):
    (tmp_path / "resnet50.onnx").write_bytes(b"x")
    with pytest.raises(UsageError, match="There is no file") as caught:
        model_source(Model(path="resnet5.onnx"), tmp_path)
    assert "resnet50.onnx" in caught.value.hint


def test_a_folder_is_not_a_model(tmp_path):
    with pytest.raises(UsageError, match="is a folder"):
        model_source(Model(path="."), tmp_path)


def test_a_package_must_say_which_file():
    with pytest.raises(UsageError, match="which file"):
        model_source(Model(package="magika==1.0.3", sha256=SHA), None)


def test_a_factory_is_found_beside_the_suite(tmp_path):
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "small.py").write_text("")
    (tmp_path / "nets" / "__init__.py").write_text("")
    assert model_source(Model(factory="nets.small:make"), tmp_path).location.endswith("small.py")
    assert model_source(Model(factory="nets:make"), tmp_path).location.endswith("__init__.py")
    with pytest.raises(UsageError, match=r"none\.py"):
        model_source(Model(factory="none:make"), tmp_path)


def test_a_model_from_nowhere_is_told_what_to_say(tmp_path):
    with pytest.raises(UsageError) as caught:
        model_source(Model(), tmp_path)
    assert "`package`" in caught.value.hint
