"""Prompts of later rounds, made with the leader as it is by then: what `mlpo.contexts: rounds` adds.

The conversations are those of inference, by the protocol `leader` itself: peers open (as in `rollouts`), the leader
answers, peers revise, and so on. What the leader reads from the second round on becomes a prompt.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpo_bench.chat import Message, Usage
from mlpo_bench.errors import ContextOverflow, UsageError
from mlpo_bench.protocols import Leader, Setting
from mlpo_bench.protocols.seeding import shuffler
from mlpo_bench.questions import Question
from mlpo_bench.teams import SamplingChoice
from mlpo_bench.training import judging
from mlpo_bench.training.asking import table
from mlpo_bench.training.prompts import identity
from mlpo_bench.training.rows import Kept, Opening, Prompt, read_rows


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlpo_bench.protocols import Cost, Transcript, Turn
    from mlpo_bench.teams import Member, Team
    from mlpo_bench.training.asking import Table
    from mlpo_bench.training.folder import TrainingFolder
    from mlpo_bench.training.observer import TrainingObserver
    from mlpo_bench.training.recipe import Recipe
    from mlpo_bench.training.rows import ChatRow
    from mlpo_bench.training.sections import Drawing, Mlpo

    Conversation = tuple[list[Prompt], Cost]

_LEADER = "leader"
_REMEDY = "Lower mlpo.max_tokens, rollouts.max_tokens or mlpo.rounds, or ask fewer peers."


@dataclass(frozen=True, slots=True)
class Held:
    """What conversations came to: prompts of their later rounds, and the calls and tokens that they took.

    `left_out` is how many did not fit the context of a model, of which nothing is kept.
    """

    prompts: list[Prompt]
    calls: int
    usage: Usage
    left_out: int


def make(
    folder: TrainingFolder, leader: Member, refresh: int, count: int, store_path: Path, observer: TrainingObserver
) -> Held:
    """Return about `count` prompts of later rounds, by conversations with this leader in the leader's seat.

    Args:
        folder: whose filter is done.
        leader: the leader as it is now: its base with the adapter so far, or a folder of weights.
        refresh: how often this was done before; each time asks other questions, with other draws.
        count: how many prompts are wanted; fewer where there are no more questions.
        store_path: where completions are kept.
        observer: is told how far it is.

    Raises:
        UsageError: a model cannot be served, or none of the conversations fits what the models hold.
        EngineError: an engine failed for good.
        Stopped: a person wants an end.
    """
    openings = _asked(folder, refresh, count)
    return asyncio.run(_make(folder.recipe, openings, leader, refresh, store_path, observer))


def _asked(folder: TrainingFolder, refresh: int, count: int) -> list[Opening]:
    """Return one opening on each of the questions that are asked this time."""
    recipe = folder.recipe
    kept = [one.question_id for one in read_rows(folder.questions, Kept)]
    shuffler(recipe.seed_of("mlpo"), "later", refresh).shuffle(kept)
    wanted = set(kept[: -(-count // (recipe.mlpo.rounds - 1))])
    return [
        opening
        for opening in {opening.question_id: opening for opening in read_rows(folder.rollouts, Opening)}.values()
        if opening.question_id in wanted
    ]


async def _make(
    recipe: Recipe,
    openings: Sequence[Opening],
    leader: Member,
    refresh: int,
    store_path: Path,
    observer: TrainingObserver,
) -> Held:
    team = seating(recipe, leader)
    async with table(team.specs, store_path, observer, deterministic=recipe.deterministic) as asked:
        made = await later_prompts(recipe, openings, team, refresh, asked)
    fitting = _fitting(made, observer)
    prompts = {prompt.prompt_id: prompt for of_one, _ in fitting for prompt in of_one}
    costs = [cost for _, cost in fitting]
    usage = sum((cost.usage for cost in costs), Usage())
    return Held(list(prompts.values()), sum(cost.calls for cost in costs), usage, len(made) - len(fitting))


def _fitting(made: Sequence[Conversation | ContextOverflow], observer: TrainingObserver) -> list[Conversation]:
    """Return the conversations that fitted the contexts of their models, and tell of the others.

    Raises:
        UsageError: none did.
    """
    fitting = [one for one in made if not isinstance(one, ContextOverflow)]
    overflows = [one for one in made if isinstance(one, ContextOverflow)]
    if overflows and not fitting:
        raise UsageError(f"None of the {len(made)} conversations fits: {overflows[0].told} {_REMEDY}")
    if overflows:
        told = f"{len(overflows)} of {len(made)} conversations do not fit what a model holds, and are left out"
        observer.say(f"{told}: {overflows[0].told}")
    return fitting


def seating(recipe: Recipe, leader: Member) -> Team:
    """Return the recipe's team with this leader; peers draw as in `rollouts`, the leader as in `mlpo`."""
    peers = tuple(_drawing(peer, recipe.rollouts) for peer in recipe.team.peers)
    return recipe.team.model_copy(update={"leader": _drawing(leader, recipe.mlpo), "peers": peers})


