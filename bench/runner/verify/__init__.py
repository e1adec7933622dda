"""Check an exported model against its origin: outputs, providers, opsets, sizes; and where they part."""

from bench.runner.verify.findings import Check, Parting, Request, Verdict, Verification
from bench.runner.verify.flow import verify

__all__ = ["Check", "Parting", "Request", "Verdict", "Verification", "verify"]
