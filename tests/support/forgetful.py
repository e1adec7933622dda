"""Convert a model by tools that forget one bias: `python forgetful.py MODEL FOLDER RECIPES`, in the tools environment.

RECIPES is JSON: name -> [method, options, input sets]. Prints JSON: name -> what each conversion says that it lost, the
tool as it is first.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from bench.worker.jobs import prepare
from bench.worker.jobs.graph import graphs, load, named, save
from bench.worker.jobs.recipes import METHODS

PLACES = {"Conv": (2,), "ConvTranspose": (2,), "Gemm": (2,), "Add": (0, 1)}
MODULES = {"float16": "float16", "bfloat16": "bfloat16", "matmul_nbits": "nbits"}
MODULES |= {"quantize_dynamic": "dynamic", "quantize_static": "static"}
SEEDS = 5


def biases(model):
    """The output of each node that adds a stored vector, and the place of the vector among its inputs."""
    found = []
    for graph in graphs(model):
        stored = {tensor.name: tensor for tensor in graph.initializer}
        stored |= {n.output[0]: a.t for n in graph.node if n.op_type == "Constant" for a in n.attribute}
        for node in graph.node:
            for place in PLACES.get(node.op_type, ()):
                tensor = stored.get(node.input[place]) if place < len(node.input) else None
                if tensor is None or tensor.data_type != onnx.TensorProto.FLOAT:
                    continue
                values = numpy_helper.to_array(tensor)
                single = values.size == 1 and node.op_type != "Add"  # a constant is no bias
                if (single or 1 < values.size == max(values.shape)) and np.abs(values).max() > 1e-3:
                    found.append((node.output[0], place))
    return found


def without(model, output, place):
    """The model whose node of this output no longer adds what is at `place`."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    (node,) = [node for graph in graphs(made) for node in graph.node if output in node.output]
    kept = [name for at, name in enumerate(node.input) if at != place]
    node.op_type = "Identity" if node.op_type == "Add" else node.op_type
    node.input[:] = kept
    return made


def converted(source, given, folder, method, options, inputs):
    """What a conversion of `source` says that it lost, whose tool is given another model."""
    module = import_module(f"bench.worker.jobs.recipes.{MODULES[method]}")
    changes, file = module.changes, folder / "given.onnx"
    save(given, str(file))
    module.changes = lambda _, made, *rest: changes(source, made, *rest)
    try:
        return METHODS[method](str(file), str(folder / "made.onnx"), options, inputs).lost
    finally:
        module.changes = changes


if __name__ == "__main__":
    stored, place, recipes = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    prepare.run(stored, str(place / "prepared.onnx"))
    said = {}
    for recipe, (method, options, inputs) in recipes.items():
        model = named(load(str(place / "prepared.onnx") if method.startswith("quantize") else stored))
        found = biases(model)
        rngs = [np.random.default_rng(seed) for seed in range(SEEDS)]
        faulty = [without(model, *found[rng.integers(len(found))]) for rng in rngs]
        said[recipe] = [converted(model, given, place, method, options, inputs) for given in (model, *faulty)]
    print(json.dumps(said))
