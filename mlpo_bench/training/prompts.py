"""The prompts that a leader is trained on, made of the openings by the protocols' own prompt code."""

from __future__ import annotations

import hashlib
from itertools import groupby
from typing import TYPE_CHECKING

import orjson

from mlpo_bench.chat import Message
from mlpo_bench.protocols.leader import leading_prompt, passed_on
from mlpo_bench.protocols.room import chat_for
from mlpo_bench.protocols.seeding import shuffler
from mlpo_bench.protocols.select import choosing_prompt
from mlpo_bench.training.rows import Prompt


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mlpo_bench.training.recipe import PromptKind, Recipe
    from mlpo_bench.training.rows import ChatRow, Opening

_ID_DIGITS = 32


def prompts_of(recipe: Recipe, openings: Iterable[Opening]) -> list[Prompt]:
    """Return the prompts of the questions that these are the openings on, variant by variant.

    Variants of a question that come to the same prompt are one: equal openings teach no more than one of them.
    """
    made: dict[str, Prompt] = {}
    for _, of_question in groupby(openings, key=lambda opening: opening.question_id):
        for prompt in _variants(recipe, list(of_question)):
            made.setdefault(prompt.prompt_id, prompt)
    return list(made.values())


def _variants(recipe: Recipe, openings: Sequence[Opening]) -> Iterator[Prompt]:
    for variant in range(recipe.variants):
        shown = [] if recipe.shows == "alone" else _shown(recipe, openings, variant)
        yield make_prompt(recipe, openings[0], shown, variant)


def _shown(recipe: Recipe, openings: Sequence[Opening], variant: int) -> list[Opening]:
    """Return the openings that one variant shows, in the order in which it does."""
    name, attempts = openings[0].question_id, recipe.prompts.attempts
    if attempts is None:
        shown = [opening for opening in openings if opening.variant == variant]
    else:
        fewest, most = attempts if isinstance(attempts, tuple) else (attempts, attempts)
        draw = shuffler(recipe.seed, name, "attempts", variant)
        places = sorted(draw.sample(range(len(openings)), draw.randint(fewest, most)))
        shown = [openings[place] for place in places]
    if recipe.prompts.order == "shuffled":
        shuffler(recipe.seed, name, "order", variant).shuffle(shown)
    return shown


def make_prompt(recipe: Recipe, asked: Opening, shown: Sequence[Opening], variant: int) -> Prompt:
    """Return the prompt in which a leader is shown some openings on the question of `asked`."""
    preamble = [Message(m["role"], m["content"]) for m in asked.preamble]  # type: ignore[arg-type]
    chat = chat_for(recipe.leader, preamble, _text(recipe, asked.prompt, shown))
    messages: ChatRow = tuple({"role": m.role, "content": m.content} for m in chat)
    return Prompt(
        prompt_id=identity(recipe.shows, messages, asked.answer_format, asked.gold),
        question_id=asked.question_id,
        suite=asked.suite,
        subject=asked.subject,
        answer_format=asked.answer_format,
        gold=asked.gold,
        kind=recipe.shows,
        messages=messages,
        round=0,
        variant=variant,
        order=tuple(opening.seat for opening in shown),
        attempts_right=tuple(opening.right for opening in shown),
        sampling=asked.sampling,
        question=asked.prompt,
    )


def _text(recipe: Recipe, question: str, shown: Sequence[Opening]) -> str:
    if recipe.shows == "alone":
        return question
    if recipe.shows == "select":
        return choosing_prompt(question, [opening.opening.strip() for opening in shown])
    share = recipe.prompts.share
    return leading_prompt(question, [passed_on(share, opening.opening, opening.answer) for opening in shown])


def identity(kind: PromptKind, messages: ChatRow, answer_format: str, gold: str) -> str:
    """Return a prompt's id: it follows from the content alone."""
    content = [kind, [[m["role"], m["content"]] for m in messages], answer_format, gold]
    return hashlib.sha256(orjson.dumps(content)).hexdigest()[:_ID_DIGITS]


def chat_of(prompt: Prompt) -> tuple[Message, ...]:
    """Return a prompt's messages as engines take them."""
    return tuple(Message(m["role"], m["content"]) for m in prompt.messages)  # type: ignore[arg-type]
