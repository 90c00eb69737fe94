"""How models write an answer, and which answers lie next to it: what `gold` holds every reader and judge to.

A form takes the answer and another answer of the same format. A neighbour is as near to the right answer as a slip is,
and wrong: another number, another sign, another letter, another order.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Write = Callable[[str, str], str]


FORMS: Mapping[str, Write] = {
    "tag": lambda gold, _: f"Let me think about it.\n\n<answer>{gold}</answer>",
    "spaced tag": lambda gold, _: f"Done.\n<answer>\n{gold}\n</answer>\n",
    "open tag": lambda gold, _: f"Let me think about it. <answer>{gold}",
    "tag closed by an opening one": lambda gold, _: f"That is all. <answer>{gold}<answer>",
    "tag with an attribute": lambda gold, _: f'That is all. <answer type="final"> {gold} </answer >',
    "escaped tag": lambda gold, _: f"That is all.\n&lt;answer&gt;{gold}&lt;/answer&gt;",
    "bold in a tag": lambda gold, _: f"That is all. <answer>**{gold}**</answer>",
    "code block in a tag": lambda gold, _: f"That is all.\n<answer>\n```\n{gold}\n```\n</answer>",
    "box": lambda gold, _: f"Hence the result.\n\n$\\boxed{{{gold}}}$",
    "sentence": lambda gold, _: f"Step by step it becomes clear.\nSo the answer is {gold}.",
    "sentence without a stop": lambda gold, _: f"The answer is: {gold}",
    "bold": lambda gold, _: f"Some reasoning first.\n\n**Answer: {gold}**",
    "on the next line": lambda gold, _: f"Some reasoning first.\n\n**Answer:**\n\n{gold}",
    "below a heading": lambda gold, _: f"Some reasoning first.\n\n### Final Answer\n\n{gold}\n\nAll was checked twice.",
    "code block": lambda gold, _: f"So the answer is:\n```\n{gold}\n```",
    "full-width colon": lambda gold, _: f"Answer\uff1a{gold}",
    "another language": lambda gold, _: f"\u7b54\u6848\uff1a{gold}",
    "JSON": lambda gold, _: f"```json\n{json.dumps({'reasoning': 'It is clear.', 'answer': gold})}\n```",
    "courtesy after it": lambda gold, _: f"The answer is {gold}.\n\nI hope this answer is helpful to you.",
    "placeholder before it": lambda gold, _: f"I end with <answer>your answer</answer>. The answer is {gold}.",
    "after a thought": lambda gold, other: (
        f"<think>At first sight it is <answer>{other}</answer></think>I was wrong.\n\nThe final answer is {gold}."
    ),
    "after a peer's": lambda gold, other: (
        f"Peer 1 wrote <answer>{other}</answer>, and that skips a step. <answer>{gold}</answer>"
    ),
    "corrected": lambda gold, other: f"The answer is {other}.\nWait, a step was wrong.\nThe answer is {gold}.",
}
"""How a model writes an answer of any format."""

_WHOLE = re.compile(r"-?[1-9][0-9]{0,8}")
_REASONED: Write = lambda gold, _: f"The answer is {gold}, because every step leads there."  # noqa: E731
_EXPLAINED: Write = lambda gold, _: f"{gold}\n\nExplanation: every step leads there."  # noqa: E731

FORMS_OF: Mapping[str, Mapping[str, Write]] = {
    "option": {
        "with its reason": _REASONED,
        "explained below": _EXPLAINED,
        "named right": lambda gold, _: f"So {gold} is the correct answer.",
        "left over": lambda gold, _: f"All others break a clue, which leaves {gold}.",
        "bare letter": lambda gold, _: f"**Answer:** {gold.strip('()')}",
        "not another": lambda gold, other: f"The answer is {gold}, not {other}.",
    },
    "yes_no": {"with its reason": _REASONED, "explained below": _EXPLAINED},
    "true_false": {"with its reason": _REASONED, "explained below": _EXPLAINED},
    "valid_invalid": {
        "with its reason": _REASONED,
        "explained below": _EXPLAINED,
        "said of the argument": lambda gold, _: f"Therefore, the argument is {gold}.",
    },
    "number": {
        "with its reason": _REASONED,
        "explained below": _EXPLAINED,
        "with a noun": lambda gold, _: f"So the answer is **{gold}** marbles.",
        "sign apart": lambda gold, _: f"So the answer is {gold.replace('-', '- ')}.",
        "result": lambda gold, _: f"Thus, the total is {gold}.",
        "hashes": lambda gold, _: f"It all adds up.\n#### {gold}",
    },
    "words": {
        "a word a line": lambda gold, _: "Answer:\n\n" + "\n".join(gold.split()),
        "numbered": lambda gold, _: "The sorted words are:\n" + "\n".join(f"1. {word}" for word in gold.split()),
        "commas": lambda gold, _: f"<answer>{', '.join(gold.split())}</answer>",
        "dashes": lambda gold, _: f"<answer>{' - '.join(gold.split())}</answer>",
        "breaks": lambda gold, _: f"<answer>{'<br>'.join(gold.split())}</answer>",
    },
    "brackets": {"without spaces": lambda gold, _: f"<answer>{gold.replace(' ', '')}</answer>"},
    "maths": {
        "concluded": lambda gold, _: f"Therefore, the value is {gold}.",
        "displayed": lambda gold, _: f"The answer is\n\\[\n{gold.strip('$')}.\n\\]",
        "in Unicode": lambda gold, _: f"<answer>{_in_unicode(gold.strip('$'))}</answer>",
        "with a noun": lambda gold, _: (
            f"<answer>{gold.strip('$')}{' people' if _WHOLE.fullmatch(gold.strip('$')) else ''}</answer>"
        ),
    },
}
"""How a model writes an answer of one format."""


def _in_unicode(latex: str) -> str:
    """Return LaTeX with the commands that have a sign of their own written as signs."""
    signs = {
        r"\pi": "\u03c0",
        r"\infty": "\u221e",
        r"\cup": "\u222a",
        r"\pm": "\u00b1",
        r"\le": "\u2264",
        r"\ge": "\u2265",
    }
    for command, sign in signs.items():
        latex = re.sub(re.escape(command) + r"(?![a-zA-Z])", sign, latex)
    latex = re.sub(r"\^(?:\{2\}|2(?![0-9]))", "\u00b2", latex)
    return re.sub(r"\\sqrt(?:\{([0-9]+)\}|([0-9]))", "\u221a\\1\\2", latex)


def neighbours(form: str, gold: str) -> Iterator[str]:
    """Yield wrong answers that lie next to the right one, in the form in which answers of this format are written."""
    if form == "option" and re.fullmatch(r"\([A-R]\)", gold):
        yield f"({'ABCDEFGHIJKLMNOPQRA'['ABCDEFGHIJKLMNOPQR'.index(gold[1]) + 1]})"
    if form in {"yes_no", "true_false", "valid_invalid"}:
        opposites = {"yes": "No", "no": "Yes", "true": "False", "false": "True", "valid": "invalid", "invalid": "valid"}
        if opposite := opposites.get(gold.casefold()):  # a gold answer that is no such word fails in every form
            yield opposite
            yield f"not {gold}" if form == "valid_invalid" else opposite.upper()
    if form == "words" and len(set(gold.split())) > 1:
        words = gold.split()
        yield " ".join(reversed(words)) if words != words[::-1] else f"{gold} {words[0]}"
        yield " ".join(words[1:])
    if form == "brackets":
        yield f"{gold} )"
    if form in {"number", "maths"} and _WHOLE.fullmatch(gold):
        yield str(int(gold) + 1)
        yield str(-int(gold))
        yield f"{gold}0"
    if form == "maths" and _WHOLE.fullmatch(gold):
        yield f"{gold}\\sqrt{{2}}"
        yield f"{gold}\u221a2"
        yield f"\\ge {gold}"
        yield f"{gold}_7"
