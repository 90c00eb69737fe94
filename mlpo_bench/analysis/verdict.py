"""Does the team beat what the same compute buys otherwise? Each team row against a vote at its own cost.

Everything here is figures: a terminal, the page, the leaderboard and Python say the same, each in its own way.
docs/statistics.md tells how the figures are made.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from statistics import mean
from typing import TYPE_CHECKING, Any, Literal

from mlpo_bench.analysis import limits
from mlpo_bench.stats import ALPHA


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlpo_bench.analysis.limits import Limited
    from mlpo_bench.analysis.sides import Equal, Match
    from mlpo_bench.stats import Comparison

Outcome = Literal["beats", "loses to", "cannot be told from"]

_EVEN, _MOSTLY = 0.01, 0.5
_NAMED = 3
"""So many rows of whose answers many could not be read are named one by one."""
_ADD_A_VOTE = "Add `vote: {samples: tokens}` to the matrix."
_UNKNOWN = {
    "operations": "Their operations are not known, for the size of a model is not.",
    "price": "Their price is not known; prices stand in the team file under `prices`.",
}
MUCH_UNREAD = 0.2
"""Above this share of answers that could not be read, figures tell as much of the form of answers as of answers."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a match came to.

    Attributes:
        match: Who was held against whom.
        accuracy: The row's, on the questions that both answered.
        vote_accuracy: The vote's, on the same.
        comparison: The row's accuracy less the vote's.
        adjusted: `comparison.p` after Holm over the verdicts of its kind: those on led rows, or those on others.
        adjusted_subjects: `comparison.p_subjects` likewise, over those that have one; None without subjects.
        needed: How many questions would tell, in four samples of five, were the difference what it is here: more than
            were asked. None where the verdict is clear, or no number below ten million would.
    """

    match: Match
    accuracy: float
    vote_accuracy: float
    comparison: Comparison
    adjusted: float
    adjusted_subjects: float | None
    needed: int | None

    @property
    def suite(self) -> str:
        """The suite."""
        return self.match.suite

    @property
    def row(self) -> str:
        """The row's name."""
        return self.match.row.name

    @property
    def vote(self) -> str:
        """The vote's name."""
        return self.match.vote.name

    @property
    def equal(self) -> Equal:
        """What the two have in common."""
        return self.match.equal

    @property
    def led(self) -> bool:
        """Whether a leader leads the row."""
        return self.match.led

    @property
    def tokens(self) -> float:
        """What the row took of tokens over what the vote took."""
        return self.match.row.tokens / self.match.vote.tokens

    @property
    def operations(self) -> float | None:
        """What the row took of operations over what the vote took; None where that is not known."""
        return _over(self.match.row.operations, self.match.vote.operations)

    @property
    def price(self) -> float | None:
        """The row's price over the vote's; None where a model has none."""
        return _over(self.match.row.price, self.match.vote.price)

    @property
    def outcome(self) -> Outcome:
        """What is shown of other questions of these subjects, all verdicts of its kind considered."""
        if self.adjusted >= ALPHA:
            return "cannot be told from"
        return "beats" if self.comparison.difference.value > 0 else "loses to"

    @property
    def elsewhere(self) -> bool:
        """Whether the same is shown of other subjects than these."""
        return self.adjusted < ALPHA and self.adjusted_subjects is not None and self.adjusted_subjects < ALPHA

    @property
    def taken(self) -> float:
        """What the row took, over what the vote took, of what they should have in common: 1 but where it cannot be."""
        calls = self.match.calls / self.match.ballots
        return {"operations": self.operations, "price": self.price, "calls": calls}.get(self.equal) or self.tokens

    @property
    def even(self) -> bool:
        """Whether the two took the same."""
        return abs(self.taken - 1) < _EVEN

    @property
    def own_draw(self) -> float | None:
        """The share of the difference's variance that is the row's own draw; None where it was drawn once.

        What varies between a question's seeds, over all that varies between questions: the one falls with more seeds of
        this row alone, the other with more questions.
        """
        drawn = self.match.drawn
        if drawn is None or drawn.draws < 2 or not self.comparison.deviation:  # noqa: PLR2004
            return None
        within = mean(score * (1 - score) for score in self.match.row.scores.values()) / (drawn.draws - 1)
        return min(within / self.comparison.deviation**2, 1.0)

    @property
    def at(self) -> str:
        """What the vote has in common with the row, in words: `at its tokens`."""
        if not self.even:
            ballots = "1 ballot" if self.match.ballots == 1 else f"{self.match.ballots:,.4g} ballots"
            return f"of {ballots}, which took {1 / self.taken:.2g} times its {self.equal}"
        if self.equal == "calls":
            return f"at its calls, which took {1 / self.tokens:.2g} times its tokens"
        return f"at its {self.equal}"

    def to_json(self) -> dict[str, Any]:
        """Return its figures by name."""
        one, difference = self.comparison, self.comparison.difference
        return {
            "suite": self.suite,
            "row": self.row,
            "led": self.led,
            "vote": self.vote,
            "equal": self.equal,
            "even": self.even,
            "ballots": self.match.ballots,
            "accuracy": self.accuracy,
            "vote_accuracy": self.vote_accuracy,
            "difference": difference.value,
            "low": difference.low,
            "high": difference.high,
            "p": one.p,
            "p_holm": self.adjusted,
            "p_subjects": one.p_subjects,
            "p_subjects_holm": self.adjusted_subjects,
            "n": difference.questions,
            "needed": self.needed,
            "tokens": self.tokens,
            "operations": self.operations,
            "price": self.price,
            "own_draw": self.own_draw,
            "outcome": self.outcome,
            "elsewhere": self.elsewhere,
        }

    def __str__(self) -> str:
        difference = self.comparison.difference
        told = (
            f"{self.suite.upper()}: {self.row} {self.outcome} the vote {self.at} ({difference.value:+.3f}, "
            f"95 % interval {difference.low:+.3f} to {difference.high:+.3f}, p = {self.adjusted:.2g}, "
            f"{difference.questions:,} questions)"
        )
        if self.needed is not None:
            told += f"; {self.needed:,} questions would tell"
            if (own := self.own_draw) is not None and own > _MOSTLY:
                told += f", or more seeds of this row (its own draw is {100 * own:.0f} % of what is uncertain)"
        if self.adjusted < ALPHA and not self.elsewhere:
            told += " on these subjects; on other subjects, not surely"
        return f"{told}."


