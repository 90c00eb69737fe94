"""Intervals, tests and frontiers: pure functions over numbers; `scipy` and `statsmodels` do the mathematics."""

from mlpo_bench.stats.ballots import vote_score
from mlpo_bench.stats.frontier import (
    Point,
    area,
    chance_on_frontier,
    dominated,
    frontier,
    mean_area,
    surely_dominated,
    vote_at,
)
from mlpo_bench.stats.interaction import Interaction, interaction
from mlpo_bench.stats.intervals import Estimate, accuracy, by_suite, macro, wilson
from mlpo_bench.stats.paired import Comparison, Sampled, compare, difference, over_suites, stratified
from mlpo_bench.stats.power import (
    detectable,
    detectable_mean,
    fewest_questions,
    mcnemar_power,
    questions_by_p,
    questions_needed,
    questions_to_detect,
)
from mlpo_bench.stats.ranks import Ranks, rank_intervals
from mlpo_bench.stats.significance import ALPHA, exchange, holm, mcnemar, sign_flip
from mlpo_bench.stats.units import over_seeds


__all__ = [
    "ALPHA",
    "Comparison",
    "Estimate",
    "Interaction",
    "Point",
    "Ranks",
    "Sampled",
    "accuracy",
    "area",
    "by_suite",
    "chance_on_frontier",
    "compare",
    "detectable",
    "detectable_mean",
    "difference",
    "dominated",
    "exchange",
    "fewest_questions",
    "frontier",
    "holm",
    "interaction",
    "macro",
    "mcnemar",
    "mcnemar_power",
    "mean_area",
    "over_seeds",
    "over_suites",
    "questions_by_p",
    "questions_needed",
    "questions_to_detect",
    "rank_intervals",
    "sign_flip",
    "stratified",
    "surely_dominated",
    "vote_at",
    "vote_score",
    "wilson",
]
