"""How a trial, a conversion or a job can end."""

from enum import StrEnum


class Status(StrEnum):
    OK = "ok"
    SKIPPED = "skipped"
    UNSUPPORTED = "unsupported"
    CONVERSION_FAILED = "conversion_failed"
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    ERROR = "error"


class Failure(Exception):
    """An ending other than ok, with the reason in words. Raised by adapters and jobs, carried over the wire.

    A worker's reason that ends in a colon is completed by the parent with the last words of the worker's log: for what
    a runtime says nowhere else.
    """

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
