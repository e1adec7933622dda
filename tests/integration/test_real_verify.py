"""Planted faults are found, with their node; correct models are not flagged. Real onnxruntime, OpenVINO and torch."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import catalog
from bench.environments import cache_root, ensure, spec_for, tools_spec
from bench.errors import NothingMeasured, UsageError
from bench.models.variants import Workshop
from bench.process import run_job, worker_folder
from bench.runner.verify import Parting, Request, Verdict, Verification, flow, named, opsets, origins, verify
from bench.runner.verify.findings import TARGETS
from bench.runner.verify.judging import Bound
from bench.runner.verify.parting import Search, bisect, outline
from bench.runner.verify.runner import Place, Runner, on_cpu, places

pytestmark = pytest.mark.runtimes

PLANTED = Path(__file__).parents[1] / "support" / "planted.py"  # run in the tools environment, which has onnx

FACTORY = """
import torch

def small():
    torch.manual_seed(0)

    class Small(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = torch.nn.Linear(16, 32)
            self.second = torch.nn.Linear(32, 32)
            self.last = torch.nn.Linear(32, 8)

        def forward(self, features):
            hidden = torch.nn.functional.gelu(self.first(features))
            return torch.softmax(self.last(torch.tanh(self.second(hidden)) - hidden), -1)

    return Small(), {"features": torch.randn(2, 16)}

def folded():
    torch.manual_seed(0)

    class Folded(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 8, 3)
            self.norm = torch.nn.BatchNorm2d(8)
            self.norm.running_var.uniform_(0.5, 2)

        def forward(self, image):
            return torch.relu(self.norm(self.conv(image)))

    return Folded(), {"image": torch.randn(2, 3, 8, 8)}

def looked_up():
    class LookedUp(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Embedding.from_pretrained(torch.load("table.pt"))

        def forward(self, ids):
            return self.table(ids - 100)

    return LookedUp(), {"ids": torch.tensor([[100, 103, 106], [101, 102, 107]])}

def unseeded():
    return torch.nn.Linear(16, 8), {"input": torch.zeros(2, 16)}

def empty_handed():
    class EmptyHanded(torch.nn.Module):
        def forward(self, features):
            return features, None

    return EmptyHanded(), {"features": torch.zeros(2, 16)}
"""
NODES = {"dropped_bias": "node_linear_1", "wrong_gelu": "node_gelu", "swapped_sub": "node_sub_4"}


EXPORTS = """
import sys
import torch
from bench.worker.jobs import export
torch.save(torch.arange(32.0).reshape(8, 4), "table.pt")
for name in ("small", "folded", "looked_up"):
    export.run(f"mine:{name}", ["."], "", {}, f"{name}.onnx")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the factory and its exports, small.onnx, folded.onnx and looked_up.onnx."""
    place = tmp_path_factory.mktemp("verify")
    (place / "mine.py").write_text(FACTORY, "utf-8")
    torch = ensure(spec_for(catalog.targets()["torch"]))
    code = {**os.environ, "PYTHONPATH": str(worker_folder(cache_root()))}
    subprocess.run([torch.python, "-c", EXPORTS], check=True, cwd=place, env=code)
    return place


@pytest.fixture(scope="module")
def torch_jobs(folder: Path) -> dict[str, Any]:
    """What torch has been asked of a factory, with the answers: the same module is not exported for every fault."""
    return {}


@pytest.fixture
def here(folder: Path, torch_jobs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder as the current one, where torch is asked the same only once."""

    def once(python: Path, code: Path, op: str, /, **arguments: Any) -> Any:
        into = next((name for name in ("destination", "folder") if name in arguments), None)
        inputs = [np.load(path).tobytes() for path in arguments.get("input_set", {}).values()]
        asked = {name: value for name, value in arguments.items() if name not in (into, "input_set")}
        key = repr((op, asked, inputs))
        kept = folder / "kept" / str(list({**torch_jobs, key: None}).index(key))
        if key not in torch_jobs:
            kept.mkdir(parents=True)
            torch_jobs[key] = run_job(python, code, op, **arguments | ({into: str(kept)} if into else {}))
        if into is None:
            return torch_jobs[key]
        shutil.copytree(kept, arguments[into], dirs_exist_ok=True)
        return json.loads(json.dumps(torch_jobs[key]).replace(str(kept), arguments[into]))

    for module in (named, opsets, origins):
        monkeypatch.setattr(module, "run_job", once)
    monkeypatch.chdir(folder)
    return folder


def plant(fault: str, source: str = "small.onnx") -> str:
    name = f"{fault.replace(':', '-')}.onnx"
    subprocess.run([ensure(tools_spec()).python, PLANTED, source, fault, name], check=True)
    return name


def verified(model: str, against: str = "", **settings: object) -> Verification:
    settings = {"targets": ("cpu",), "opsets": (20,), "inputs": 3, **settings}
    return verify(Request(model, against, **settings))  # type: ignore[arg-type]


def differing(found: Verification) -> dict[str, str]:
    return {f"{c.kind} {c.name}": c.reason for c in found.checks if c.verdict == Verdict.DIFFERS}


def parting_of(found: Verification) -> Parting:
    return next(check.parting for check in found.checks if check.parting)


@pytest.mark.parametrize("against", ["small.onnx", "torch:mine:small"])
@pytest.mark.parametrize("fault", NODES)
def test_a_planted_fault_is_found_with_its_node(here: Path, fault: str, against: str):
    found = verified(plant(fault), against, dims={"batch": [2]})
    assert found.differs
    assert parting_of(found).node == NODES[fault]


@pytest.mark.parametrize("seed", range(3))
def test_one_weight_that_is_off_is_found_however_little(here: Path, seed: int):
    found = verified(plant(f"weight:{seed}:0.01"), "small.onnx", dims={"batch": [2]})
    [(_, reason)] = [(name, why) for name, why in differing(found).items() if name.startswith("weights")]
    assert reason.startswith("1 of ") and "read by node_linear" in reason


def test_weights_inside_branches_and_constants_are_compared_too(here: Path):
    found = verified(plant("branched:0.001"), plant("branched:0"), dims={"batch": [2]})
    assert {"weights inner", "weights held"} <= differing(found).keys()
    assert "in_branch (Relu)" in differing(found)["weights inner"]


@pytest.mark.parametrize("against", ["", "small.onnx", "torch:mine:small"])
def test_a_baked_batch_is_found_with_its_dimension(here: Path, against: str):
    found = differing(verified(plant("baked_batch"), against))
    assert set(found) == {"size batch=1", "size batch=3", "size batch=4", "size batch=7"}
    assert all("baked" in reason for reason in found.values())


@pytest.mark.parametrize("against", ["", "small.onnx", "torch:mine:small"])
def test_a_batch_of_one_that_is_baked_in_is_found_although_all_begins_with_two(here: Path, against: str):
    found = differing(verified(plant("baked_batch:1"), against))
    export = {"export as stored"} if against else {"size batch=2"}
    assert set(found) == export | {"size batch=3", "size batch=4", "size batch=7"}
    assert all("baked" in reason for reason in found.values())


def test_a_correct_export_agrees_everywhere(here: Path):
    found = verified("small.onnx", "torch:mine:small", opsets=(18, 20, 21), targets=TARGETS)
    assert {check.verdict for check in found.checks} == {Verdict.AGREES}
    assert {check.kind for check in found.checks} == {"export", "values", "weights", "target", "opset", "size"}
    crossed = {(check.name, check.target) for check in found.checks if check.kind == "opset"}
    assert crossed == {(opset, target) for opset in ("18", "21") for target in ("", *TARGETS)}


def test_a_weight_that_the_exporter_folded_a_layer_into_agrees(here: Path):
    found = verified("folded.onnx", "torch:mine:folded", dims={"batch": [2]})
    assert {check.verdict for check in found.checks} == {Verdict.AGREES}
    assert {check.kind for check in found.checks} == {"export", "values", "weights", "target"}


class Faulty(Runner):
    """A runtime that computes one operator wrongly, in whatever part of the model it is given."""

    fault = "swapped_sub"

    def of(self, model: Path) -> Runner:
        wrong = model.with_suffix(".wrong.onnx")
        done = subprocess.run(
            [ensure(tools_spec()).python, PLANTED, model, self.fault, wrong], check=False, capture_output=True
        )
        return super().of(model if done.returncode else wrong)  # a part without a Sub has no fault


class FaultyAt21(Faulty):
    """The same in files of opset 21 only."""

    fault = "swapped_sub:21"


def test_bisection_names_the_node_that_a_runtime_computes_wrongly(here: Path, tmp_path: Path):
    shop = Workshop(ensure(tools_spec()), worker_folder(cache_root()), {})
    stored = on_cpu(shop.tools.python, shop.folder, here / "small.onnx", 1, tmp_path)
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(2, 16)).astype(np.float32))
    search = Search(shop, tmp_path, Bound(1e-3, 1e-5), lambda _: None)
    file, inputs = outline(shop, here / "small.onnx"), {"features": str(tmp_path / "x.npy")}
    found = bisect(search, file, stored, Faulty(**vars(stored)), inputs)
    assert isinstance(found, Parting)
    assert (found.node, found.op, found.through) == ("node_sub_4", "Sub", ())
    assert "agrees" in str(bisect(search, file, stored, replace(stored, label="the same"), inputs))


