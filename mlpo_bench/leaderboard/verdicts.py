"""The board's verdict: each team's rows against the vote of its leader's own answers at their tokens.

Votes' entries count their ballots, so that the vote at a row's tokens is the mean over all votes of so many, as in a
run's own verdict. Where entries were added before ballots were counted, it is made of the two votes on either side of
it (one answer alone is a vote of one), each question's score of both in the proportion that makes the tokens equal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlpo_bench.analysis import limits
from mlpo_bench.analysis.ballots import BallotBox
from mlpo_bench.analysis.judging import judged
from mlpo_bench.analysis.matches import matched
from mlpo_bench.analysis.sides import Match, Side
from mlpo_bench.leaderboard import counts
from mlpo_bench.log.ledger import Spent
from mlpo_bench.stats import Sampled


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlpo_bench.analysis.verdict import Verdicts
    from mlpo_bench.leaderboard.entry import Entry, Seat, SuiteRow
    from mlpo_bench.protocols.base import Family

_SOLO, _VOTE = "solo", "vote"
# What entries are alike to that were made before this was kept.
_FAMILIES: Mapping[str, Family] = {"leader": "led", "solo": "solo", "vote": "vote", "weighted": "vote"}
_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts on the rows of one set of models, all its suites together: they are adjusted among themselves.

    `between` counts those whose vote is made of the two on either side, for want of counted ballots.
    """

    model: str
    entries: tuple[Entry, ...]
    verdicts: Verdicts
    between: int = 0


def family(entry: Entry) -> Family:
    """Return what a row's protocol is alike to."""
    return entry.protocol.family or _FAMILIES.get(entry.protocol.name, "other")


def votes_of(entries: Sequence[Entry]) -> list[Entry]:
    """Return the rows that are votes of the leader's own answers, one answer among them."""
    return [entry for entry in entries if entry.protocol.name in {_SOLO, _VOTE} and not entry.protocol.peers]


def judge(entries: Sequence[Entry]) -> list[Judged]:
    """Return the verdicts on entries, model by model; models whose rows lead nobody have none."""
    groups: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.filename):
        groups.setdefault(entry.model, []).append(entry)
    judged = [_judged(model, group, entries) for model, group in groups.items()]
    return [one for one in judged if one.verdicts.verdicts or one.verdicts.without]


def _judged(model: str, group: Sequence[Entry], entries: Sequence[Entry]) -> Judged:
    matches, without, between = [], [], 0
    votes, names = votes_of(entries), _suite_names(group)
    for entry in group:
        # Votes are what rows are held against, and ceilings are no rivals to anything.
        if entry.protocol.ceiling or family(entry) == "solo" or (family(entry) == "vote" and not entry.protocol.peers):
            continue
        for suite, row in entry.suites.items():
            name = names[suite, row.questions.sha256]
            drawn = _votes_for(entry, suite, votes)
            match = _counted(entry, suite, name, drawn)
            if match is None and _uncounted(drawn, suite) and (match := _between(entry, suite, name, drawn)):
                between += 1
            if match is not None:
                matches.append(match)
            elif family(entry) == "led":
                without.append((name, entry.name))
    chances, limited = dict(_chances(group, names)), dict(_limited(group, names))
    verdicts = replace(judged(matches, without), chance=chances, limited=limited)
    return Judged(model, tuple(group), verdicts, between)


def _suite_names(entries: Sequence[Entry]) -> dict[tuple[str, str], str]:
    """Return what each suite and set of questions is called: the set is told where a suite has several."""
    sets = dict.fromkeys((suite, row.questions.sha256) for entry in entries for suite, row in entry.suites.items())
    several = {suite for suite, _ in sets if sum(suite == other for other, _ in sets) > 1}
    return {(suite, s): f"{suite} (set {s[:_DIGITS]})" if suite in several else suite for suite, s in sets}


def _chances(entries: Sequence[Entry], names: Mapping[tuple[str, str], str]) -> Iterator[tuple[str, float]]:
    for entry in entries:
        for suite, row in entry.suites.items():
            if row.chance is not None:
                yield names[suite, row.questions.sha256], row.chance


def _limited(entries: Sequence[Entry], names: Mapping[tuple[str, str], str]) -> Iterator[tuple[str, tuple[int, int]]]:
    for entry in entries:
        asked = ((names[suite, row.questions.sha256], row.questions.labels) for suite, row in entry.suites.items())
        yield from limits.limited(entry.asked.limit, asked).items()


def _votes_for(entry: Entry, suite: str, votes: Sequence[Entry]) -> list[Entry]:
    """Return those that count answers of a row's leader to the same questions, asked within the same bounds.

    Where nobody leads, they are those of the first peer of which there are any: of its model, whatever its persona.
    """
    alike = [vote for vote in votes if _asked_alike(vote, entry, suite)]
    if entry.leader is not None:
        return [vote for vote in alike if vote.leader == entry.leader]
    of_peers = ([vote for vote in alike if _same_model(vote.leader, peer)] for peer in entry.peers)
    return next((drawn for drawn in of_peers if drawn), [])


