"""What is asked: the suites, where their data comes from, their splits."""

from mlpo_bench.questions.loading import Loaded, load
from mlpo_bench.questions.question import Item, Question
from mlpo_bench.questions.source import Source
from mlpo_bench.questions.splits import select
from mlpo_bench.questions.suites import PAPER, SUITES, Suite


__all__ = ["PAPER", "SUITES", "Item", "Loaded", "Question", "Source", "Suite", "load", "select"]
