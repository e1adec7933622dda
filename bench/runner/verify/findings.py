"""What a verification finds, ready for a table and for JSON."""

from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    AGREES = "agrees"
    DIFFERS = "differs"  # the only one that makes the command fail
    CANNOT_RUN = "cannot run"  # on this target: says nothing of the model
    CRASHED = "crashed"
    NOT_CONVERTED = "not converted"
    NOT_HERE = "not here"


@dataclass(frozen=True)
class Parting:
    """The first node whose output differs where all it reads agrees.

    how: by bisection (the model cut after more and more nodes), or by name (values of the same name compared in order).
    through: nodes between it and the last values that could be compared, where they have no namesake in the origin.
    """

    node: str
    op: str
    output: str
    max_abs: float | None
    how: str
    through: list[str] = field(default_factory=list)
    note: str = ""


@dataclass(frozen=True)
class Check:
    """One comparison with the origin. kind: export, values, weights, target, opset or size; name: which of them.

    max_abs: largest |d| over all sets and outputs. share: the same in units of its output's largest |reference|.
    excess: largest |d| / bound of any element; over 1 it differs. `output` and `input_set` say where that is.
    """

    kind: str
    name: str
    verdict: Verdict
    reason: str = ""
    max_abs: float | None = None
    share: float | None = None
    excess: float | None = None
    output: str = ""
    input_set: int | None = None
    parting: Parting | None = None


@dataclass(frozen=True)
class Verification:
    """Everything that was checked. `notes` are sentences a reader has to know."""

    model: str
    source: str
    origin: str
    inputs: int
    seed: int
    rtol: float
    atol: float
    sizes: dict[str, int]
    checks: list[Check]
    notes: list[str]
    of_largest: float = 0.0  # in units of an output's largest element, in place of atol where it comes to more
    of_typical: float = 0.0  # the same, of its root mean square

    @property
    def silent(self) -> list[str]:
        """The targets that nothing is known of."""
        ran = (Verdict.AGREES, Verdict.DIFFERS)
        return [check.name for check in self.checks if check.kind == "target" and check.verdict not in ran]

    @property
    def differs(self) -> bool:
        return any(check.verdict == Verdict.DIFFERS for check in self.checks)
