"""What a TensorRT request needs of CUDA: a device, a stream, and memory there with copies to and from it."""

import weakref
from typing import Any

import numpy as np

from bench.contract.status import Failure, Status

cuda: Any = None


def import_cuda() -> None:
    global cuda
    from cuda.bindings import runtime

    cuda = runtime


def devices() -> list[str]:
    """Return the names of the devices CUDA finds. Raises Failure, in CUDA's words, where it finds none."""
    error, count = cuda.cudaGetDeviceCount()
    if error != cuda.cudaError_t.cudaSuccess or not count:
        raise Failure(Status.UNSUPPORTED, f"CUDA finds no device here: {_told(error)}")
    return [_ok(cuda.cudaGetDeviceProperties(index)).name.decode() for index in range(count)]


def use(index: int) -> str:
    """Make a device this thread's own, and return its name. Raises Failure where there is none of that number."""
    found = devices()
    if not 0 <= index < len(found):
        raise Failure(
            Status.UNSUPPORTED, f"CUDA finds {len(found)} device(s) here, numbered from 0: there is no {index}"
        )
    choose(index)
    return found[index]


def choose(index: int) -> None:
    """Make a device that there is this thread's own."""
    _ok(cuda.cudaSetDevice(index))


class Stream:
    """A stream of its own; destroyed with this object."""

    def __init__(self) -> None:
        self.handle = int(_ok(cuda.cudaStreamCreate()))
        weakref.finalize(self, cuda.cudaStreamDestroy, self.handle)

    def synchronise(self) -> None:
        """Wait for everything in it. What went wrong on the device since the last time is told here."""
        _ok(cuda.cudaStreamSynchronize(self.handle))


class OnDevice:
    """Memory on the device of the size of a host array, which it is copied from or to; freed with this object.

    The array is ordinary memory, as a caller of ONNX Runtime has it, not pinned.
    """

    def __init__(self, host: np.ndarray) -> None:
        self.host = np.ascontiguousarray(host)
        self.address = int(_ok(cuda.cudaMalloc(max(1, self.host.nbytes))))  # TensorRT takes no null, for nothing either
        weakref.finalize(self, cuda.cudaFree, self.address)

    def copy_in(self, stream: Stream) -> None:
        self._copy(self.address, self.host.ctypes.data, cuda.cudaMemcpyKind.cudaMemcpyHostToDevice, stream)

    def copy_out(self, stream: Stream) -> None:
        self._copy(self.host.ctypes.data, self.address, cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost, stream)

    def _copy(self, to: int, source: int, kind: Any, stream: Stream) -> None:
        _ok(cuda.cudaMemcpyAsync(to, source, self.host.nbytes, kind, stream.handle))


def _ok(result: tuple[Any, ...]) -> Any:
    """Return what a call gave besides its status. Raises Failure where that is an error."""
    error, *found = result
    if error == cuda.cudaError_t.cudaSuccess:
        return found[0] if found else None
    memory = error == cuda.cudaError_t.cudaErrorMemoryAllocation
    raise Failure(Status.OUT_OF_MEMORY if memory else Status.ERROR, f"CUDA: {_told(error)}")


def _told(error: Any) -> str:
    _, text = cuda.cudaGetErrorString(error)
    return f"{text.decode()} ({getattr(error, 'name', error)})"
