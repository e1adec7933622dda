"""What a verification is asked for, and what it finds, ready for a table and for JSON."""

from dataclasses import dataclass, field
from enum import StrEnum

from bench.contract.status import Failure, Status
from bench.contract.words import telling
from bench.errors import BenchError, NothingMeasured, UsageError

ENDED = {Status.CRASHED, Status.TIMEOUT, Status.OUT_OF_MEMORY}
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
    through: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Check:
    """One comparison with the origin. kind: export, values, weights, target, opset or size; name: which of them.

    target: where an opset ran, "" for ORT's CPU provider without optimisations, which everything as stored runs on.
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
    target: str = ""

    @property
    def label(self) -> str:
        return " ".join(filter(None, (self.kind, self.name, self.target)))


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


def why(failure: Failure) -> str:
    """Return the reason of a failure, without what only a runtime's makers read of it."""
    told = telling(failure.reason)
    return told if failure.status not in (Status.TIMEOUT, Status.OUT_OF_MEMORY) else f"{failure.status}: {told}"


def refused(message: str, failure: Failure, hint: str = "") -> BenchError:
    """Return the error for a file or factory that could not be taken: what died of it says nothing of how it was given.

    That of its ending in a crash, for time or memory is NothingMeasured, any other UsageError.
    """
    kind = NothingMeasured if failure.status in ENDED else UsageError
    return kind(f"{message}: {why(failure)}", hint)
