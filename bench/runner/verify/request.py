"""What a verification is asked for."""

from dataclasses import dataclass, field

TARGETS = ("cpu", "openvino", "openvino-native")  # small environments that run on any x86-64 machine


@dataclass(frozen=True)
class Request:
    """`model` is an ONNX file or a name of the catalog; `against` is torch:module:function, an ONNX file or "".

    dims: sizes of open dimensions by name, the first of each the one that everything else is checked at.
    inside: compare weights, and values in between, by name too.
    atol: None takes the catalog's for a model of it, else 1e-5.
    """

    model: str
    against: str = ""
    targets: tuple[str, ...] = TARGETS
    inputs: int = 10
    seed: int = 0
    rtol: float = 1e-3
    atol: float | None = None
    opsets: tuple[int, ...] | None = None
    dims: dict[str, list[int]] = field(default_factory=dict)
    inside: bool = True
