"""What came of altering what seats read of one another, each conversation held against the same without it.

`docs/interventions.md` defines every figure. A conversation in which nothing could be altered (no wrong attempt to
plant was to be had) is in none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpo_bench.analysis.rows import intervened_rows, read_rows
from mlpo_bench.protocols.interventions import FAULTS, PUSHING
from mlpo_bench.stats import compare, over_seeds
from mlpo_bench.stats.means import Drawn, Mean, mean
from mlpo_bench.teams import LEADER


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.protocols.interventions import Kind
    from mlpo_bench.stats import Comparison

    Line = dict[str, Any]
    Bools = NDArray[np.bool_]

ENOUGH = 10
"""Of fewer conversations nothing is said in words."""
SELDOM = 0.1
"""Up to so many answers may change where a reader is said to hardly read."""
_TOKENS = ("prompt_tokens", "cached_tokens", "completion_tokens")


@dataclass(frozen=True, slots=True)
class Effect:
    """What one intervention did to one row, on the questions where it was carried out.

    Attributes:
        suite: Of its questions.
        row: The row's name.
        family: What the row's protocol is alike to.
        said: What was done, in words.
        kind: What was done.
        peers: To how many.
        seats: To which peers, counted from 1; None where they were drawn for each question.
        conversations: In how many it was carried out: questions times seeds.
        untouched: In how many it could not be, or was not reached.
        accuracy: The accuracy with it less that without it; None where it was never carried out.
        changed: How often the final answer is another one; two that cannot be read are the same.
        lost: How often it is wrong, of those that are right without it.
        gained: How often it is right, of those that are wrong without it.
        follows: How often it is the answer of a text that was read in another's place.
        followed_before: How often it is that same answer without it.
        follows_more: The one less the other.
        tokens: What a question took: read and written. What nobody read is not counted; who goes on from its own turn
            reads that.
        tokens_before: What it took without it.
    """

    suite: str
    row: str
    family: str
    said: str
    kind: Kind
    peers: int
    seats: tuple[int, ...] | None
    conversations: int
    untouched: int
    accuracy: Comparison | None
    changed: Mean
    lost: Mean
    gained: Mean
    follows: Mean
    followed_before: Mean
    follows_more: Comparison | None
    tokens: float
    tokens_before: float

    @property
    def saved(self) -> float:
        """The tokens a question that it saved."""
        return self.tokens_before - self.tokens


def effects(run: LoadedRun, word: str | None = None) -> list[Effect]:
    """Return what every intervention of a run did, or those on rows with a word in their name or their cells'.

    Raises:
        UsageError: no cell of the run has come to its end.
    """
    plain = {cell.cell: row for row in read_rows(run) for cell in row.cells}
    paired = [(row, plain.get(row.cells[0].plain or "")) for row in intervened_rows(run)]
    held = _Held(run)
    return [
        _effect(held, row, before)
        for row, before in paired
        if before is not None
        and (not word or word in row.name or any(word in cell.cell for cell in (*row.cells, *before.cells)))
    ]


@dataclass(frozen=True, slots=True)
class _Pair:
    """A conversation under an intervention, and the same without it; whether seats go on from their own turns."""

    after: Line
    before: Line
    goes_on: bool

    @property
    def altered(self) -> list[Line]:
        told: list[Line] = self.after.get("altered", [])
        return told

    @property
    def given(self) -> set[str]:
        """The answers, as a vote counts them, of the texts that were read in others' places."""
        return {one["key"] for one in self.altered if one["key"] is not None}

    @property
    def tokens(self) -> tuple[int, int]:
        """What it took, less what was written for nobody to read, and what it took before."""
        after, before = (sum(map(_tokens, line["turns"])) for line in (self.after, self.before))
        return after - sum(map(_tokens, self._unread())), before

    def _unread(self) -> list[Line]:
        """Return the turns that nobody read: left out, and led by their authors to none that counts or is read."""
        turns = self.after["turns"]
        dropped = [_left_out(turns, one) for one in self.altered if one["text"] is None]
        if not self.goes_on:
            return dropped
        last = {turn["seat"]: turn["round"] for turn in turns}
        places = {(turn["seat"], turn["round"]) for turn in dropped}
        return [
            turn
            for turn in dropped
            if all((turn["seat"], later) in places for later in range(turn["round"] + 1, last[turn["seat"]] + 1))
        ]


class _Held:
    """Reads conversations, those without an intervention once for all that are held against them."""

    def __init__(self, run: LoadedRun) -> None:
        self._run = run
        self._read: tuple[str, dict[str, Line]] = ("", {})

    def pairs(self, row: ResultRow) -> Iterator[_Pair]:
        """Yield the conversations of a row, and the same without its intervention."""
        for cell in row.cells:
            assert cell.plain is not None
            goes_on = self._run.cell[cell.cell].setting.protocol.goes_on
            if not self._run.done(cell.plain) and cell.plain not in self._run.result:
                continue
            before = self._lines(cell.plain)
            for line in self._run.transcripts(self._run.cell[cell.cell]):
                if "turns" in line and line["question"] in before:
                    yield _Pair(line, before[line["question"]], goes_on)

    def _lines(self, cell: str) -> dict[str, Line]:
        """Return a cell's conversations by question; rows that are held against one cell follow one another."""
        if self._read[0] != cell:
            lines = self._run.transcripts(self._run.cell[cell])
            self._read = cell, {line["question"]: line for line in lines if "turns" in line}
        return self._read[1]


