"""PyTorch on a device that is not the CPU, on a stand-in of torch: what is copied, and what is waited for."""

from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from bench.contract.job import Workload
from bench.contract.status import Failure
from bench.worker.adapters import torch_native

X = {"x": np.arange(3, dtype=np.float32)}


class Tensor:
    dtype = "torch.float32"
    log: ClassVar[list[str]] = []

    def __init__(self, array: np.ndarray, device: str) -> None:
        self.array, self.device = array, device

    def to(self, device: str) -> "Tensor":
        if device != self.device:
            self.log.append(f"to {device}")
        return Tensor(self.array, device)

    def cpu(self) -> "Tensor":
        return self.to("cpu")

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        assert self.device == "cpu", "numpy cannot read a device's memory"
        return self.array


def module(x: Tensor) -> Tensor:
    Tensor.log.append(f"run on {x.device}")
    return Tensor(2 * x.array, x.device)


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def empty(count: int, device: str) -> None:
        raise RuntimeError("Torch not compiled with CUDA enabled")

    stand_in = SimpleNamespace(
        Tensor=Tensor,
        from_numpy=lambda array: Tensor(array, "cpu"),
        inference_mode=lambda: lambda run: run,
        accelerator=SimpleNamespace(synchronize=lambda device: Tensor.log.append(f"wait for {device}")),
        bfloat16="torch.bfloat16",
        empty=empty,
    )
    monkeypatch.setattr(Tensor, "log", [])
    monkeypatch.setattr(torch_native, "torch", stand_in)


@pytest.mark.parametrize(
    ("device", "resident", "before", "during"),
    [
        ("cpu", False, [], ["run on cpu"]),
        ("cpu", True, [], ["run on cpu"]),
        ("cuda:1", False, [], ["to cuda:1", "run on cuda:1", "to cpu"]),
        ("cuda:1", True, ["to cuda:1"], ["run on cuda:1", "wait for cuda:1"]),
    ],
)
def test_a_run_copies_what_its_boundary_says_and_ends_when_the_device_is_done(
    device: str, resident: bool, before: list[str], during: list[str]
):
    request = torch_native.TorchRequest(module, X, device, resident)
    assert Tensor.log == before
    request.run()
    assert Tensor.log == before + during
    assert request.outputs()["output_0"].tolist() == [0, 2, 4]


def test_a_device_that_is_not_there_is_unsupported_and_never_the_cpu_in_silence():
    with pytest.raises(
        Failure, match="PyTorch cannot use the device cuda:3 here: Torch not compiled with CUDA"
    ) as caught:
        torch_native.load(Workload("", "torch", "fp32", 1, device="CUDA:3", factory="a:b"))
    assert caught.value.status == "unsupported"
