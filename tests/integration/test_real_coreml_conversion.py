"""Torch modules made into ML programs by the real Core ML Tools, on any system; running them takes a Mac."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.catalog import targets
from bench.contract.job import Workload
from bench.contract.status import Status
from bench.environments import Environment, cache_root, ensure, spec_for, spec_of, tools_spec
from bench.models.fetching import Fetcher
from bench.models.inputs import shapes_of, write_inputs
from bench.models.variants import Variant, Workshop, translate
from bench.process import worker_folder
from bench.suite import load_text

pytestmark = [pytest.mark.runtimes, pytest.mark.heavy]

# What coremltools reads back of a program: its inputs and outputs, the operations in it, what they compute in.
READ = """
import json, sys
from collections import Counter
sys.path.insert(0, sys.argv[1])
import coremltools
from coremltools.proto import FeatureTypes_pb2
from bench.worker.adapters import coreml
spec = coremltools.models.MLModel(sys.argv[2], skip_model_load=True).get_spec()
kind = FeatureTypes_pb2.ArrayFeatureType.ArrayDataType.Name
def told(features):
    arrays = [(f.name, f.type.multiArrayType) for f in features]
    return {name: [kind(array.dataType), *array.shape] for name, array in arrays}
(block,) = spec.mlProgram.functions["main"].block_specializations.values()
print(json.dumps({"inputs": told(spec.description.input), "outputs": told(spec.description.output),
                  "operators": Counter(each.type for each in block.operations),
                  "precision": coreml.precision_of(spec)}))
"""
SUITE = "suite: coreml\nmatrix: {model: [crepe-tiny, all-minilm-l6], target: cpu}"
COMPLEX = """
import torch

def odd():
    class Odd(torch.nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x).real

    return Odd(), {"x": torch.zeros(2, 4, 4)}
"""


class Made:
    def __init__(self, variant: Variant, environment: Environment, code: Path) -> None:
        self.variant = variant
        if variant.path:
            command = [str(environment.python), "-I", "-c", READ, str(code), str(variant.path)]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            self.told: dict[str, Any] = json.loads(said.splitlines()[-1])


@pytest.fixture(scope="module")
def shop() -> Workshop:
    return Workshop(ensure(tools_spec()), worker_folder(cache_root()), {})


@pytest.fixture(scope="module")
def made(shop: Workshop, tmp_path_factory: pytest.TempPathFactory):
    """Make a catalog model's program at a batch, by the row's own environment."""
    fetcher = Fetcher(load_text(SUITE), shop, lambda: ensure(spec_for(targets()["torch"])), {"torch"})
    environment = ensure(spec_of("coreml-torch"))

    def make(model: str, batch: int = 1, target: str = "coreml-native") -> Made:
        subject = fetcher.subject(model)
        shapes = shapes_of(subject, batch, {})
        folder = tmp_path_factory.mktemp("inputs")
        workload = Workload(
            subject.checkpoint, "torch", "fp32", threads=2, options=dict(targets()[target].options),
            factory=subject.description.factory, factory_paths=subject.factory_paths,
            input_sets=write_inputs(subject, shapes, 1, 0, folder, folder, []),
        )  # fmt: skip
        return Made(translate(environment, shop, "coreml", workload, subject.sha256, shapes), environment, shop.folder)

    return make


@pytest.mark.parametrize("batch", [1, 2])
def test_a_cnn_becomes_an_fp32_program_of_its_batch(made, batch: int):
    found = made("crepe-tiny", batch)
    assert found.variant.status == Status.OK, found.variant.reason
    assert found.told["inputs"] == {"frame": ["FLOAT32", batch, 1024]}
    assert list(found.told["outputs"].values()) == [["FLOAT32", batch, 360]]
    assert found.told["precision"] == "fp32" and found.told["operators"]["conv"] == 6
    assert found.variant.bytes > 1_900_000 and found.variant.seconds > 0  # all of its weights are there


def test_by_coremls_own_default_it_computes_in_fp16(made):
    found = made("crepe-tiny", target="coreml-native-default")
    assert found.told["precision"] == "fp16"
    assert 900_000 < found.variant.bytes < 1_200_000  # half of them


def test_a_transformer_keeps_its_operators_whole_and_takes_32_bit_integers(made):
    found = made("all-minilm-l6")
    assert found.variant.status == Status.OK, found.variant.reason
    names = ("input_ids", "attention_mask", "token_type_ids")
    assert found.told["inputs"] == {name: ["INT32", 1, 128] for name in names}
    assert list(found.told["outputs"].values()) == [["FLOAT32", 1, 128, 384]]
    assert found.told["precision"] == "fp32"
    # Torch's own decompositions would have made these of many small operators.
    assert (found.told["operators"]["linear"], found.told["operators"]["layer_norm"]) == (36, 13)


def test_what_core_ml_tools_have_no_operator_for_is_named(shop: Workshop, tmp_path: Path):
    (tmp_path / "mine.py").write_text(COMPLEX, "utf-8")
    np.save(tmp_path / "x.npy", np.zeros((2, 4, 4), np.float32))
    workload = Workload(
        "", "torch", "fp32", threads=2, factory="mine:odd", factory_paths=[str(tmp_path)],
        input_sets=[{"x": str(tmp_path / "x.npy")}],
    )  # fmt: skip
    found = translate(ensure(spec_of("coreml-torch")), shop, "coreml", workload, str(tmp_path), {})
    assert (found.path, found.status) == (None, Status.UNSUPPORTED)
    assert "Core ML Tools cannot convert this module" in found.reason and "linalg_eig" in found.reason