def _effect(held: _Held, row: ResultRow, before: ResultRow) -> Effect:
    every = list(held.pairs(row))
    pairs = [pair for pair in every if pair.altered]
    drawn = Drawn([pair.after["question"] for pair in pairs], [pair.after["subject"] for pair in pairs])
    keys = [(_final_key(pair.after), _final_key(pair.before)) for pair in pairs]
    was, now = _bools(pair.before["right"] for pair in pairs), _bools(pair.after["right"] for pair in pairs)
    follows = _bools(after in pair.given for pair, (after, _) in zip(pairs, keys, strict=True))
    followed = _bools(before in pair.given for pair, (_, before) in zip(pairs, keys, strict=True))
    stated = _bools(bool(pair.given) for pair in pairs)
    tokens = [pair.tokens for pair in pairs]
    settings = row.cells[0].intervention or {}
    return Effect(
        suite=row.suite,
        row=before.name,
        family=before.family,
        said=row.label.removeprefix(f"{before.label}, "),
        kind=settings["kind"],
        peers=settings["peers"],
        seats=None if settings["seats"] is None else tuple(settings["seats"]),
        conversations=len(pairs),
        untouched=len(every) - len(pairs),
        accuracy=_compared(now, was, drawn),
        changed=mean(_bools(after != before for after, before in keys), drawn),
        lost=mean(~now, drawn, was),
        gained=mean(now, drawn, ~was),
        follows=mean(follows, drawn, stated),
        followed_before=mean(followed, drawn, stated),
        follows_more=_compared(follows[stated], followed[stated], drawn.only(stated)),
        tokens=sum(now for now, _ in tokens) / max(len(tokens), 1),
        tokens_before=sum(before for _, before in tokens) / max(len(tokens), 1),
    )


def _compared(after: Bools, before: Bools, drawn: Drawn) -> Comparison | None:
    """Compare two outcomes of the same conversations, paired by question over all seeds."""
    if not len(after):
        return None
    subjects = dict(zip(drawn.questions, drawn.subjects, strict=True))
    first, second = (over_seeds(drawn.questions, side.astype(float).tolist()) for side in (after, before))
    return compare(list(first.values()), list(second.values()), [subjects[question] for question in first])


def _final_key(line: Line) -> str | None:
    """Return the key of a conversation's final answer; None where none can be read."""
    texts = [*line["turns"], *line.get("altered", ())]
    return next((one["key"] for one in reversed(texts) if one["text"] == line["final"]), None)


def _left_out(turns: Sequence[Line], dropped: Line) -> Line:
    """Return the turn that was left out of what others read."""
    here = [turn for turn in turns if turn["round"] == dropped["round"]]
    peers: Sequence[Line] = [turn for turn in here if turn["seat"] != LEADER] or here
    return peers[int(dropped["peer"]) - 1]


def _tokens(turn: Line) -> int:
    return sum(int(turn[kind]) for kind in _TOKENS)


def _bools(values: Any) -> Bools:  # noqa: ANN401 - any values that are true or false
    return np.fromiter(map(bool, values), dtype=bool)


def said(effects: Sequence[Effect]) -> list[str]:
    """Return what the effects on one row support, in words: a line stands only where an interval bears it."""
    return [line for rule in (_solipsism, _trust, _harm) for line in rule(effects)]


def _solipsism(effects: Sequence[Effect]) -> Iterator[str]:
    """Whether noise in the place of all peers leaves its answers as they were."""
    noise = [one for one in effects if one.kind == "noise"]
    most = max(noise, key=lambda one: one.peers, default=None)
    if most is None or most.changed.n < ENOUGH or most.changed.high is None or most.changed.low is None:
        return
    told = f"of {most.changed.n} answers ({_percent(most.changed)})"
    if most.changed.high < SELDOM:
        yield f"It hardly reads its peers: {most.said}, {most.changed.total:.0f} {told} change."
    elif most.changed.low > SELDOM:
        yield f"It reads its peers: {most.said}, {most.changed.total:.0f} {told} change."


def _trust(effects: Sequence[Effect]) -> Iterator[str]:
    """Whether it goes with what was planted more often than it gave that answer anyway."""
    for one in effects:
        more = one.follows_more
        if one.kind in {"right", "wrong", *PUSHING} and more is not None and one.follows.n >= ENOUGH:
            apart, followed = more.difference, 100 * one.follows.total / one.follows.n
            if apart.low > 0:
                yield (
                    f"{one.said[:1].upper()}{one.said[1:]}: it gives that answer in {followed:.0f} % of "
                    f"{one.follows.n}, {100 * apart.value:.0f} points more often than without (95 %: "
                    f"{100 * apart.low:.0f} to {100 * apart.high:.0f})."
                )


def _harm(effects: Sequence[Effect]) -> Iterator[str]:
    """Whether faulty peers cost it right answers."""
    for one in effects:
        if one.kind in FAULTS and one.accuracy is not None and one.conversations >= ENOUGH:
            apart = one.accuracy.difference
            if apart.high < 0:
                yield (
                    f"{one.said[:1].upper()}{one.said[1:]}: {-100 * apart.value:.0f} points fewer right "
                    f"(95 %: {-100 * apart.high:.0f} to {-100 * apart.low:.0f})."
                )


def _percent(mean: Mean) -> str:
    assert mean.value is not None
    assert mean.low is not None
    assert mean.high is not None
    return f"{100 * mean.value:.0f} %, 95 %: {100 * mean.low:.0f} to {100 * mean.high:.0f} %"
