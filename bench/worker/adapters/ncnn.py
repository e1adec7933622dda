"""ncnn, from torch by way of pnnx: a .param with the layers, a .bin with the weights beside it."""

import json
import re
import subprocess
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract.job import Loaded, Placement, Workload
from bench.contract.status import Failure, Status

REDUCED = ("use_fp16", "use_bf16")  # the options of a Net by which it computes or stores in less than FP32
NO_BATCH = 233  # ncnn's own word for "no dimension of it is the batch"
DTYPES = {"float32": "f32", "float16": "f16", "float64": "f64", "int64": "i64", "int32": "i32", "bool": "u8"}

ncnn: Any = None
version = ""


def import_runtime() -> str:
    global ncnn, version
    from importlib.metadata import version as installed

    import ncnn as module

    ncnn, version = module, installed("ncnn")
    return version


def probe() -> dict[str, Any]:
    return {"version": version, "devices": ["CPU"]}


def load(workload: Workload) -> "NcnnSession":
    param = Path(workload.model)
    net = ncnn.Net()
    for name in _reduced(net):
        setattr(net.opt, name, False)
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = workload.threads  # before the weights: convolutions are packed for that many
    if net.load_param(str(param)) or net.load_model(str(param.with_suffix(".bin"))):
        raise Failure(Status.UNSUPPORTED, "ncnn cannot load what pnnx made: it has a layer this ncnn does not know")
    return NcnnSession(net, json.loads(param.with_suffix(".json").read_text("utf-8")))


def placement(workload: Workload, inputs: dict[str, np.ndarray]) -> Placement | None:
    return None


def translate(workload: Workload, folder: Path) -> Path:
    """Trace the torch module and have pnnx make it ncnn's, in FP32 and at the shapes of the timed inputs.

    Returns the .param; beside it lie the .bin, and a .json that says which blob is which input, which dimension pnnx
    found to be the batch, and the outputs' shapes. Raises Failure, with the operators that ncnn has no layer for.
    """
    import pnnx
    import torch

    from bench.worker.origin import inputs_of, module_of, told

    module, inputs = module_of(workload), inputs_of(workload)
    try:
        with torch.no_grad():
            traced = torch.jit.trace(module, example_kwarg_inputs=inputs, check_trace=False, strict=False)
            outputs = traced(**inputs)
    except Exception as error:
        raise Failure(Status.UNSUPPORTED, f"TorchScript cannot trace this module: {told(error)}") from error
    traced.save(str(folder / "model.pt"))
    names = [name for name in signature(module.forward).parameters if name in inputs]  # pnnx counts them in that order
    shapes = ",".join(_shape(inputs[name]) for name in names)
    arguments = [pnnx.EXEC_PATH, "model.pt", f"inputshape={shapes}", "fp16=0"]
    said = subprocess.run(
        arguments, cwd=folder, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    )
    param = folder / "model.ncnn.param"
    if said.returncode or not param.is_file():
        end = " ".join(said.stderr.split())[-200:]
        raise Failure(Status.UNSUPPORTED, f"pnnx cannot convert this module: it ended with {said.returncode}. {end}")
    foreign = _foreign(param.read_text("utf-8"))
    if foreign:
        raise Failure(Status.UNSUPPORTED, f"ncnn has no layer for {', '.join(foreign)}, which pnnx left in the model")
    about = {
        "inputs": {name: f"in{number}" for number, name in enumerate(names)},
        "batch": _batches((folder / "model_ncnn.py").read_text("utf-8")),
        "shapes": [list(value.shape) for value in _several(outputs)],
    }
    param.with_suffix(".json").write_text(json.dumps(about), "utf-8")
    for file in folder.iterdir():  # its own intermediate forms: as large as the model
        if not file.name.startswith("model.ncnn."):
            file.unlink()
    return param


class NcnnSession:
    """A net serves every request at once: each of them makes its own extractors."""

    def __init__(self, net: Any, about: dict[str, Any]) -> None:
        self.net = net
        self.about = about

    def loaded(self) -> Loaded:
        reduced = [name for name in _reduced(self.net) if getattr(self.net.opt, name)]
        return Loaded(
            runtime_version=version,
            device="CPU",
            threads=int(self.net.opt.num_threads),
            precision=None if reduced else "fp32",
            options={name: str(getattr(self.net.opt, name)) for name in _reduced(self.net)},
        )

    def bind(self, inputs: dict[str, np.ndarray]) -> "NcnnRequest":
        return NcnnRequest(self.net, self.about, inputs)


class NcnnRequest:
    def __init__(self, net: Any, about: dict[str, Any], inputs: dict[str, np.ndarray]) -> None:
        self.about = about
        self.results: list[Any] = []
        mats = [(blob, self._mat(inputs[name], blob)) for name, blob in about["inputs"].items()]
        wanted = [f"out{number}" for number in range(len(about["shapes"]))]

        def run() -> None:
            extractor = net.create_extractor()  # it keeps what it has computed: a new one for each inference
            for blob, mat in mats:
                extractor.input(blob, mat)
            self.results = [extractor.extract(blob) for blob in wanted]

        self.run = run

    def outputs(self) -> dict[str, np.ndarray]:
        found = {}
        for number, ((failed, mat), shape) in enumerate(zip(self.results, self.about["shapes"], strict=True)):
            if failed:
                raise Failure(Status.ERROR, f"ncnn could not compute its output out{number}: it returned {failed}")
            value = mat.numpy(batch_index=self._batch(f"out{number}"))
            found[f"output_{number}"] = np.array(value).reshape(shape)
        return found

    def _mat(self, value: np.ndarray, blob: str) -> Any:
        """Return ncnn's own copy of an input: a Mat of an array does not keep the array. ncnn's integers are 32-bit."""
        taken = np.ascontiguousarray(value.astype(np.int32) if value.dtype == np.int64 else value)
        return ncnn.Mat(taken, batch_index=self._batch(blob)).clone()

    def _batch(self, blob: str) -> int:
        return int(self.about["batch"].get(blob, NO_BATCH))


def _reduced(net: Any) -> list[str]:
    return [name for name in dir(net.opt) if name.startswith(REDUCED)]


def _shape(value: Any) -> str:
    sizes = ",".join(str(size) for size in value.shape)
    return f"[{sizes}]{DTYPES.get(str(value.dtype).removeprefix('torch.'), 'f32')}"


def _foreign(param: str) -> list[str]:
    """Return the operators in a .param that pnnx passed on as they were: ncnn's layers have no dot in their names."""
    layers = [line.split()[0] for line in param.splitlines()[2:] if line.strip()]
    return sorted({layer for layer in layers if "." in layer or layer.startswith("aten::")})


def _batches(script: str) -> dict[str, int]:
    """Return which dimension of a blob is the batch, as the script says that pnnx writes to show how a model is run."""
    fed = re.findall(r'input\("(\w+)", ncnn\.Mat\(\w+(?:\.\w+\(\))*\.numpy\(\), batch_index=(\d+)\)', script)
    given = re.findall(r"\b(out\d+)\.numpy\(batch_index=(\d+)\)", script)
    return {blob: int(index) for blob, index in (*fed, *given)}


def _several(outputs: Any) -> list[Any]:
    if isinstance(outputs, dict):
        return list(outputs.values())
    return list(outputs) if isinstance(outputs, tuple | list) else [outputs]
