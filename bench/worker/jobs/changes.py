"""What a conversion changed, read from the graph it was given and the graph it made; and why it left the rest.

Nodes are told by their names: tools keep them, with an ending of their own.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from math import prod
from typing import Any

from onnx import TensorProto

from bench.contract.conversion import Conversion
from bench.worker.jobs.graph import Scope, graphs, operators, scoped
from bench.worker.jobs.lost import FLOATS, lost

# Where operators that do most of the work, or hold most of the weights, have their weights.
WEIGHTS = {
    "MatMul": (1,),
    "Gemm": (1,),
    "Conv": (1,),
    "ConvTranspose": (1,),
    "LSTM": (1, 2),
    "GRU": (1, 2),
    "RNN": (1, 2),
    "Attention": (1,),
}
TABLES = {"Gather": (0,), "EmbedLayerNormalization": (2, 3, 4)}  # weights that are looked up: where a recipe takes them
INTEGER = {
    "MatMulInteger",
    "ConvInteger",
    "DynamicQuantizeMatMul",
    "MatMulIntegerToFloat",
    "DynamicQuantizeLSTM",
    "QAttention",
    "QGemm",
    "MatMulNBits",
    "GatherBlockQuantized",
    "QEmbedLayerNormalization",
}
BETWEEN = {"Cast", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}
ENDINGS = re.compile(r"_quant$|_matmul_Q\d$|_Q\d$|_MatMul$")  # what tools add to the name of a node they replace
NOTHING = {"Constant", "If", "Loop", "Scan"}  # they compute nothing themselves
BODIES = {"If": "a branch of If", "Loop": "the body of a Loop", "Scan": "the body of a Scan"}
UNKNOWN = "the tool left it, and does not say why"


@dataclass(frozen=True)
class Takes:
    """What a tool takes, as far as it is known: the reasons why it leaves a node are derived from this."""

    operators: frozenset[str]
    excluded: frozenset[str] = frozenset()  # names of nodes
    one_matrix: bool = False  # a weight must be one matrix, whatever number of dimensions of 1 stand before it
    nested: bool = False  # it looks into the branches of If and the bodies of loops
    activations: bool = False  # it quantises computed inputs too
    otherwise: str = "not among the recipe's operators"


def changes(source: Any, made: Any, takes: Takes, packages: tuple[str, ...], half: int = 0) -> Conversion:
    """Return what became of the nodes of `source` in `made`, by operator; the two sizes are left to the caller.

    `half` is the type that a recipe computes in (TensorProto.FLOAT16, BFLOAT16); without it a node is taken where it
    became an operator on integers, or where what it is fed is dequantised.
    """
    taken = _names_taken(made, {node.name for node, _ in scoped(source.graph)}, takes, half)
    quantised: Counter[str] = Counter()
    left: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for node, scope in scoped(source.graph):
        if node.name in taken:
            quantised[node.op_type] += 1
        elif _worth_telling(node, scope, takes):
            left[node.op_type][_reason(node, scope, takes)] += 1
    if not quantised and not left:
        left = defaultdict(Counter, {op: Counter({takes.otherwise: nodes}) for op, nodes in operators(source).items()})
    before, after = operators(source), operators(made)
    return Conversion(
        quantised=dict(quantised),
        left={operator: dict(why) for operator, why in left.items()},
        casts=sum(max(0, after[operator] - before[operator]) for operator in BETWEEN),
        tools={name: version(name) for name in packages},
        lost=lost(source, made, WEIGHTS | TABLES),
    )


def _names_taken(made: Any, names: set[str], takes: Takes, half: int) -> set[str]:
    """Return the names, among those of the model it was made of, of the nodes that the tool took."""
    if half:
        types = {value.name: value.type.tensor_type.elem_type for value in _values(made)}
        return {
            node.name
            for node, _ in scoped(made.graph)
            if node.name in names
            and node.op_type not in BETWEEN | NOTHING
            and any(types.get(name) == half for name in node.output)
        }
    found = set()
    for node, scope in scoped(made.graph):
        name = node.name
        while name not in names and (short := ENDINGS.sub("", name)) != name:
            name = short
        if _on_integers(node) or _dequantised(node, scope, takes) or _of_integers(node, scope, takes):
            found.add(name)
    return found & names - takes.excluded


def _values(model: Any) -> Iterator[Any]:
    """Yield the types of all values, as far as they were inferred."""
    for graph in graphs(model):
        yield from graph.value_info
        yield from graph.output


def _on_integers(node: Any) -> bool:
    return node.op_type in INTEGER or node.op_type.startswith("QLinear")


def _dequantised(node: Any, scope: Scope, takes: Takes) -> bool:
    """Return whether a node stands behind DequantizeLinear: its weights, or what it is fed where it has none."""
    if node.op_type not in takes.operators:
        return False
    fed = [node.input[place] for place in _weight_places(node) if place < len(node.input)]
    if not fed:
        fed = [name for place, name in enumerate(node.input) if place == 0 or _is_float(scope.get(name))]
    return bool(fed) and all(_made_by(scope.get(name)) == "DequantizeLinear" for name in fed if name)


def _of_integers(node: Any, scope: Scope, takes: Takes) -> bool:
    """Return whether a node looks its values up in a table that was quantised: its operator stays the same."""
    table = scope.get(node.input[0]) if node.op_type == "Gather" and "Gather" in takes.operators else None
    if isinstance(table, TensorProto):
        return table.data_type in (TensorProto.INT8, TensorProto.UINT8)
    return _made_by(table) == "QuantizeLinear"


def _weight_places(node: Any) -> tuple[int, ...]:
    if node.op_type == "Attention" and node.domain in ("", "ai.onnx"):
        return ()  # ONNX's own takes queries, keys and values, all of them computed
    return (WEIGHTS | TABLES).get(node.op_type, ())


def _worth_telling(node: Any, scope: Scope, takes: Takes) -> bool:
    if node.op_type in TABLES:
        return node.op_type in takes.operators and any(_is_float(scope.get(name)) for name in node.input)
    return node.op_type in WEIGHTS or _on_integers(node)


def _is_float(found: Any) -> bool:
    return isinstance(found, TensorProto) and found.data_type in FLOATS


def _reason(node: Any, scope: Scope, takes: Takes) -> str:
    """Return in words why a tool left a node, as far as its graph tells."""
    if _on_integers(node):
        return "quantised already in the model as stored"
    if node.name in takes.excluded:
        return "excluded by name"
    if node.op_type not in takes.operators:
        return takes.otherwise
    weights = [scope.get(node.input[place]) for place in _weight_places(node) if place < len(node.input)]
    stored = [weight for weight in weights if isinstance(weight, TensorProto)]
    if scope.body and not takes.nested:
        what = "weight sits" if stored or any(_made_by(weight) == "Constant" for weight in weights) else "it stands"
        return f"{what} inside {BODIES.get(scope.body, scope.body)}, where the tool does not look"
    if len(stored) < len(weights) or not weights:
        return UNKNOWN if takes.activations else _computed(node, scope, weights)
    if not all(_is_float(weight) for weight in stored):
        return f"its weight is {TensorProto.DataType.Name(stored[0].data_type)}, no float"
    if takes.one_matrix and (len(stored[0].dims) < 2 or prod(stored[0].dims[:-2]) != 1):
        return f"its weight has the shape {list(stored[0].dims)}, and the tool takes one matrix"
    return UNKNOWN


def _made_by(found: Any) -> str:
    return str(getattr(found, "op_type", ""))


def _computed(node: Any, scope: Scope, weights: list[Any]) -> str:
    """Return why there is no weight where the tool looks for one."""
    makers = [_made_by(weight) for weight in weights if not isinstance(weight, TensorProto)]
    if "DequantizeLinear" in makers:
        return "its weight is quantised already in the model as stored"
    if "Constant" in makers:
        return "its weight is given by a Constant node, where the tool does not look"
    if node.op_type == "MatMul" and _is_float(scope.get(node.input[0])):
        return "its weight is the first input, and the tool takes the second"
    if node.op_type in ("MatMul", "Gemm", "Attention"):
        return "both inputs are computed, no weight to quantise"
    return "its weight is computed, not stored"
