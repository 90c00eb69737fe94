"""The leader defers: it names the peer whose answer stands, and writes none of its own.

What a leader that judges is worth without one that solves: the MLPO paper (arXiv 2507.08960) compares with such a
"deferral leader". How that one is asked is not known; here it reads the question and all attempts, numbered, and ends
with `<choice>N</choice>`. Where no peer's number can be read, no answer stands, and the question counts as unread.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.protocols._prompts import render
from mlpo_bench.protocols.base import Family, Protocol


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.protocols.room import Room
    from mlpo_bench.questions import Question

_TAG = re.compile(r"<\s?choice\s?>([^<]{0,80})", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.,-])0{0,9}([0-9]{1,3})(?![\w%]|[.,][0-9])")
_NAMED = re.compile(
    r"\b(?:attempt|choice|member|peer)\b(?:\s(?:is|number|no\.?|that should stand is))?[\s:#*_`(\[]{0,4}"
    r"([0-9]{1,3})(?![\w%]|[.,][0-9]|\s{0,2}(?:or|and|to|,|/|&|-)\s{0,2}(?:attempt\s)?[0-9])",
    re.IGNORECASE,
)
_AGAINST = re.compile(r"\b(?:not?|none|neither|wrong|mistaken|incorrect|error)\b|n't\b", re.IGNORECASE)
_ALONE = re.compile(r"[\s*_`\"'(\[#]{0,6}([0-9]{1,3})[\s*_`\"')\].!]{0,6}")


@dataclass(frozen=True, slots=True)
class Select(Protocol):
    """K peers answer and the leader names one of them: K + 1 calls in 2 serial steps."""

    name: ClassVar[str] = "select"
    family: ClassVar[Family] = "choice"

    def calls(self, peers: int) -> int:
        """Every seat speaks once."""
        return peers + 1

    def reads(self, peers: int) -> int:
        """The leader reads all peers."""
        return peers

    @property
    def heard(self) -> range:
        """The leader reads what it chooses from."""
        return range(1)

    async def solve(self, question: Question, room: Room) -> str:
        """Peers answer, the leader chooses."""
        proposals = await room.ask_each(room.peers, question.prompt, round=0)
        shown = room.readings(proposals)
        choice = await room.ask(room.leader, choosing_prompt(question.prompt, [t.written for t in shown]), round=0)
        number = chosen(choice.text, len(shown))
        return "" if number is None else shown[number - 1].text


def choosing_prompt(question: str, attempts: Sequence[str]) -> str:
    """Return what the leader reads: the question as it is asked, and every peer's attempt, numbered from 1."""
    return render("select.txt", {"question": question, "attempts": attempts})


def chosen(text: str, count: int) -> int | None:
    """Return the number from 1 to `count` that a leader named, or None where it named none or several.

    The last `<choice>` that holds a number counts, closed or not. Where there is none, the closing line counts if it
    is a number or calls one attempt by its number, and does not speak against it.
    """
    named = next((digits for tag in reversed(_TAG.findall(text)) if (digits := set(_NUMBER.findall(tag)))), None)
    if named is None:
        line = text.strip().rpartition("\n")[2][:400]
        alone = _ALONE.fullmatch(line)
        named = {alone[1]} if alone else set() if _AGAINST.search(line) else set(_NAMED.findall(line))
    numbers = {int(number) for number in named}
    return numbers.pop() if len(numbers) == 1 and numbers <= set(range(1, count + 1)) else None
