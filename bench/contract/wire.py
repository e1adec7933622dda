"""Messages between parent and worker: one JSON object a line, over the worker's stdin and its original stdout.

A request is `{"op": name, ...arguments}`. A reply is `{"ok": result}` or `{"failed": status, "reason": text}`.
Arrays of samples travel as JSON integers (nanoseconds); tensors travel as `.npy` files named in the message.
"""

import json
from typing import IO, Any

from bench.contract.status import Failure, Status

PROTOCOL = 1
MAX_LINE_BYTES = 256 * 1024 * 1024


def write_message(pipe: IO[bytes], message: dict[str, Any]) -> None:
    pipe.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
    pipe.flush()


def read_message(pipe: IO[bytes]) -> dict[str, Any] | None:
    """Return the next message, or None where the other side has closed the pipe."""
    line = pipe.readline(MAX_LINE_BYTES)
    if not line.endswith(b"\n"):
        return None
    message: dict[str, Any] = json.loads(line)
    return message


def result_of(reply: dict[str, Any]) -> Any:
    """Return what a reply holds. Raises the worker's `Failure` where it reports one."""
    if "failed" in reply:
        raise Failure(Status(reply["failed"]), str(reply.get("reason", "")))
    return reply["ok"]
