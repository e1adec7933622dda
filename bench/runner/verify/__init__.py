"""Check an exported model against its origin: outputs, providers, opsets, sizes; and where they part."""

from bench.runner.verify.findings import Check, Parting, Verdict, Verification
from bench.runner.verify.flow import verify
from bench.runner.verify.request import Request

__all__ = ["Check", "Parting", "Request", "Verdict", "Verification", "verify"]
