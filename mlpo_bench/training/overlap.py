"""Nothing is trained on what is tested: train questions are held against test splits by their content."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench import questions
from mlpo_bench.errors import UsageError
from mlpo_bench.questions.splits import fingerprint


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAMED = 3
"""So many overlaps are named one by one; more would say no more."""


def tested(suites: Iterable[str], data: str | None) -> dict[str, str]:
    """Return the test questions of some suites: ids by fingerprint of their content.

    A fingerprint is blind to case, spacing and Unicode forms.

    Raises:
        UsageError: a suite's test split is not at hand, so that nothing can be held against it.
    """
    folder = Path(data) if data else None
    return {fingerprint(item.text): item.id for suite in suites for item in questions.load(suite, "test", folder).items}


def refuse_tested(train: Iterable[tuple[str, str]], test: Mapping[str, str]) -> None:
    """Refuse to train on questions (each an id and its text) that are tested.

    Raises:
        UsageError: one is; the message names both sides.
    """
    overlaps = [(name, test[print_]) for name, text in train if (print_ := fingerprint(text)) in test]
    if not overlaps:
        return
    named = "; ".join(f"{mine} is {theirs}" for mine, theirs in overlaps[:NAMED])
    more = f"; and {len(overlaps) - NAMED} more" if len(overlaps) > NAMED else ""
    raise UsageError(
        f"train questions are test questions by their content: {named}{more}. Nothing is trained on what is tested: "
        "leave out that subject or suite, or mend the data folder."
    )
