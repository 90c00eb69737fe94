"""What a limit does to figures: questions are spread evenly over subjects, so that these count about the same."""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlpo_bench.analysis.rows import ResultRow

    Limited = Mapping[str, tuple[int, int]]
    """By suite, of how many questions so many subjects have about the same number."""


def limited(limit: int | None, asked: Iterable[tuple[str, Sequence[str]]]) -> Limited:
    """Return the suites that a limit cut to subjects of about the same size.

    Args:
        limit: Questions a suite at most.
        asked: Suites, each with the subject of every question.
    """
    counts = {suite: (len(subjects), len(set(subjects))) for suite, subjects in asked}
    return {suite: (n, subjects) for suite, (n, subjects) in counts.items() if n == limit and subjects > 1}


def of_rows(limit: int | None, rows: Iterable[ResultRow]) -> Limited:
    """Return the suites of some rows that a limit cut: a row that was asked most tells of each."""
    most: dict[str, dict[str, str]] = {}
    for row in rows:
        if len(row.subjects) > len(most.get(row.suite, {})):
            most[row.suite] = row.subjects
    return limited(limit, ((suite, list(subjects.values())) for suite, subjects in most.items()))


def told(limited: Limited) -> str | None:
    """Return what figures are of where a limit cut suites, in a sentence; None where it cut none."""
    if not limited:
        return None
    each = ", ".join(f"{n:,} of {suite.upper()} over {subjects}" for suite, (n, subjects) in limited.items())
    return (
        f"Questions were limited, and spread evenly over subjects ({each}): subjects count about the same, and not as "
        "in the whole suite."
    )
