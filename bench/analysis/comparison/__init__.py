"""Two sides, cell by cell: two stored runs, or the sides of one duel."""

from bench.analysis.comparison.duel import compare_duel, is_duel
from bench.analysis.comparison.pairs import Comparison, Pair
from bench.analysis.comparison.stored import compare, compare_runs

__all__ = ["Comparison", "Pair", "compare", "compare_duel", "compare_runs", "is_duel"]
