"""A run's conversations, packed: every text once, in portions that are opened when they are looked at.

A question's conversations in all cells lie together, for cells share many completions: a vote's ballots are those of
the smaller votes. What a seat read is left out but for the question, as it repeats other turns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import orjson

from mlpo_bench.analysis.overturned import is_overturned
from mlpo_bench.chat import with_thinking
from mlpo_bench.runs.gold import right_answers


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.log.records import Record
    from mlpo_bench.log.run import LoadedRun

RIGHT, UNREAD, CUT_OFF, FAILED, OVERTURNED = 1, 2, 4, 8, 16
"""What may be true of a conversation. They add up to one digit in base 32, and a cell's questions to a word."""
DIGITS = "0123456789abcdefghijklmnopqrstuv"
NOT_ASKED = "-"
PORTION_BYTES = 1 << 20
"""How much text a portion holds at least, unless it is the last."""


@dataclass(slots=True)
class _Sample:
    """All conversations over one question: `words` holds each distinct completion once, by what tells it apart."""

    subject: str
    text: str | None = None
    words: dict[tuple[Any, ...], int] = field(default_factory=dict)
    told: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return sum(len(word[0]) for word in self.words)

    def to_json(self) -> dict[str, Any]:
        return {"text": self.text, "words": list(self.words), "told": {str(cell): t for cell, t in self.told.items()}}


@dataclass(frozen=True, slots=True)
class Conversations:
    """What a page's browser lists, and the portions that it opens.

    `index` holds the questions of each suite with their right answers, None where the suite's data are not at hand, and
    of each cell its suite, its row's name, its seed and a digit for each of its suite's questions; of each portion its
    suite and the number of its first question. `portions` are JSON: questions with their conversations by cell.
    """

    index: dict[str, Any]
    portions: tuple[bytes, ...]


def conversations(run: LoadedRun, rows: Sequence[ResultRow]) -> Conversations:
    """Read all conversations of a run's rows."""
    of_cell = run.cell
    seats = list(dict.fromkeys(seat for row in rows for cell in row.cells for seat in cell.seats))
    by_suite: dict[str, dict[str, _Sample]] = {row.suite: {} for row in rows}
    entries: list[dict[str, Any]] = []
    states: list[dict[str, str]] = []
    gold = right_answers(run, list(by_suite))
    for row in rows:
        for result in row.cells:
            number, asked = len(entries), by_suite[row.suite]
            records = {record.question: record for record in run.records(result.cell)}
            overturned = _put(asked, number, records, seats, run.transcripts(of_cell[result.cell]))
            led = row.family == "led"
            states.append({name: _state(one, led and name in overturned) for name, one in records.items()})
            entries.append({"suite": row.suite, "name": row.name, "seed": result.seed})
    for entry, state in zip(entries, states, strict=True):
        entry["states"] = "".join(state.get(question, NOT_ASKED) for question in by_suite[str(entry["suite"])])
    portions = [(suite, first, part) for suite, asked in by_suite.items() for first, part in _portions(asked)]
    suites = {
        suite: {
            "ids": list(asked),
            "subjects": [one.subject for one in asked.values()],
            "gold": [gold[suite].get(question) for question in asked],
        }
        for suite, asked in by_suite.items()
    }
    index = {
        "questions": suites,
        "cells": entries,
        "seats": seats,
        "portions": [{"suite": suite, "first": first, "count": len(part)} for suite, first, part in portions],
    }
    return Conversations(index, tuple(orjson.dumps([one.to_json() for one in part]) for _, _, part in portions))


def _put(
    asked: dict[str, _Sample],
    cell: int,
    records: dict[str, Record],
    seats: list[str],
    lines: Iterator[dict[str, Any]],
) -> set[str]:
    """Add a cell's conversations; return the questions in which the leader overturned its peers' favourite."""
    overturned = set()
    for line in lines:
        question = line["question"]
        if question not in records:
            continue
        of = asked.setdefault(question, _Sample(records[question].subject))
        if "turns" not in line:
            of.told[cell] = {"error": line["error"]}
            continue
        turns = line["turns"]
        of.text = _shorter(of.text, _asked_first(turns))
        spoken = [_spoken(of, turn, seats) for turn in turns]
        final = max((n for n, turn in enumerate(turns) if turn["text"] == line["final"]), default=None)
        of.told[cell] = {"answer": line["answer"], "final": final, "turns": [part for one in spoken for part in one]}
        if is_overturned(turns):
            overturned.add(question)
    return overturned


def _asked_first(turns: Sequence[dict[str, Any]]) -> str | None:
    """Return what the first turn was asked: the bare question where its seat had nothing else to read."""
    said = [message["content"] for turn in turns[:1] for message in turn["read"] if message["role"] == "user"]
    return said[-1] if said else None


def _shorter(a: str | None, b: str | None) -> str | None:
    return min((text for text in (a, b) if text is not None), key=len, default=None)


def _spoken(of: _Sample, turn: dict[str, Any], seats: list[str]) -> tuple[int, ...]:
    """Return a turn as the number of its seat, its round, stage and sample, and the number of what was said."""
    answer, right = turn["answer"], turn.get("right")
    word = (
        with_thinking(turn.get("reasoning"), turn["text"]),
        answer,
        turn.get("key", answer),
        None if right is None else int(right),
        turn["prompt_tokens"],
        turn["cached_tokens"],
        turn["completion_tokens"],
        int(turn["finish_reason"] == "length"),
        round(turn["seconds"], 2),
    )
    if turn["seat"] not in seats:
        seats.append(turn["seat"])
    number = of.words.setdefault(word, len(of.words))
    return seats.index(turn["seat"]), turn["round"], turn["stage"], turn["sample"], number


def _state(record: Record, overturned: bool) -> str:
    """Return a conversation's digit."""
    told = {
        RIGHT: bool(record.right),
        UNREAD: record.unread,
        CUT_OFF: record.cut_off,
        FAILED: record.error is not None,
        OVERTURNED: overturned,
    }
    return DIGITS[sum(bit for bit, true in told.items() if true)]


def _portions(asked: dict[str, _Sample]) -> Iterator[tuple[int, list[_Sample]]]:
    """Yield the questions in portions of about the same size, each with the number of its first."""
    size = 0
    places = []
    for one in asked.values():
        places.append(size // PORTION_BYTES)
        size += one.size
    numbered = enumerate(zip(places, asked.values(), strict=True))
    for _, part in groupby(numbered, key=lambda each: each[1][0]):
        held = list(part)
        yield held[0][0], [one for _, (_, one) in held]
