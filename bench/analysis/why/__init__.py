"""Why a cell is slower or faster than the one it is compared with: rows and meta in, reasons out."""

from bench.analysis.why.evidence import asked_of, report_of
from bench.analysis.why.explain import Explanation, Reason, explain, slower_variants
from bench.analysis.why.operators import Operator, operators_of

__all__ = ["Explanation", "Operator", "Reason", "asked_of", "explain", "operators_of", "report_of", "slower_variants"]
