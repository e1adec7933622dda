"""What a .tflite computes in, read from the operators that multiply: dynamic-range INT8 keeps activations in FP32."""

from collections.abc import Iterator
from typing import Any

import numpy as np

MULTIPLYING = {"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"}


def weights_of(interpreter: Any) -> Iterator[tuple[str, str, int]]:
    """Yield (operator, dtype of its weights, number of them) of each that multiplies; a delegate's nodes are there too.

    Weights that are unpacked to floating point first are of the type they are unpacked to.
    """
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    for node in interpreter._get_ops_details():  # the interpreter has no other way to tell
        if node["op_name"] in MULTIPLYING and (weights := tensors.get(node["inputs"][1])) is not None:
            count = int(np.prod(weights["shape"], dtype=np.int64))
            yield node["op_name"], np.dtype(weights["dtype"]).name, count
