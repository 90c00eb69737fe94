"""What a suite is, and all that there are by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpo_bench.registry import Registry


if TYPE_CHECKING:
    from mlpo_bench.questions.source import Place


@dataclass(frozen=True, slots=True)
class Suite:
    """A benchmark: what it is, and where its questions may be found.

    A new one is one file, here or in any installed package (entry point group `mlpo_bench.suites`); docs/extending.md
    has a worked example.

    Attributes:
        name: What it is called in commands and files: letters, digits, `-` and `_`.
        title: What people call it.
        subjects: Its parts, in published order; each is a task of lm-eval.
        sources: Where its questions may be found. The first place that has them counts.
        size: How many questions the whole of it has; None where nobody counted.
        licence: Under which it is published.
        published: Where its authors keep it.
        max_tokens: How many tokens an answer may have, unless a run says otherwise.
        gold_is_answer: Whether a gold answer is what a model would write. If not, its format's `written` tells that.
        reference: By what another process finds it, where its name does not do: a file, or `module:NAME`.
        all_tested: Whether it has no train split: a suite that shows what a leader does with what it never saw.
        part_of: The suite whose test split it is, where it is another's.
        answer_format: How all its questions are answered, where that is said of the suite rather than of each.
    """

    name: str
    title: str
    subjects: tuple[str, ...]
    sources: tuple[Place, ...]
    size: int | None = None
    licence: str = ""
    published: str = ""
    max_tokens: int = 1024
    gold_is_answer: bool = True
    reference: str = ""
    all_tested: bool = False
    part_of: str | None = None
    answer_format: str | None = None


SUITES: Registry[Suite] = Registry(
    "suite",
    group="mlpo_bench.suites",
    package="mlpo_bench.questions",
    is_one=lambda thing: isinstance(thing, Suite),
    must_be="an instance of mlpo_bench.questions.Suite",
)
"""The suites by name."""

PAPER = ("bbh", "mmlu", "math")
"""The suites that the paper measures, asked where none is named; the others show what a leader does elsewhere."""


def in_order() -> tuple[str, ...]:
    """Return the names of all suites, the paper's first."""
    return *PAPER, *(name for name in SUITES if name not in PAPER)