def _asked_alike(vote: Entry, entry: Entry, suite: str) -> bool:
    # Votes are weighed by nothing, so that how many train questions weighed a row's answers is no bound of theirs.
    bounds = entry.asked.model_copy(update={"calibration": vote.asked.calibration})
    return (
        suite in vote.suites
        and vote.suites[suite].questions == entry.suites[suite].questions
        and vote.asked == bounds
        and all(model in entry.models for model in vote.models)
    )


def _same_model(one: Seat | None, other: Seat) -> bool:
    return one is not None and (one.model, one.revision, one.adapter) == (other.model, other.revision, other.adapter)


def _counted(entry: Entry, suite: str, name: str, votes: Sequence[Entry]) -> Match | None:
    """Hold a row against the mean over votes of the ballots of the entry that has most; None where none has counts.

    One answer alone has as many as a vote of greedy ones, which goes before it.
    """
    boxes = [box for vote in votes if (box := _box(vote, suite)) is not None]
    row = entry.suites[suite]
    if not boxes:
        return None
    return matched(
        _side(entry.name, row),
        max(boxes, key=lambda box: (box.most, box.greedy)),
        "tokens",
        suite=name,
        calls=row.cost.calls,
        draws=len(row.answers),
        led=family(entry) == "led",
    )


def _uncounted(votes: Sequence[Entry], suite: str) -> bool:
    """Whether some votes were added before ballots were counted."""
    return any(vote.suites[suite].ballots is None for vote in votes)


def _box(vote: Entry, suite: str) -> BallotBox | None:
    """Return the ballots of a vote; None where they were not counted."""
    row = vote.suites[suite]
    if row.ballots is None:
        return None
    asked = row.questions.n * len(row.answers)
    questions = dict(zip(_ids(row), counts.read(row.ballots), strict=True))
    return BallotBox(
        questions=questions,
        subjects=dict(zip(_ids(row), row.questions.labels, strict=True)),
        spent=Spent(
            calls=round(row.cost.calls * asked),
            prompt_tokens=round(row.cost.prompt_tokens * asked),
            cached_tokens=round(row.cost.cached_tokens * asked),
            completion_tokens=round(row.cost.completion_tokens * asked),
        ),
        parameters=vote.models[0].parameters,
        price=None,
        # Equal requests are one ballot, and of one vote only greedy ones are equal.
        greedy=row.cost.calls > 1 and all(each.total == 1 for each in questions.values()),
    )


def _between(entry: Entry, suite: str, name: str, votes: Sequence[Entry]) -> Match | None:
    """Hold a row against the two votes on either side of its tokens, of as many seeds; None with fewer than two."""
    alike = [(_ballots(vote, suite), vote.suites[suite]) for vote in votes if vote.seeds == entry.seeds]
    return _mean_of_two(entry, name, entry.suites[suite], alike) if len(alike) > 1 else None


def _ballots(vote: Entry, suite: str) -> float:
    if vote.protocol.name == _SOLO:
        return 1.0
    counted = [each.samples for each in vote.suites[suite].answers if each.samples is not None]
    return sum(counted) / len(counted) if counted else float(vote.protocol.settings.get("samples", 1))


def _mean_of_two(entry: Entry, suite: str, row: SuiteRow, votes: Sequence[tuple[float, SuiteRow]]) -> Match:
    fewer = max((one for one in votes if one[1].cost.tokens <= row.cost.tokens), key=_tokens, default=None)
    more = min((one for one in votes if one[1].cost.tokens >= row.cost.tokens), key=_tokens, default=None)
    low, high = fewer or more, more or fewer
    assert low is not None
    assert high is not None
    apart = high[1].cost.tokens - low[1].cost.tokens
    part = (row.cost.tokens - low[1].cost.tokens) / apart if apart else 0.0
    ballots = (1 - part) * low[0] + part * high[0]
    return Match(
        suite=suite,
        row=_side(entry.name, row),
        vote=_mixed(f"vote of {ballots:.4g}", low[1], high[1], part),
        equal="tokens",
        ballots=ballots,
        calls=row.cost.calls,
        drawn=Sampled(draws=len(entry.seeds), votes=len(entry.seeds)),
        led=family(entry) == "led",
    )


def _tokens(vote: tuple[float, SuiteRow]) -> float:
    return vote[1].cost.tokens


def _ids(row: SuiteRow) -> list[str]:
    """Return what to call its questions, in the order of its answers."""
    return [str(place) for place in range(row.questions.n)]


def _side(name: str, row: SuiteRow) -> Side:
    return Side(
        name=name,
        scores=dict(zip(_ids(row), row.scores.tolist(), strict=True)),
        subjects=dict(zip(_ids(row), row.questions.labels, strict=True)),
        tokens=row.cost.tokens,
        operations=row.cost.operations,
        unread=row.unread,
    )


def _mixed(name: str, low: SuiteRow, high: SuiteRow, part: float) -> Side:
    """Return the vote that is of more ballots in some part of questions, and of fewer in the rest."""
    one, other = _side(name, low), _side(name, high)
    operations = (one.operations, other.operations)

    def mix(a: float, b: float) -> float:
        return (1 - part) * a + part * b

    return Side(
        name=name,
        scores={question: mix(score, other.scores[question]) for question, score in one.scores.items()},
        subjects=one.subjects,
        tokens=mix(one.tokens, other.tokens),
        operations=None if operations[0] is None or operations[1] is None else mix(operations[0], operations[1]),
        unread=mix(low.unread, high.unread),
    )
