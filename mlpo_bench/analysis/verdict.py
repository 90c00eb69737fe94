"""Does a leader beat what the same compute buys otherwise? Each led row against the vote at its cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mlpo_bench.analysis.rows import compared
from mlpo_bench.stats import ALPHA, holm


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.stats import Comparison

    Pair = tuple[ResultRow, ResultRow, "Equal"]

Equal = Literal["tokens", "calls"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A led row of one suite against a vote of its leader's own answers.

    Attributes:
        led: the row.
        vote: the vote.
        equal: what they have in common: a vote at the led row's tokens where the run has one, else one at its calls.
        comparison: the led row's accuracy less the vote's, on the questions that both answered.
        adjusted: `comparison.p` after Holm over all verdicts of the run.
    """

    led: ResultRow
    vote: ResultRow
    equal: Equal
    comparison: Comparison
    adjusted: float

    @property
    def tokens(self) -> float:
        """What the led row took of tokens, read and written, over what the vote took."""
        return self.led.cost.tokens / self.vote.cost.tokens

    @property
    def outcome(self) -> str:
        """Return `beats`, `loses to` or `cannot be told from`."""
        if self.adjusted >= ALPHA:
            return "cannot be told from"
        return "beats" if self.comparison.difference.value > 0 else "loses to"

    @property
    def elsewhere(self) -> bool:
        """Whether the interval, which is of other subjects, too, lies on the same side of 0 as what was found."""
        return self.comparison.difference.low > 0 or self.comparison.difference.high < 0

    def __str__(self) -> str:
        difference = self.comparison.difference
        at_calls = f"at its calls, which took {1 / self.tokens:.2g} times its tokens"
        equal = "at its tokens" if self.equal == "tokens" else at_calls
        here = self.adjusted < ALPHA and not self.elsewhere
        return (
            f"{self.led.suite.upper()}: {self.led.name} {self.outcome} the vote {equal} "
            f"({difference.value:+.3f}, 95 % interval {difference.low:+.3f} to {difference.high:+.3f}, "
            f"p = {self.adjusted:.2g}, {difference.questions:,} questions)"
            f"{' on these questions; on other subjects, not surely' if here else ''}."
        )


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts on a run's led rows, and those of them that the run has no vote for."""

    verdicts: tuple[Verdict, ...]
    without: tuple[ResultRow, ...]

    def __str__(self) -> str:
        lines = [str(verdict) for verdict in self.verdicts]
        lines += [
            f"{row.suite.upper()}: {row.name} has no vote to compare with; add `vote: {{samples: tokens}}`."
            for row in self.without
        ]
        return "\n".join(lines) or "The run has no led row with answers."


def verdicts(run: LoadedRun, rows: Sequence[ResultRow]) -> Verdicts:
    """Compare each led row of a run with the vote at its tokens, or else with the one at its calls."""
    led = [row for row in rows if row.family == "led"]
    pairs = [pair for row in led for pair in _vote_for(run, row, rows)]
    comparisons = [compared(row, vote) for row, vote, _ in pairs]
    adjusted = holm({str(place): comparison.p for place, comparison in enumerate(comparisons)})
    told = tuple(
        Verdict(*pair, comparison, adjusted[str(place)])
        for place, (pair, comparison) in enumerate(zip(pairs, comparisons, strict=True))
    )
    with_vote = [id(row) for row, _, _ in pairs]
    return Verdicts(told, tuple(row for row in led if id(row) not in with_vote))


def _vote_for(run: LoadedRun, led: ResultRow, rows: Sequence[ResultRow]) -> Iterator[Pair]:
    """Yield a led row with the vote that it is measured by, if there is one."""
    votes = [
        row
        for row in rows
        if row.family == "vote"
        and row.alone
        and (row.suite, row.team) == (led.suite, led.team)
        and not row.scores.keys().isdisjoint(led.scores)
    ]
    first = led.cells[0].cell
    calls = run.cell[first].calls
    ways: tuple[tuple[Equal, list[ResultRow]], ...] = (
        ("tokens", [vote for vote in votes if vote.matched == first]),
        ("calls", [vote for vote in votes if vote.matched is None and run.cell[vote.cells[0].cell].calls == calls]),
    )
    for equal, fitting in ways:
        if fitting:
            yield led, fitting[0], equal
            return
