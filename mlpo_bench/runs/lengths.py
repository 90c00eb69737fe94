"""How long answers will be, from how long others were: of the same suite if any were measured, or of what is nearest.

Answers that open a conversation and answers of those who have read others' are kept apart: the latter are longer.
"""

from __future__ import annotations

import re
from statistics import mean
from typing import TYPE_CHECKING

from mlpo_bench.engines.spec import DEFAULT_MODEL


if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWER_TOKENS = 256
"""How long an answer is taken to be where nothing was measured, and the task allows as many."""
# Of the published leaderboard's run: the first plan of whoever has no model yet is reckoned with them.
_PUBLISHED: Mapping[str, Mapping[str, float]] = {
    DEFAULT_MODEL: {
        "bbh at most 128": 32.1, "mmlu at most 128": 32.3, "math at most 128": 85.7,
        "later bbh at most 128": 71.0, "later mmlu at most 128": 66.0, "later math at most 128": 91.0,
    }
}  # fmt: skip
_KEY = re.compile(r"(?P<suite>[^ ]+|later [^ ]+) at most (?P<longest>\d+)")


def later(suite: str) -> str:
    """Return under which name it is kept how long answers are of those who have read others', or their own."""
    return f"later {suite}"


def key(suite: str, longest: int) -> str:
    """Return under which name the mean length of answers to a suite is kept, where they may be so long."""
    return f"{suite} at most {longest}"


def expected(measured: Mapping[str, float], model: str, suite: str, longest: int) -> tuple[float, str]:
    """Return the expected length of an answer in tokens, and in words where that is from.

    Args:
        measured: Mean lengths by `key`.
        model: The model's name.
        suite: The suite, or `later` of it.
        longest: How long the answer may be.
    """
    told = {"as measured": measured, "as in the published leaderboard": _PUBLISHED.get(model, {})}
    for source, lengths in told.items():
        if (exact := lengths.get(key(suite, longest))) is not None:
            return min(exact, longest), source
        if (near := _near(lengths, suite, longest)) is not None:
            return min(near, longest), source if source != "as measured" else "as measured of others like these"
    return float(min(ANSWER_TOKENS, longest)), f"{min(ANSWER_TOKENS, longest)} tokens assumed"


def _near(lengths: Mapping[str, float], suite: str, longest: int) -> float | None:
    """Return the length at the next bound, or of openings in place of later answers, or the mean over other suites."""
    bounds: dict[str, dict[int, float]] = {}
    for name, length in lengths.items():
        if match := _KEY.fullmatch(name):
            bounds.setdefault(match["suite"], {})[int(match["longest"])] = length
    at = {name: _at_next(of_suite, longest) for name, of_suite in bounds.items()}
    opening = suite.removeprefix("later ")
    if (own := at.get(suite, at.get(opening))) is not None:
        return own
    alike = [length for name, length in at.items() if name.startswith("later ") == suite.startswith("later ")]
    return mean(alike or at.values()) if at else None


def _at_next(lengths: Mapping[int, float], longest: int) -> float:
    """Return the length at the smallest bound that is not below one: it cut no more short. Else that at the largest."""
    above = [bound for bound in lengths if bound >= longest]
    return lengths[min(above) if above else max(lengths)]
