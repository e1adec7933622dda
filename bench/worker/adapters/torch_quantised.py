"""Quantise a module's linear layers with torchao while it is loaded, and tell what of it is in which precision."""

from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from bench.contract.status import Failure, Status
from bench.worker.origin import told

# torchao's tensors are of the type they compute with; what they hold is told by their class, INT8 by its data.
BITS = {"Int4OpaqueTensor": "int4", "Int8Tensor": "int8"}
PRECISIONS = {"torch.float32": "fp32", "torch.float16": "fp16", "torch.bfloat16": "bf16"}


def quantise(module: Any, recipe: dict[str, Any]) -> Any:
    """Return `module` with its linear layers quantised in place.

    `recipe` holds `config` (module:class of torchao's) and what that takes; `multiple_of` leaves out layers whose
    outputs it does not divide, `group_size` those whose inputs it does not. Raises Failure where torchao is not there
    or refuses, and where no layer was left to it.
    """
    import torch

    given = {name: value for name, value in recipe.items() if name not in ("config", "multiple_of")}
    rows, columns = recipe.get("multiple_of", 1), recipe.get("group_size", 1)

    def fits(layer: Any, name: str) -> bool:
        linear = isinstance(layer, torch.nn.Linear)
        return linear and layer.out_features % rows == 0 and layer.in_features % columns == 0

    try:
        from torchao.quantization import quantize_

        place, _, config = recipe["config"].partition(":")
        quantize_(module, getattr(import_module(place), config)(**given), filter_fn=fits)
    except Exception as error:
        raise Failure(Status.UNSUPPORTED, f"torchao cannot quantise this module here: {told(error)}") from error
    if not any(precision in BITS.values() for precision, _ in _weights(module)):
        layers = Counter(type(layer).__name__ for layer in module.modules() if _weight(layer) is not None)
        present = ", ".join(f"{count} {name}" for name, count in layers.most_common(4))
        raise Failure(
            Status.UNSUPPORTED,
            f"nothing_quantised: torchao quantises linear layers, and found none it can take (layers: {present})",
        )
    return module


def precision_of_weights(module: Any) -> str | None:
    """Return the precision that most weights of multiplying layers are in; embeddings are looked up, not multiplied."""
    counts: Counter[str] = Counter()
    for precision, number in _weights(module):
        counts[precision] += number
    return counts.most_common(1)[0][0] if counts else None


def bytes_of(module: Any) -> int:
    """Return the bytes that a module's parameters hold, packed as they are."""
    return sum(tensor.nbytes for value in module.parameters() for tensor in _held(value))


def _weights(module: Any) -> Iterator[tuple[str, int]]:
    for layer in module.modules():
        if (value := _weight(layer)) is not None:
            yield BITS.get(type(value).__name__) or PRECISIONS.get(str(value.dtype), str(value.dtype)), value.numel()


def _weight(layer: Any) -> Any:
    """Return what a layer multiplies by: the weight of a linear layer or a convolution, a matrix at least."""
    value = getattr(layer, "weight", None)
    return value if value is not None and value.ndim > 1 and type(layer).__name__ != "Embedding" else None


def _held(value: Any) -> list[Any]:
    """Return the plain tensors that a parameter is made of."""
    names = getattr(value, "tensor_data_names", None)
    return [value] if names is None else [getattr(value, name) for name in names]
