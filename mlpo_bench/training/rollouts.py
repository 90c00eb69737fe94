"""The stage `rollouts`: every peer opens on every train question, several times, seeing the question alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.dispatch import Request
from mlpo_bench.protocols.draws import numbered
from mlpo_bench.protocols.room import chat_for, seated
from mlpo_bench.training import judging
from mlpo_bench.training.asking import drawn, table
from mlpo_bench.training.posing import posed
from mlpo_bench.training.rows import Opening, write_rows


if TYPE_CHECKING:
    from pathlib import Path

    from mlpo_bench.dispatch import Dispatch, Reply
    from mlpo_bench.protocols import Seat
    from mlpo_bench.training.asking import Table
    from mlpo_bench.training.folder import TrainingFolder, Work
    from mlpo_bench.training.observer import TrainingObserver
    from mlpo_bench.training.posing import Posed
    from mlpo_bench.training.recipe import Recipe

TOO_LONG = "Lower rollouts.max_tokens, leave out the subjects with the longest questions, or name another peer."


async def run(folder: TrainingFolder, work: Work, store_path: Path, observer: TrainingObserver) -> None:
    """Make `rollouts.parquet`.

    Raises:
        UsageError: no question, one that is tested, one that does not fit, or a model that cannot be served.
        EngineError: an engine failed for good.
        Stopped: a person wants an end.
    """
    recipe = folder.recipe
    train = posed(recipe, observer)
    specs = dict.fromkeys(peer.spec for peer in recipe.team.peers)
    async with table(specs, store_path, observer, deterministic=recipe.deterministic) as asked:
        asked.check_context((r for one in train for _, _, r in _requests(recipe, one, asked.dispatch)), TOO_LONG)
        openings = await roll_out(recipe, train, asked)
        made = [
            (request, one.question.suite, row.completion_tokens)
            for one, rows in zip(train, openings, strict=True)
            for (_, _, request), row in zip(_requests(recipe, one, asked.dispatch), rows, strict=True)
        ]
        asked.note_pace(made, (one.question.prompt for one in train))
    rows = [row for rows in openings for row in rows]
    write_rows(folder.rollouts, Opening, rows)
    work.spent |= {
        "calls": len(rows),
        "prompt_tokens": sum(row.prompt_tokens for row in rows),
        "completion_tokens": sum(row.completion_tokens for row in rows),
    }
    work.facts |= {"questions": len(train), "openings": len(rows), "right": sum(row.right for row in rows)}
    observer.say(
        f"{len(rows):,} openings on {len(train):,} questions: {_share(rows, 'right')} right, "
        f"{_share(rows, 'cut_off')} cut off, {sum(row.answer is None for row in rows) / len(rows):.0%} without a "
        "readable answer"
    )


async def roll_out(recipe: Recipe, train: list[Posed], asked: Table) -> list[list[Opening]]:
    """Return the openings on each question, by seat and variant."""

    async def open_on(one: Posed) -> list[Opening]:
        requests = _requests(recipe, one, asked.dispatch)
        replies = await asked.dispatch.ask_each([request for _, _, request in requests], seed=recipe.seed)
        return [
            await _opening(one, seat, variant, reply)
            for (seat, variant, _), reply in zip(requests, replies, strict=True)
        ]

    calls = len(train) * len(recipe.team.peers) * recipe.rollouts.samples
    return await asked.each("openings", train, open_on, calls)


def _requests(recipe: Recipe, one: Posed, dispatch: Dispatch) -> list[tuple[Seat, int, Request]]:
    """Return what every peer is asked; the first opening of each is the very request of a run with these settings."""
    question = one.question
    asked = [
        (
            seat,
            chat_for(seat.member, question.preamble, question.prompt),
            drawn(seat.member, one.sampling, recipe.rollouts),
        )
        for seat in seated(recipe.team)[1:]
    ]
    alike = [(dispatch.identity(seat.member), chat, sampling) for seat, chat, sampling in asked]
    firsts = numbered(alike)
    return [
        (seat, variant, Request(seat.member, chat, sampling, firsts[place] + variant * alike.count(alike[place])))
        for place, (seat, chat, sampling) in enumerate(asked)
        for variant in range(recipe.rollouts.samples)
    ]


async def _opening(one: Posed, seat: Seat, variant: int, reply: Reply) -> Opening:
    question, made = one.question, reply.completion
    answer, right = await judging.aside(
        question.answer_format, one.gold, question.prompt, made.text, cut_off=made.cut_off
    )
    return one.opening(
        seat.name, made.written, made.usage, variant=variant, answer=answer, right=right, cut_off=made.cut_off
    )


def _share(rows: list[Opening], what: str) -> str:
    return f"{sum(getattr(row, what) for row in rows) / len(rows):.0%}"