def test_a_target_that_differs_at_one_opset_only_is_named_with_it_and_the_node(
    here: Path, monkeypatch: pytest.MonkeyPatch
):
    def faulty(*arguments: Any) -> list[Place]:
        [place] = places(*arguments)
        return [replace(place, runner=FaultyAt21(**vars(place.runner)))]

    monkeypatch.setattr(flow, "places", faulty)
    found = verified("small.onnx", opsets=(21, 22), dims={"batch": [2]})
    assert set(differing(found)) == {"opset 21"}
    [check] = [check for check in found.checks if check.verdict == Verdict.DIFFERS]
    assert (check.target, check.parting and check.parting.node) == ("cpu", "node_sub_4")


@pytest.mark.parametrize("model", ["magika", "nsnet2", "silero-vad"])
def test_no_correct_model_of_the_catalog_is_flagged(model: str):
    found = verified(model, targets=TARGETS, opsets=(20,))
    assert differing(found) == {}
    agreeing = {check.name for check in found.checks if check.kind == "target" and check.verdict == Verdict.AGREES}
    assert agreeing == ({"cpu"} if model == "silero-vad" else {"cpu", "openvino", "openvino-native"})


@pytest.mark.heavy
def test_a_twin_whose_outputs_are_joined_agrees():
    found = verified("blazeface", targets=("cpu", "litert"))
    assert {check.name: check.verdict for check in found.checks if check.kind == "target"} == {
        "cpu": Verdict.AGREES,
        "litert": Verdict.AGREES,
    }


