"""Putting traces together: a wrong and a right completion of the leader become one that turns back.

Two ways, by the recipe's `traces.writer`: the leader is asked to write it (`writing_prompt`), or the two are spliced
(`spliced`), for models too small to. Either way the trace is in the form that its prompt requires, and ends in the
right answer; who makes traces checks both.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import jinja2

from mlpo_bench.answers.template_marks import own_turn, without_marks
from mlpo_bench.protocols.seeding import shuffler


if TYPE_CHECKING:
    from mlpo_bench.training.recipe import PromptKind
    from mlpo_bench.training.rows import Prompt, Sample

TURNS = (
    "Wait. Before I settle on that, let me hold it against the question once more.",
    "No, something in this does not hold. Let me go back and do it again with more care.",
    "Hold on. If I check that, it does not come out. I should start over from the question.",
    "That was too quick: one of these steps is wrong. Let me take it up again from the beginning.",
    "Let me test that answer. It does not stand up, so I have to think again.",
)
"""How a spliced trace turns back."""

_FORM: dict[PromptKind, str] = {
    "leader": (
        "Put all of this reasoning between <think> and </think>. After it write the final answer of the second "
        "answer, and nothing else, between <answer> and </answer>."
    ),
    "alone": "End with the final answer of the second answer, and nothing after it, between <answer> and </answer>.",
    "select": "End with the number that the second answer chose, and nothing after it, between <choice> and </choice>.",
}
_ANSWER = re.compile(
    r"<\s?(answer|choice)\s?>.*?(?:<\s?/\s?\1\s?>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_BEFORE = "So.\n"
"""In a trace other words stand before: a completion that opens as the user's turn says nothing there."""
_TAG = re.compile(r"<\s?/?\s?(?:think|answer|choice)\s?/?>", re.IGNORECASE)


def reasoning(text: str) -> str:
    """Return what a completion says in its own turn before and around its marked answer, without the form's tags."""
    return _TAG.sub("", _ANSWER.sub("", _own(text))).strip()


def _own(text: str) -> str:
    """Return a completion up to where its turn ends, without a chat template's marks: they would end the trace's."""
    behind = _BEFORE + text
    own = own_turn(behind)
    return without_marks((behind if own is None else own).removeprefix(_BEFORE))


def formed(kind: PromptKind, thought: str, answer: str) -> str:
    """Return a thought and an answer in the form that a kind of prompt requires."""
    if kind == "leader":
        return f"<think>{thought}</think>\n<answer>{answer}</answer>"
    tag = "choice" if kind == "select" else "answer"
    return f"{thought}\n\n<{tag}>{answer}</{tag}>".lstrip()


def spliced(prompt: Prompt, wrong: Sample, right: Sample, seed: int) -> str:
    """Return a trace that follows a wrong completion to its end, turns back, and goes on as a right one."""
    assert right.answer is not None
    turn = shuffler(seed, prompt.prompt_id, "turn").choice(TURNS)
    parts = (reasoning(wrong.text), _concluded(wrong), turn, reasoning(right.text))
    thought = "\n\n".join(part for part in parts if part)
    return formed(prompt.kind, thought, right.answer)


def in_form(prompt: Prompt, right: Sample) -> str:
    """Return a right completion as it is, or where it lacks the form, put into it."""
    if right.formed:
        return right.text
    assert right.answer is not None
    return formed(prompt.kind, reasoning(right.text), right.answer)


def writing_prompt(prompt: Prompt, wrong: Sample, right: Sample) -> str:
    """Return what the leader is asked so that it writes a trace itself."""
    values = {"asked": prompt.messages[-1]["content"], "wrong": wrong.text.strip(), "right": right.text.strip()}
    return _template().render({**values, "form": _FORM[prompt.kind]})


def _concluded(wrong: Sample) -> str:
    """Return how a wrong completion ends, in words that do not mark an answer; nothing where it has no answer."""
    return "" if wrong.answer is None else f"That would make it {wrong.answer}."


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mlpo_bench.training", "templates"),
        autoescape=False,  # noqa: S701 - prompts are plain text
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("backtrack.txt")