@dataclass(frozen=True, slots=True)
class Unread:
    """A row or a vote of a suite of whose answers many could not be read.

    Attributes:
        suite: The suite.
        name: What it is called.
        share: Of its answers that could not be read.
        readable: The share of right ones among the others; None where there are none.
    """

    suite: str
    name: str
    share: float
    readable: float | None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """All verdicts of a run or a table: those on led rows first.

    Attributes:
        verdicts: The verdicts.
        without: Suites and names of rows that there is no vote to hold against.
        unread: Rows and votes of whose answers more than `MUCH_UNREAD` could not be read.
        chance: By suite, the share of questions that guessing gets right; suites are left out where nobody reckoned it.
        limited: Suites that a limit cut, with their questions and subjects (see `limits`).
        unfinished: Whether something has yet to be answered, such as votes.
        unknown: The cost by which all of `without` were to be held against votes, where they lack one for want of it.
    """

    verdicts: tuple[Verdict, ...]
    without: tuple[tuple[str, str], ...] = ()
    unread: tuple[Unread, ...] = ()
    chance: Mapping[str, float] = field(default_factory=dict)
    limited: Limited = field(default_factory=dict)
    unfinished: bool = False
    unknown: Equal | None = None

    @property
    def without_vote(self) -> str | None:
        """Which led rows have no vote to compare with, and what to do; None where all have one."""
        if not self.without:
            return None
        rows = "; ".join(f"{suite.upper()}: {name}" for suite, name in self.without)
        todo = "The run is not complete: the same command goes on with it." if self.unfinished else _ADD_A_VOTE
        todo = todo if self.unknown is None else _UNKNOWN[self.unknown]
        return f"No vote to compare with: {rows}. {todo}"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before any of it is believed: of unread answers, limits, and votes with too few ballots."""
        suites = dict.fromkeys(one.suite for one in self.unread)
        unread = (_warning(suite, [u for u in self.unread if u.suite == suite], self.chance) for suite in suites)
        return (*unread, *filter(None, [limits.told(self.limited)]), *_too_few_ballots(self.verdicts))

    @property
    def led(self) -> tuple[Verdict, ...]:
        """Those on led rows."""
        return tuple(verdict for verdict in self.verdicts if verdict.led)

    @property
    def others(self) -> tuple[Verdict, ...]:
        """Those on other protocols."""
        return tuple(verdict for verdict in self.verdicts if not verdict.led)

    @property
    def costs(self) -> str | None:
        """What led rows took over what their votes took, in a sentence; None without any."""
        words = {"tokens": "the tokens", "operations": "the operations", "price": "the price"}
        ratios = {kind: [ratio for one in self.led if (ratio := getattr(one, kind)) is not None] for kind in words}
        told = [f"{_times(each)} times {words[kind]}" for kind, each in ratios.items() if each]
        return f"Led rows took {', '.join(told)} of their votes." if told else None

    @property
    def sentence(self) -> str:
        """The answer to whether the team beats what the same compute buys otherwise."""
        return _sentence(self.led, self.without, self.unknown)

    def to_json(self) -> dict[str, Any]:
        """Return all that it holds, unrounded, and the sentence."""
        return {
            "sentence": self.sentence,
            "warnings": self.warnings,
            "verdicts": [verdict.to_json() for verdict in self.verdicts],
            "without": [{"suite": suite, "row": name} for suite, name in self.without],
            "unread": [asdict(one) for one in self.unread],
            "chance": dict(self.chance),
        }

    def __str__(self) -> str:
        lines = [*map(str, self.verdicts), *filter(None, [self.without_vote]), *self.warnings]
        return "\n".join([*lines, self.sentence])


def _warning(suite: str, unread: Sequence[Unread], chance: Mapping[str, float]) -> str:
    told = [one.readable for one in unread if one.readable is not None]
    readable = f"; of those that could, {_range(told)} are right" if told else ""
    guessed = f" (by chance: {_range([chance[suite]])})" if told and suite in chance else ""
    return (
        f"{suite.upper()}: {_range([one.share for one in unread])} of the answers of {_unread_names(unread)} could not "
        f"be read, and count as wrong{readable}{guessed}."
    )


def _unread_names(unread: Sequence[Unread]) -> str:
    """Return which rows they are: the names of a few, of many their number and the one with the fewest answers."""
    if len(unread) == 1:
        return unread[0].name
    few = len(unread) <= _NAMED
    which = "; ".join(one.name for one in unread) if few else f"worst: {max(unread, key=lambda one: one.share).name}"
    return f"{len(unread)} rows and votes ({which})"


def _too_few_ballots(verdicts: Sequence[Verdict]) -> Iterator[str]:
    left_out: defaultdict[str, int] = defaultdict(int)
    for one in verdicts:
        left_out[one.suite] = max(left_out[one.suite], one.match.left_out)
    for suite, count in left_out.items():
        if count:
            what = "1 question has" if count == 1 else f"{count:,} questions have"
            yield f"{suite.upper()}: {what} fewer ballots than a vote counts, and {_is(count)} left out of its verdict."
    greedy = dict.fromkeys(one.suite.upper() for one in verdicts if one.match.greedy)
    if greedy:
        yield (
            f"{', '.join(greedy)}: greedy ballots are all one answer, which every vote of them comes to; only draws "
            "with a temperature above 0 make votes of several answers."
        )


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _range(shares: Sequence[float]) -> str:
    low, high = (f"{100 * share:.0f}" for share in (min(shares), max(shares)))
    return f"{low} %" if low == high else f"{low} to {high} %"


def _sentence(led: Sequence[Verdict], without: Sequence[tuple[str, str]], unknown: Equal | None) -> str:
    if not led and not without:
        return "No row is led by a leader: the run does not tell whether a team beats what the same compute buys."
    if not led:
        why = "no led row has a vote" if unknown is None else f"nothing is known of led rows' {unknown}"
        return f"The run cannot say whether the team beats what the same compute buys otherwise: {why}."
    answer, others = _answer(led, _vote(led)), len(without)
    if not others:
        return f"{answer}."
    return f"{answer}; {others} other{'s have' if others > 1 else ' has'} no vote to be held against."


def _vote(led: Sequence[Verdict]) -> str:
    """Return in words what led rows are held against."""
    (equal, *others) = {verdict.equal for verdict in led}
    if others or not all(verdict.even for verdict in led):
        return "the vote of the leader's own answers that it is held against"
    return f"a vote of the leader's own answers at the same {equal}"


def _answer(led: Sequence[Verdict], vote: str) -> str:
    counts = Counter(verdict.outcome for verdict in led)
    beat, lose, open_, total = counts["beats"], counts["loses to"], counts["cannot be told from"], len(led)
    rows = "the led row" if total == 1 else f"all {total} led rows"
    if beat == total:
        sure = "" if all(verdict.elsewhere for verdict in led) else "; of other subjects than these, that is not shown"
        return f"Yes: {rows} {'beats' if total == 1 else 'beat'} {vote}{sure}"
    if lose == total:
        return f"No: {rows} {'loses' if total == 1 else 'lose'} to {vote}"
    if open_ == total:
        needed = [verdict.needed for verdict in led if verdict.needed is not None]
        would = f"; it would take {min(needed):,} questions to show the clearest difference" if needed else ""
        rows = "the led row cannot" if total == 1 else f"none of {total} led rows can"
        return f"Not shown: {rows} be told apart from {vote}{would}"
    some = f"{beat} {'beats' if beat == 1 else 'beat'}" if beat else "none beats"
    rest = [f"{lose} {'loses' if lose == 1 else 'lose'} to it"] if lose else []
    rest += [f"{open_} cannot be told apart from it"] if open_ else []
    return f"{'In part' if beat else 'No'}: of {total} led rows, {some} {vote}; {', '.join(rest)}"


def _times(ratios: Sequence[float]) -> str:
    low, high = (f"{ratio:.2f}" for ratio in (min(ratios), max(ratios)))
    return low if low == high else f"{low} to {high}"


def _over(a: float | None, b: float | None) -> float | None:
    return a / b if a is not None and b else None
