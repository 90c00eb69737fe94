"""Tables of the leaderboard in words: as people read them, and with all figures for programs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from mlpo_bench.reports.grids import Grid


if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from mlpo_bench.leaderboard.tables import AgainstVote, Line, Table

_NONE = "-"
COLUMNS = (
    "row", "rank", "model", "accuracy", "95 % interval", "n", "unread", "cut off", "calls", "tokens",
    "vote at its tokens",
)  # fmt: skip

_RANK = (
    "Rank: between which places the row surely lies. All pairs of rows are held against one another on the same "
    "questions; with a confidence of 95 % all intervals of a table hold together, for other questions of these "
    "subjects (Mogstad, Romano, Shaikh and Wilhelm 2024, by signs drawn for whole questions). 1-26: one more than the "
    "number of rows that are surely better, up to the number of rows less those that are surely worse. Rows that "
    "answered every question alike count as one."
)
_INTERVALS = (
    "Ranks and tests speak of other questions of these subjects. Intervals of accuracies speak of other subjects, and "
    "allow for questions alike within a subject; whether two of them overlap is no test. Those marked ~ may be too "
    "narrow: too few subjects for an accuracy near 0 or 1."
)
_CEILINGS = "Rows marked - in place of a rank are ceilings: the harness picks their answer with the gold one in hand."
_COSTS = (
    "Unread: the share of answers that could not be read, counted as wrong; cut off: that reached its greatest length. "
    "Calls and tokens (read afresh, cached and written) are means a question, as if nothing were shared between rows."
)
_VOTE = (
    "Vote at its tokens: the row's accuracy less that of a vote of the leader's model with as many ballots as the "
    "row's tokens buy, with the p of the paired test after Holm over the column."
)
HOW_TO_READ = (_RANK, _INTERVALS, _CEILINGS, _COSTS, _VOTE)


def grid(table: Table) -> Grid:
    """Return a table for people to read, in which equal rows are one line of several names."""
    groups: dict[Hashable, list[Line]] = {}
    for line in table.lines:
        groups.setdefault(_what_it_did(line), []).append(line)
    rows = (("; ".join(line.name for line in alike), *words(alike[0])[1:]) for alike in groups.values())
    return Grid(table.title, COLUMNS, tuple(rows), notes(table))


def _what_it_did(line: Line) -> Hashable:
    """Return all that a table tells of a row but its name, and what it answered question by question."""
    answers = [
        (suite, each.seed, each.right, each.unread, each.cut_off)
        for suite, row in sorted(line.entry.suites.items())
        for each in row.answers
    ]
    return (*words(line)[1:], tuple(answers))


def words(line: Line) -> tuple[str, ...]:
    """Return the cells of a line, in the order of `COLUMNS`."""
    accuracy = line.accuracy
    return (
        line.name,
        rank(line),
        line.entry.model,
        f"{accuracy.value:.3f}",
        f"{'~ ' if accuracy.caution else ''}{accuracy.low:.3f} - {accuracy.high:.3f}",
        str(line.n),
        f"{line.unread:.3f}",
        f"{line.cut_off:.3f}",
        f"{line.cost.calls:,.3g}",
        f"{line.cost.tokens:,.0f}",
        _against(line.against_vote),
    )


def rank(line: Line) -> str:
    """Return between which ranks a row lies, in words: `1-26`."""
    if line.rank is None:
        return _NONE
    low, high = line.rank
    return str(low) if low == high else f"{low}-{high}"


def _against(vote: AgainstVote | None) -> str:
    return _NONE if vote is None else f"{vote.difference.value:+.3f} (p {vote.adjusted:.2g})"


def notes(table: Table) -> tuple[str, ...]:
    """Return what a table's tests found, and what they could have found."""
    ranking = table.ranking
    if not ranking.pairs:
        return ("A single row: nothing is compared.",)
    rows = f"{ranking.rows} different rows" if ranking.rows < len(ranking.ranks) else f"{ranking.rows} rows"
    if ranking.found:
        pairs = "1 pair" if ranking.pairs == 1 else f"{ranking.pairs:,} pairs"
        told = f"Of {pairs} of {rows}, {ranking.found:,} are surely apart."
    else:
        told = f"None of {rows} can be told from another."
    return told, _could_show(table), *_read(table)


def _read(table: Table) -> Iterator[str]:
    """Yield what there is to say of who read the answers."""
    read = Counter(line.entry.readers for line in table.lines)
    if len(read) > 1:
        sizes = ", ".join(_rows(count) for count in sorted(read.values(), reverse=True))
        yield (
            f"Answers were read by {len(read)} different readers ({sizes}; `readers` in their files): what lies "
            "between rows of different ones may be the readers' doing."
        )


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"


def _could_show(table: Table) -> str:
    ranking, n = table.ranking, table.lines[0].n
    opening = f"The median pair differs on {ranking.discordant or 0:.0%} of {n:,} questions".replace("%", " %")
    if ranking.single is None:
        return f"{opening}: so few that no difference could have been found in four samples of five."
    single = f"{opening}; one test finds such a pair in four samples of five where it is {ranking.single:.3f} apart"
    if ranking.pairs == 1:
        return f"{single}. A smaller difference may be there."
    among = (
        "no difference is large enough for the test over all pairs"
        if ranking.among_all is None
        else f"the test over all pairs where it is {ranking.among_all:.3f} apart"
    )
    return f"{single}; {among}. Smaller differences may be there."


def exact(tables: Sequence[Table]) -> Grid:
    """Return all tables as one with unrounded figures, for spreadsheets."""
    rows = [record(table, line) for table in tables for line in table.lines]
    columns = tuple(rows[0]) if rows else ("row", "suite", "rank", "accuracy")
    return Grid("Leaderboard", columns, tuple(tuple(_plain(value) for value in row.values()) for row in rows))


def _plain(value: object) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def record(table: Table, line: Line) -> dict[str, Any]:
    """Return a line's figures by name; those of the vote at its tokens are None where there is none."""
    entry, accuracy, vote = line.entry, line.accuracy, line.against_vote
    return {
        "row": line.name,
        "suite": table.suite,
        "questions": " ".join(digest[:8] for digest in table.questions.values()),
        "rank": rank(line),
        "rank_low": line.rank and line.rank[0],
        "rank_high": line.rank and line.rank[1],
        "model": entry.model,
        "protocol": entry.protocol.name,
        "peers": entry.protocol.peers,
        "rounds": entry.protocol.rounds,
        "seeds": len(entry.seeds),
        "n": line.n,
        "accuracy": accuracy.value,
        "low": accuracy.low,
        "high": accuracy.high,
        "caution": accuracy.caution,
        "unread": line.unread,
        "cut_off": line.cut_off,
        **line.cost.model_dump(),
        "tokens": line.cost.tokens,
        "less_vote_at_its_tokens": vote and vote.difference.value,
        "less_vote_low": vote and vote.difference.low,
        "less_vote_high": vote and vote.difference.high,
        "less_vote_p": vote and vote.p,
        "less_vote_p_holm": vote and vote.adjusted,
        "date": entry.run.date,
        "entry": entry.filename,
    }