def _drawing(member: Member, drawing: Drawing | Mlpo) -> Member:
    said = {name: getattr(drawing, name) for name in ("temperature", "top_p", "max_tokens")}
    changed = {name: value for name, value in said.items() if value is not None}
    sampling = SamplingChoice.model_validate(member.sampling.model_dump() | changed)
    return member.model_copy(update={"sampling": sampling})


async def later_prompts(
    recipe: Recipe, openings: Sequence[Opening], team: Team, refresh: int, asked: Table
) -> list[Conversation | ContextOverflow]:
    """Return the prompts of later rounds of a conversation on each of these openings' questions, and its cost.

    In place of a conversation that did not fit a model's context stands how far it did not.
    """
    order = recipe.prompts.order
    protocol = Leader(rounds=recipe.mlpo.rounds, share=recipe.prompts.share, order=order)
    setting = Setting(team, protocol, recipe.seed_of("mlpo") + refresh)

    async def converse(opening: Opening) -> Conversation | ContextOverflow:
        preamble = tuple(Message(m["role"], m["content"]) for m in opening.preamble)  # type: ignore[arg-type]
        question = Question(
            opening.suite, opening.subject, opening.question_id, opening.prompt, opening.answer_format, preamble
        )
        try:
            held = await setting.converse(question, asked.dispatch, opening.sampling)
        except ContextOverflow as overflow:  # one that is long is no reason to end a training
            return overflow
        prompts = [await _prompt(opening, held, n, setting) for n in range(1, recipe.mlpo.rounds)]
        return prompts, held.cost

    return await asked.each("conversations held", openings, converse)


async def _prompt(opening: Opening, held: Transcript, number: int, setting: Setting) -> Prompt:
    """Return what the leader read in a round of a conversation."""
    turns = [turn for turn in held.turns if turn.round == number]
    (verdict,) = (turn for turn in turns if turn.seat == _LEADER)
    attempts: list[Turn] = [turn for turn in turns if turn.seat != _LEADER]
    order = setting.protocol.reading_order(len(attempts), opening.question_id, number, setting.seed)
    attempts = [attempts[place] for place in order]
    right = [await judging.right_aside(opening.answer_format, opening.gold, turn.answer) for turn in attempts]
    messages: ChatRow = tuple({"role": m.role, "content": m.content} for m in verdict.read)
    return Prompt(
        prompt_id=identity("leader", messages, opening.answer_format, opening.gold),
        question_id=opening.question_id,
        suite=opening.suite,
        subject=opening.subject,
        answer_format=opening.answer_format,
        gold=opening.gold,
        kind="leader",
        messages=messages,
        round=number,
        variant=0,
        order=tuple(turn.seat for turn in attempts),
        attempts_right=tuple(right),
        sampling=opening.sampling,
        question=opening.prompt,
    )
