"""Models of known cost: a stack and its slower twin are one function, of as many layers as was said."""

import json
import subprocess
from pathlib import Path

import pytest

from bench.environments import ensure, tools_spec
from bench.models import variants
from bench.models.stack import Stack, stack_file
from bench.models.variants import Workshop

pytestmark = pytest.mark.runtimes

TRY = """
import json, sys
from collections import Counter
import numpy as np, onnx, onnxruntime
found = []
for path in sys.argv[1:]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (x,), (y,) = session.get_inputs(), session.get_outputs()
    given = np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    (given_back,) = session.run(None, {x.name: given})
    nodes = Counter(node.op_type for node in onnx.load(path).graph.node)
    found.append({"shape": x.shape, "nodes": nodes, "given": given.ravel().tolist(), "y": given_back.ravel().tolist()})
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def shop(worker_code) -> Workshop:
    return Workshop(ensure(tools_spec()), worker_code, {})


def tried(shop: Workshop, *paths: Path) -> list[dict]:
    command = [shop.tools.python, "-c", TRY, *paths]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize(
    ("stack", "shape"),
    [(Stack("matmul", 4, 8, 20), [4, 8]), (Stack("conv", 6, 3, 20), [1, 3, 6, 6])],
    ids=["matmul", "conv"],
)
def test_the_slower_twin_gives_the_same_outputs(shop, stack, shape):
    one, twin = tried(shop, stack_file(shop, stack), stack_file(shop, stack.slower(0.5)))
    assert one["shape"] == twin["shape"] == shape
    assert one["y"] == pytest.approx(twin["y"], rel=1e-6, abs=1e-6)
    assert one["y"] != pytest.approx(one["given"], abs=1e-3), "a stack that changes nothing proves nothing"
    assert max(map(abs, one["y"])) < 100, "errors of rounding would grow with it"


def test_it_has_as_many_layers_as_was_said_and_the_twin_that_share_more(shop):
    for stack, operators in ((Stack("matmul", 2, 4, 100), {"MatMul"}), (Stack("conv", 4, 2, 100), {"Conv", "Relu"})):
        one, twin = tried(shop, stack_file(shop, stack), stack_file(shop, stack.slower(0.03)))
        assert one["nodes"] == dict.fromkeys(operators, 100)
        assert twin["nodes"] == dict.fromkeys(operators, 103)


def test_it_is_made_once(shop, monkeypatch):
    stack = Stack("matmul", 3, 5, 7)
    made = stack_file(shop, stack)
    monkeypatch.setattr(variants, "run_job", lambda *_, **__: pytest.fail("made again"))
    assert stack_file(shop, Stack("matmul", 3, 5, 7)) == made
    with pytest.raises(pytest.fail.Exception, match="made again"):
        stack_file(shop, stack.slower(0.5))  # which is another file
