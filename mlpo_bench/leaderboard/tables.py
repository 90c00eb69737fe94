"""Entries side by side: a table for each suite and set of questions, and one for the mean over suites."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING

from mlpo_bench.leaderboard.entry import Cost
from mlpo_bench.leaderboard.figures import estimate, figure, rounded
from mlpo_bench.leaderboard.ranks import ranked, weighted
from mlpo_bench.leaderboard.verdicts import votes_of
from mlpo_bench.questions import in_order
from mlpo_bench.reports.figures import with_counts
from mlpo_bench.stats import compare, holm, macro, sign_flip


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.leaderboard.entry import Entry, Figure, SuiteRow
    from mlpo_bench.leaderboard.ranks import Rank, Ranking

    Key = tuple[tuple[str, str], ...]

MACRO = "macro"
_COSTS = tuple(Cost.model_fields)


@dataclass(frozen=True, slots=True)
class AgainstVote:
    """A row's accuracy less that of the vote at its tokens; `adjusted` is `p` after Holm over the table's such rows."""

    difference: Figure
    p: float
    adjusted: float


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table. `rank` is None for a ceiling; figures of several suites are means, each counted the same.

    `rank` is between which ranks the row surely lies: the best and the worst.
    """

    entry: Entry
    name: str
    rank: Rank | None
    accuracy: Figure
    unread: float
    cut_off: float
    cost: Cost
    against_vote: AgainstVote | None

    @property
    def n(self) -> int:
        """How many questions were asked."""
        return self.accuracy.questions


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that answered the same questions, by accuracy; ceilings last.

    `suite` is `macro` where they are of several suites, and `questions` the SHA-256 of each suite's.
    """

    suite: str
    questions: dict[str, str]
    title: str
    lines: tuple[Line, ...]
    ranking: Ranking


def tables(entries: Sequence[Entry]) -> list[Table]:
    """Return the tables of entries, suites in their usual order, the means over suites last."""
    groups: dict[Key, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.filename):
        sets = tuple((suite, entry.suites[suite].questions.sha256) for suite in sorted(entry.suites, key=_place))
        for key in dict.fromkeys([*((one,) for one in sets), sets]):
            groups.setdefault(key, []).append(entry)
    return [_table(key, groups[key]) for key in sorted(groups, key=lambda key: (len(key), [_sort_key(s) for s in key]))]


def _place(suite: str) -> tuple[int, str]:
    known = in_order()
    return (known.index(suite) if suite in known else len(known), suite)


def _sort_key(one: tuple[str, str]) -> tuple[tuple[int, str], str]:
    return _place(one[0]), one[1]


def _table(key: Key, entries: Sequence[Entry]) -> Table:
    suites = [suite for suite, _ in key]
    rivals = [entry for entry in entries if not entry.protocol.ceiling]
    ranking = ranked([[entry.suites[suite].scores for suite in suites] for entry in rivals])
    ranks = {entry.filename: rank for entry, rank in zip(rivals, ranking.ranks, strict=True)}
    votes = _against_votes(suites, rivals)
    names = _names(suites, entries)
    lines = [
        _line(entry, suites, names[entry.filename], ranks.get(entry.filename), votes.get(entry.filename))
        for entry in entries
    ]
    lines.sort(key=lambda line: (line.rank is None, -line.accuracy.value, line.cost.tokens, line.entry.filename))
    return Table(suites[0] if len(suites) == 1 else MACRO, dict(key), _title(key, entries[0]), tuple(lines), ranking)


def _title(key: Key, entry: Entry) -> str:
    counts = [entry.suites[suite].questions.n for suite, _ in key]
    if len(key) > 1:
        of_each = ", ".join(f"{n:,} of {suite.upper()}" for n, (suite, _) in zip(counts, key, strict=True))
        return f"Mean over suites ({of_each})"
    split = "" if entry.asked.split == "all" else f"{entry.asked.split} "
    return f"{key[0][0].upper()}, {counts[0]:,} {split}questions (set {key[0][1][:8]})"


def _names(suites: Sequence[str], entries: Sequence[Entry]) -> dict[str, str]:
    """Return what each entry is called: its name, ballots counted for it, and a hash where others share it."""
    plain = {entry.filename: _with_ballots(entry, suites) for entry in entries}
    shown = [(plain[entry.filename], entry.model) for entry in entries]
    return {
        entry.filename: plain[entry.filename] + (f" [{entry.identity[:8]}]" if shown.count(each) > 1 else "")
        for entry, each in zip(entries, shown, strict=True)
    }


def _with_ballots(entry: Entry, suites: Sequence[str]) -> str:
    counts = {a.samples for suite in suites for a in entry.suites[suite].answers if a.samples is not None}
    return with_counts(entry.name, sorted(counts), "tokens" if "counts" in entry.protocol.settings else "ballots")


def _line(entry: Entry, suites: Sequence[str], name: str, rank: Rank | None, vote: AgainstVote | None) -> Line:
    rows = [entry.suites[suite] for suite in suites]
    return Line(
        entry=entry,
        name=name,
        rank=rank,
        accuracy=rows[0].accuracy if len(rows) == 1 else _macro(suites, rows),
        unread=rounded(mean(row.unread for row in rows)),
        cut_off=rounded(mean(row.cut_off for row in rows)),
        cost=_mean_cost([row.cost for row in rows]),
        against_vote=vote,
    )


def _macro(suites: Sequence[str], rows: Sequence[SuiteRow]) -> Figure:
    return figure(macro({suite: estimate(row.accuracy) for suite, row in zip(suites, rows, strict=True)}))


def _mean_cost(costs: Sequence[Cost]) -> Cost:
    def over(name: str) -> float | None:
        figures = [getattr(cost, name) for cost in costs]
        return None if None in figures else rounded(mean(figures))

    return Cost.model_validate({name: over(name) for name in _COSTS})


def _against_votes(suites: Sequence[str], entries: Sequence[Entry]) -> dict[str, AgainstVote]:
    """Compare each row that a vote was matched to with that vote."""
    pairs = [(entry, vote) for entry in entries for vote in votes_of(entries) if _matches(vote, entry)]
    differences = {entry.filename: _differences(entry, vote, suites) for entry, vote in pairs}
    ps = {entry.filename: _p(entry, vote, suites) for entry, vote in pairs}
    adjusted = holm(ps)
    return {
        name: AgainstVote(difference, float(f"{ps[name]:.6g}"), float(f"{adjusted[name]:.6g}"))
        for name, difference in differences.items()
    }


def _matches(vote: Entry, entry: Entry) -> bool:
    return (
        vote.protocol.matched == entry.label
        and (vote.team, vote.leader, vote.asked, vote.seeds) == (entry.team, entry.leader, entry.asked, entry.seeds)
        and all(model in entry.models for model in vote.models)
    )


def _differences(entry: Entry, vote: Entry, suites: Sequence[str]) -> Figure:
    differences = {
        suite: compare(
            entry.suites[suite].scores, vote.suites[suite].scores, entry.suites[suite].questions.labels
        ).difference
        for suite in suites
    }
    return figure(differences[suites[0]] if len(suites) == 1 else macro(differences))


def _p(entry: Entry, vote: Entry, suites: Sequence[str]) -> float:
    first, second = ([one.suites[suite].scores for suite in suites] for one in (entry, vote))
    return sign_flip(weighted(first) - weighted(second))
