"""Which of several replicas of a model is asked: the one that has read the start of a prompt, where load allows.

A server keeps what it has read of a prompt, and does not read it again for another that starts alike: the same question
put to several peers, the next round of a conversation, examples that many questions share. So prompts that start alike
go to one replica, unless it has clearly more to do than another.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from mlpo_bench.chat import Message

BLOCK = 256
"""Characters of a prompt that are remembered together."""
BLOCKS_KEPT = 32_768
"""How many of them are remembered of each replica: some 8 million characters, as much as a large cache holds."""
MORE, SHARE_MORE = 2, 0.25
"""A replica with so many more requests than the least loaded one, or with that share more, is passed over."""


class Router:
    """Chooses among replicas, and remembers what each has read.

    Args:
        replicas: how many there are; they are known by their places, from 0.
        capacity: how many requests each takes at once; one that is full is passed over while others are not.
    """

    def __init__(self, replicas: int, capacity: int) -> None:
        self._capacity = capacity
        self.load = [0] * replicas
        """How many requests are under way at each, or wait there."""
        self._sent = [0] * replicas
        self._read: list[OrderedDict[int, None]] = [OrderedDict() for _ in range(replicas)]

    def choose(self, messages: Sequence[Message], among: Collection[int]) -> int:
        """Return the place of the replica that is to be asked, one of `among`, and remember that it reads this."""
        blocks = _blocks(messages)
        allowed = self._not_too_loaded(among)
        place = max(allowed, key=lambda one: (self._known(one, blocks), -self.load[one], -self._sent[one]))
        self._sent[place] += 1
        self._remember(place, blocks)
        return place

    @contextlib.contextmanager
    def under_way(self, place: int) -> Iterator[None]:
        """Count a request to a replica while inside."""
        self.load[place] += 1
        try:
            yield
        finally:
            self.load[place] -= 1

    def forget(self, place: int) -> None:
        """Forget what a replica has read: it was started anew."""
        self._read[place].clear()

    def _not_too_loaded(self, among: Collection[int]) -> list[int]:
        least = min(self.load[place] for place in among)
        most = least + max(MORE, int(SHARE_MORE * least))
        if least < self._capacity:
            most = min(most, self._capacity - 1)
        return [place for place in among if self.load[place] <= most]

    def _known(self, place: int, blocks: Sequence[int]) -> int:
        """Return how many blocks from the start of a prompt a replica has read before."""
        read = self._read[place]
        return next((count for count, block in enumerate(blocks) if block not in read), len(blocks))

    def _remember(self, place: int, blocks: Sequence[int]) -> None:
        read = self._read[place]
        for block in reversed(blocks):  # the start of a prompt is what others share, so it is forgotten last
            read[block] = None
            read.move_to_end(block)
        while len(read) > BLOCKS_KEPT:
            read.popitem(last=False)


def _blocks(messages: Sequence[Message]) -> list[int]:
    """Return a number for each block of a chat that stands for it and all that is before it."""
    text = "\0".join(f"{message.role}\1{message.content}" for message in messages)
    blocks, before = [], 0
    for start in range(0, len(text), BLOCK):
        before = hash((before, text[start : start + BLOCK]))
        blocks.append(before)
    return blocks