def test_a_model_of_the_catalog_agrees_with_its_torch_module():
    found = verified("crepe-tiny")
    assert found.origin == "torch:bench.worker.factories:crepe"
    assert differing(found) == {}


def test_ids_are_of_the_range_of_the_examples_and_files_are_beside_the_factory(here: Path):
    found = verified("looked_up.onnx", "torch:mine:looked_up", dims={"batch": [2]})
    assert differing(found) == {}


def test_a_folded_weight_is_not_flagged_where_the_module_cannot_be_exported(
    here: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bench.runner.verify.opsets.make", lambda *_: None)
    found = verified("folded.onnx", "torch:mine:folded", dims={"batch": [2]})
    assert differing(found) == {}
    assert "folded into them" in next(check.reason for check in found.checks if check.kind == "weights")


def test_a_factory_that_makes_other_weights_each_time_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)  # and torch is asked each time
    with pytest.raises(UsageError, match="other weights each time"):
        verified("small.onnx", "torch:mine:unseeded")


def test_an_output_that_is_no_tensor_is_told_in_words(here: Path):
    with pytest.raises(NothingMeasured, match="`output_1` is a NoneType"):
        verified("small.onnx", "torch:mine:empty_handed")


def test_weights_beside_a_file_stay_there_when_it_is_cut_and_converted(here: Path):
    """As those of a file of more than 2 GiB have to: no message holds them."""
    found = verified(plant("beside"), "small.onnx", opsets=(21,), dims={"batch": [2]})
    assert {check.verdict for check in found.checks} == {Verdict.AGREES}
    assert {check.kind for check in found.checks} == {"export", "values", "weights", "target", "opset"}


def test_a_part_that_is_too_large_for_one_file_has_its_weights_beside_it(here: Path, tmp_path: Path):
    job = f"""
from bench.worker.jobs import graph, cut
graph.INLINE_LIMIT = 100
cut.run("{plant("beside")}", ["gelu"], {str(tmp_path / "part.onnx")!r})
"""
    code = {**os.environ, "PYTHONPATH": str(worker_folder(cache_root()))}
    subprocess.run([ensure(tools_spec()).python, "-c", job], check=True, env=code)
    assert {path.name for path in tmp_path.iterdir()} == {"part.onnx", "part.bin"}


def test_a_factory_that_is_not_there_is_an_error_of_usage(here: Path):
    with pytest.raises(UsageError, match="cannot be imported"):
        verified("small.onnx", "torch:mine:smaller")


def test_a_model_that_runs_nowhere_is_told_with_the_reason(here: Path):
    broken = (here / "small.onnx").read_bytes().replace(b"Softmax", b"Softmix")
    (here / "broken.onnx").write_bytes(broken)
    with pytest.raises(NothingMeasured, match="Softmix"):
        verified("broken.onnx", "small.onnx")
