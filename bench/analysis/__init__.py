"""DataFrame in, DataFrame out: estimates, ratios, verdicts, recommendations. Methods are those of measurement.md."""

from bench.analysis.comparison import Comparison, Pair, compare, compare_duel, compare_runs, is_duel
from bench.analysis.means import speedups_by_target
from bench.analysis.recommend import Choice, recommend
from bench.analysis.summary import summarize
from bench.analysis.width import reads_slower, widest_half_width

__all__ = [
    "Choice",
    "Comparison",
    "Pair",
    "compare",
    "compare_duel",
    "compare_runs",
    "is_duel",
    "reads_slower",
    "recommend",
    "speedups_by_target",
    "summarize",
    "widest_half_width",
]
