"""MNN, on what its own converter makes of an ONNX file."""

import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract.job import Loaded, Placement, Workload
from bench.contract.status import Failure, Status

# The converter's binding itself: importing MNN.tools runs `pip install` in whatever environment is first on the PATH.
CONVERT = "import sys, _tools; _tools.mnnconvert(['mnnconvert', *sys.argv[1:]])"
EXACT = ("--useGeluApproximation", "0")  # what the model asks for, not a polynomial near it
# Its converter makes that polynomial of every Gelu, and its own exact one of these operators: scalars, in this order.
GELU = """<opset_import: ["": 20], domain: "ortbench"> Gelu (x) => (y) {
    root = Constant <value = float {1.4142135}> ()
    one = Constant <value = float {1.0}> ()
    half = Constant <value = float {0.5}> ()
    share = Div(x, root)
    error = Erf(share)
    above = Add(error, one)
    twice = Mul(x, above)
    y = Mul(twice, half)
}"""
THREAD_NUMBER = 4  # MNN::Interpreter::SessionInfoCode

mnn: Any = None


def import_runtime() -> str:
    global mnn
    import MNN
    import MNN.expr
    import MNN.nn

    mnn = MNN
    return str(mnn.version())


def probe() -> dict[str, Any]:
    return {"version": str(mnn.version()), "devices": ["CPU"]}


def translate(workload: Workload, folder: Path) -> Path:
    """Return the .mnn file that the converter makes. It tells of failures only on stdout, and returns True for them."""
    made = folder / "model.mnn"
    source = _exact(workload.model, folder / "exact.onnx")
    files = ("--modelFile", source, "--MNNModel", str(made))
    command = [sys.executable, "-I", "-c", CONVERT, "-f", "ONNX", *files, "--bizCode", "ortbench", *EXACT]
    said = subprocess.run(
        command, stdin=subprocess.DEVNULL,  # ours is what the worker is told through
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
    )  # fmt: skip
    sys.stdout.write(said.stdout)  # the log of the job
    (folder / "exact.onnx").unlink(missing_ok=True)
    if said.returncode or not made.is_file():
        raise Failure(Status.UNSUPPORTED, f"MNN cannot convert this model: {_why(said.stdout, said.returncode)}")
    return made


def load(workload: Workload) -> "MnnSession":
    return MnnSession(workload)


def placement(workload: Workload, inputs: dict[str, np.ndarray]) -> Placement | None:
    return None


class MnnSession:
    """A module serves one request at a time, so every request after the first gets one of its own."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        # "high" is FP32; "normal" and "low" let it compute in BF16 or FP16 where the processor has them.
        self.options = {"backend": "CPU", "numThread": workload.threads, "precision": "high"}
        self.free: Any = self._module()

    def loaded(self) -> Loaded:
        return Loaded(
            runtime_version=str(mnn.version()),
            device="CPU",
            threads=_granted(self.options),
            precision="fp32",
            options={name: str(value) for name, value in self.options.items()},
        )

    def bind(self, inputs: dict[str, np.ndarray]) -> "MnnRequest":
        module, self.free = self.free, None
        return MnnRequest(module or self._module(), inputs)

    def _module(self) -> Any:
        manager = mnn.nn.create_runtime_manager((self.options,))
        try:  # no names: all inputs and outputs, in the model's order
            return mnn.nn.load_module_from_file(
                self.workload.model, [], [], runtime_manager=manager, shape_mutable=False
            )
        except (RuntimeError, SystemError) as error:
            raise Failure(Status.UNSUPPORTED, f"MNN cannot load what its converter made: {error}") from error


class MnnRequest:
    def __init__(self, module: Any, inputs: dict[str, np.ndarray]) -> None:
        info = module.get_info()
        self.names = list(info["outputNames"])
        missing = [name for name in info["inputNames"] if name not in inputs]
        if missing:
            raise Failure(Status.ERROR, f"MNN's model has no input {', '.join(inputs)}; it has {', '.join(missing)}")
        variables = [_variable(name, inputs[name]) for name in info["inputNames"]]
        self.found: list[Any] = []

        def run() -> None:
            self.found = module.forward(variables)
            for output in self.found:
                _ = output.ptr  # whatever is still to be computed of it, into host memory

        self.run = run

    def outputs(self) -> dict[str, np.ndarray]:
        return {name: np.array(output.read()) for name, output in zip(self.names, self.found, strict=True)}


def _variable(name: str, value: np.ndarray) -> Any:
    expr = mnn.expr
    if value.dtype == np.int64:  # MNN has none: its converter makes them 32 bits wide
        value = value.astype(np.int32)
    kinds = {"float32": expr.float, "int32": expr.int, "uint8": expr.uint8, "int8": expr.int8}
    if value.dtype.name not in kinds:
        raise Failure(Status.UNSUPPORTED, f"MNN takes no {value.dtype.name}, which is what the input {name} is of")
    return expr.const(np.ascontiguousarray(value), list(value.shape), expr.NCHW, kinds[value.dtype.name])


def _granted(options: dict[str, Any]) -> int:
    """Return how many threads these options get: MNN gives no more than there are processors.

    Only a session tells, not a module, so one of a single addition is asked.
    """
    with tempfile.TemporaryDirectory(prefix="ortbench-mnn-") as folder:
        path = str(Path(folder) / "sum.mnn")
        one = mnn.expr.placeholder([1])
        mnn.expr.save([one + one], path)
        interpreter = mnn.Interpreter(path)
        session = interpreter.createSession(options)
        told = interpreter.getSessionInfo(session, THREAD_NUMBER)
    return int(struct.unpack("i", struct.pack("f", told))[0])  # an integer's bits, handed on as a float's


def _exact(model: str, written: Path) -> str:
    """Return the file to convert: the model, or `written`, where each Gelu that is no approximation is spelt out."""
    import onnx
    from onnx.inliner import inline_selected_functions

    proto = onnx.load(model)
    spelt = [node for node in proto.graph.node if node.op_type == "Gelu" and not _by_tanh(node)]
    if not spelt:
        return model
    for node in spelt:
        node.domain = "ortbench"
    proto.functions.append(onnx.parser.parse_function(GELU))
    proto.opset_import.append(onnx.helper.make_opsetid("ortbench", 1))
    onnx.save(inline_selected_functions(proto, [("ortbench", "Gelu")]), written)
    return str(written)


def _by_tanh(node: Any) -> bool:
    return any(attribute.name == "approximate" and attribute.s == b"tanh" for attribute in node.attribute)


def _why(said: str, code: int) -> str:
    """Return what the converter said stopped it."""
    unknown = re.search(r"These Op Not Support: *(.+)", said)
    if unknown:
        return f"it has no operator {', '.join(unknown[1].replace('ONNX::', '').split())}"
    errors = re.findall(r"(?:\[ERROR\]|Error:?|Failed:?) *(.+)", said)
    return " ".join(errors)[:400] or (f"it ended with {code}" if code else "it made no file, and did not say why")
