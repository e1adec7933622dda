"""Keep the protocol's pipe apart from a noisy runtime, which writes to stdout as it likes."""

import os
from typing import BinaryIO


def protocol_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return (requests, replies). Afterwards descriptor 1 is the log that descriptor 2 is, and stdin is empty."""
    requests, replies = os.dup(0), os.dup(1)
    os.set_inheritable(requests, False)
    os.set_inheritable(replies, False)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return os.fdopen(requests, "rb"), os.fdopen(replies, "wb")
