"""What a conversion did to a model: sent back by its job, kept with the variant, shown in reports."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Conversion:
    """The report of one conversion. Operators are named by the model it was made of."""

    quantised: dict[str, int] = field(default_factory=dict)  # operator -> nodes that the recipe took
    left: dict[str, dict[str, int]] = field(default_factory=dict)  # operator -> why it was left as it was -> nodes
    casts: int = 0  # nodes put in between to change types: Cast, QuantizeLinear, DequantizeLinear and their like
    bytes_before: int = 0  # files of weights beside the model's included
    bytes_after: int = 0
    tools: dict[str, str] = field(default_factory=dict)  # package -> version
    lost: list[str] = field(default_factory=list)  # biases, gains and their like that nothing reads any more, in words
    cut: list[str] = field(default_factory=list)  # stored values beyond the range of what they became, in words
    problem: str = ""  # what onnx.checker, loading it or its first outputs had to say; empty where all is well

    def to_wire(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_wire(cls, data: dict[str, Any]) -> "Conversion":
        return cls(**data)
