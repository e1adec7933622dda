"""TensorFlow on the CPU, for models that have a SavedModel twin: its graph, called as a session calls it."""

import os
from collections import Counter
from typing import Any

import numpy as np

from bench.contract.job import Loaded, Placement, Workload
from bench.contract.status import Failure, Status

SIGNATURE = "serving_default"
PRECISIONS = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
PASSING = ("Const", "Identity", "NoOp", "ReadVariableOp", "VarHandleOp", "_Arg", "_Retval", "Placeholder")

tf: Any = None
version = ""


def import_runtime() -> str:
    global tf, version
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow

    tf, version = tensorflow.compat.v1, str(tensorflow.__version__)
    return version


def probe() -> dict[str, Any]:
    return {"version": version, "devices": ["CPU"]}


def load(workload: Workload) -> "TensorFlowSession":
    """Open the model as a graph: `tf.saved_model.load` fails on those saved with an optimiser of an older Keras."""
    graph = tf.Graph()
    config = tf.ConfigProto(intra_op_parallelism_threads=workload.threads, inter_op_parallelism_threads=1)
    session = tf.Session(graph=graph, config=config)
    with graph.as_default():
        try:
            model = tf.saved_model.load(session, [tf.saved_model.tag_constants.SERVING], workload.model)
        except Exception as error:
            said = " ".join(str(error).split())[:300]
            raise Failure(Status.UNSUPPORTED, f"TensorFlow cannot load this SavedModel: {said}") from error
    if SIGNATURE not in model.signature_def:
        has = ", ".join(model.signature_def)
        raise Failure(Status.UNSUPPORTED, f"the SavedModel has no signature `{SIGNATURE}`; it has {has}")
    return TensorFlowSession(session, model.signature_def[SIGNATURE], workload.threads)


def placement(workload: Workload, inputs: dict[str, np.ndarray]) -> Placement | None:
    """Count the operations of the graph as it is run, after TensorFlow's own optimiser, and what they compute in."""
    opened = load(workload)
    seen = tf.RunMetadata()
    feeds = dict(zip(opened.feeds, opened.given(inputs), strict=True))
    options = tf.RunOptions(output_partition_graphs=True)
    opened.session.run(opened.fetches, feeds, options=options, run_metadata=seen)
    nodes = [node for graph in seen.partition_graphs for node in graph.node if node.op not in PASSING]
    types = Counter(tf.as_dtype(node.attr["T"].type).name for node in nodes if node.attr["T"].type)
    names = Counter(f"CPU/{node.op}" for node in nodes)
    precision = next((PRECISIONS[name] for name, _ in types.most_common() if name in PRECISIONS), None)
    return Placement({"CPU": len(nodes)}, {"CPU": 1.0}, precision, dict(names))


class TensorFlowSession:
    """One session serves every request at once."""

    def __init__(self, session: Any, signature: Any, threads: int) -> None:
        self.session = session
        self.threads = threads
        self.names = {key: value.name for key, value in signature.inputs.items()}
        self.feeds = list(self.names.values())
        self.fetches = [signature.outputs[key].name for key in sorted(signature.outputs)]  # a map has no order itself
        self.call = session.make_callable(self.fetches, self.feeds)

    def loaded(self) -> Loaded:
        return Loaded(runtime_version=version, device="CPU", threads=self.threads, precision=None)

    def bind(self, inputs: dict[str, np.ndarray]) -> "TensorFlowRequest":
        return TensorFlowRequest(self.call, self.fetches, self.given(inputs))

    def given(self, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Return the arrays in the signature's order; a twin may name its inputs by tensor, by key, or otherwise."""
        if len(inputs) != len(self.feeds):
            raise Failure(Status.ERROR, f"the SavedModel has {len(self.feeds)} inputs, the model {len(inputs)}")
        named = {*self.names, *self.feeds}
        rest = iter(value for name, value in inputs.items() if name not in named)
        return [
            inputs[tensor] if tensor in inputs else inputs[key] if key in inputs else next(rest)
            for key, tensor in self.names.items()
        ]


class TensorFlowRequest:
    def __init__(self, call: Any, names: list[str], inputs: list[np.ndarray]) -> None:
        self.names = names
        self.found: list[Any] = []

        def run() -> None:
            self.found = call(*inputs)

        self.run = run

    def outputs(self) -> dict[str, np.ndarray]:
        return {name: np.array(value) for name, value in zip(self.names, self.found, strict=True)}
