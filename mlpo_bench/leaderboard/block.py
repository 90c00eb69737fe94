"""The verdict in a page that is written by hand, such as the project's README: a block between two marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.leaderboard.verdict_tables import QUESTION, counts_grid, self_test, sentence
from mlpo_bench.reports.grids import markdown, paragraph


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlpo_bench.leaderboard.entry import Entry
    from mlpo_bench.leaderboard.verdicts import Judged

BEGINS, ENDS = "<!-- verdict: made by mlpo-bench leaderboard build -->", "<!-- /verdict -->"


def page_of(folder: Path) -> Path:
    """Return the page beside a leaderboard's folder that may hold the block."""
    return folder.resolve().parent / "README.md"


def with_block(text: str, entries: Sequence[Entry], judged: Sequence[Judged]) -> str:
    """Return a page's text with the verdict of today between its marks; one without marks stays as it is."""
    before, begins, rest = text.partition(BEGINS)
    _, ends, after = rest.partition(ENDS)
    return f"{before}{begins}\n{_block(entries, judged)}\n{ends}{after}" if begins and ends else text


def _block(entries: Sequence[Entry], judged: Sequence[Judged]) -> str:
    parts = [f"**{QUESTION}** {paragraph(sentence(judged))}", *map(paragraph, self_test(entries))]
    counts = counts_grid(judged)
    if counts is not None:
        parts.append(markdown(counts).strip())
    return "\n\n".join(parts)
