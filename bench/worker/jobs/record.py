"""What every node of a torch module makes of one set of inputs, by the names its ONNX export gives the same values."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.worker.factories import build
from bench.worker.jobs.export import exported
from bench.worker.origin import told

KINDS = torch.export.graph_signature.InputKind


def run(
    factory: str,
    paths: list[str],
    checkpoint: str,
    shapes: dict[str, list[Any]],
    input_set: dict[str, str],
    names: list[str],
    folder: str,
) -> dict[str, Any]:
    """Write the values `names` and the module's own tensors as .npy files; returns name -> file of each.

    torch.onnx.export (dynamo) names an ONNX value after the node of torch.export's program it stands for. Where the
    module cannot be exported, there are no such names: then `problem` says why, and only its tensors are written.
    """
    module, examples = build(factory, paths, checkpoint)
    module.eval()
    found: dict[str, Any] = {"values": {}, "weights": {}, "problem": ""}
    for number, (name, tensor) in enumerate(module.state_dict().items()):
        found["weights"][name] = _write(tensor, Path(folder) / f"w{number}.npy")
    if not names:
        return found
    try:
        program = exported(module, examples, shapes).exported_program
    except Exception as error:
        return found | {"problem": f"torch cannot export this module here: {told(error)}"}
    recorder = _Recorder(program.graph_module, set(names), Path(folder))
    with torch.inference_mode():
        recorder.run(*_given(program, input_set))
    return found | {"values": recorder.files}


class _Recorder(torch.fx.Interpreter):  # type: ignore[misc]
    """Runs a program node by node, and writes what the wanted nodes make: no more than one of them is in memory."""

    def __init__(self, graph: Any, names: set[str], folder: Path) -> None:
        super().__init__(graph)
        self.names, self.folder = names, folder
        self.files: dict[str, str] = {}

    def run_node(self, n: Any) -> Any:
        value = super().run_node(n)
        if n.op == "call_function" and n.name in self.names and isinstance(value, torch.Tensor):
            self.files[n.name] = _write(value, self.folder / f"v{len(self.files)}.npy")
        return value


def _given(program: Any, input_set: dict[str, str]) -> list[Any]:
    """Return what a program's graph takes: its parameters, buffers and constants, then the inputs in their order."""
    inputs = iter([torch.from_numpy(np.load(path, allow_pickle=False)) for path in input_set.values()])
    held = {**program.constants, **program.state_dict}
    return [
        next(inputs) if spec.kind == KINDS.USER_INPUT else held[spec.target]
        for spec in program.graph_signature.input_specs
    ]


def _write(tensor: Any, path: Path) -> str:
    value = tensor.detach()
    np.save(path, np.array(value.float() if value.dtype == torch.bfloat16 else value), allow_pickle=False)
    return str(path)
