"""What a limit does to figures: questions are spread evenly over subjects, so that these count about the same."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from mlpo_bench.log.cell_files import read_suite


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.log.run import LoadedRun

    Limited = Mapping[str, tuple[int, int]]
    """By suite, of how many questions so many subjects have about the same number."""


def limited(
    limit: int | None, asked: Iterable[tuple[str, Sequence[str]]], whole: Mapping[str, int] = MappingProxyType({})
) -> Limited:
    """Return the suites that a limit cut to subjects of about the same size.

    Args:
        limit: Questions a suite at most.
        asked: Suites, each with the subject of every question.
        whole: How many questions they have without a limit, as far as that is known.
    """
    counts = {suite: (len(subjects), len(set(subjects))) for suite, subjects in asked}
    return {
        suite: (n, subjects)
        for suite, (n, subjects) in counts.items()
        if n == limit and subjects > 1 and n != whole.get(suite)
    }


def of_rows(run: LoadedRun, rows: Iterable[ResultRow]) -> Limited:
    """Return the suites of some rows of a run that its limit cut: a row that was asked most tells of each."""
    if run.config.limit is None:
        return {}
    most: dict[str, dict[str, str]] = {}
    for row in rows:
        if len(row.subjects) > len(most.get(row.suite, {})):
            most[row.suite] = row.subjects
    whole = {suite: read_suite(run.directory.suite_path(suite)).get("whole", 0) for suite in most}
    return limited(run.config.limit, ((suite, list(subjects.values())) for suite, subjects in most.items()), whole)


def told(limited: Limited) -> str | None:
    """Return what figures are of where a limit cut suites, in a sentence; None where it cut none."""
    if not limited:
        return None
    each = ", ".join(f"{n:,} of {suite.upper()} over {subjects}" for suite, (n, subjects) in limited.items())
    return (
        f"Questions were limited, and spread evenly over subjects ({each}): subjects count about the same, and not as "
        "in the whole suite."
    )
