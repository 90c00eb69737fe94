"""What a leader heard and said in one round: the table that its diagnostics are computed from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.stats.means import Drawn


if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]

UNREAD = -1
"""What stands for an answer that could not be read."""


@dataclass(frozen=True, eq=False)
class RoundTable:
    """One round of Q conversations of a leader with K peers; a row for each question and seed.

    Answers are numbers: in one row, equal numbers are equal answers, and `UNREAD` is none.

    Attributes:
        questions: Ids, Q of them; equal ids are seeds of one question.
        subjects: The questions' subjects, Q of them.
        seats: The peers' seats, K of them.
        answers: What each peer answered, of shape (Q, K).
        right: Whether it was right, of shape (Q, K).
        cut_off: Whether it reached its greatest length, of shape (Q, K).
        order: Which peer's attempt stood at each place of the leader's prompt, of shape (Q, K).
        verdict: What the leader answered, of shape (Q,).
        verdict_right: Whether it was right, of shape (Q,).
        verdict_cut_off: Whether it reached its greatest length, of shape (Q,).

    Raises:
        ValueError: A shape is another one, an unread answer is said to be right, or a row of `order` leaves a peer out.
    """

    questions: tuple[str, ...]
    subjects: tuple[str, ...]
    seats: tuple[str, ...]
    answers: Ints
    right: Bools
    cut_off: Bools
    order: Ints
    verdict: Ints
    verdict_right: Bools
    verdict_cut_off: Bools

    def __post_init__(self) -> None:
        rows, peers = len(self.questions), len(self.seats)
        for name in ("answers", "right", "cut_off", "order"):
            if getattr(self, name).shape != (rows, peers):
                raise ValueError(f"{name} is of shape {getattr(self, name).shape}, not {(rows, peers)}.")
        for name in ("verdict", "verdict_right", "verdict_cut_off"):
            if getattr(self, name).shape != (rows,):
                raise ValueError(f"{name} is of shape {getattr(self, name).shape}, not {(rows,)}.")
        if len(self.subjects) != rows or not peers:
            raise ValueError("Every question has a subject, and a leader at least one peer.")
        if (self.right & ~self.read).any() or (self.verdict_right & (self.verdict == UNREAD)).any():
            raise ValueError("An answer that could not be read is not right.")
        if (np.sort(self.order, axis=1) != np.arange(peers)).any():
            raise ValueError("Every peer stands at one place of the leader's prompt.")

    def __len__(self) -> int:
        return len(self.questions)

    @property
    def peers(self) -> int:
        """How many peers there are: K."""
        return len(self.seats)

    @property
    def drawn(self) -> Drawn:
        """What the rows were drawn as."""
        return Drawn(self.questions, self.subjects)

    @cached_property
    def read(self) -> Bools:
        """Which of the peers' answers could be read, of shape (Q, K)."""
        return np.asarray(self.answers != UNREAD)

    @cached_property
    def backers(self) -> Ints:
        """How many peers give each peer's answer, itself included; 0 for one that cannot be read. Shape (Q, K)."""
        alike = self.answers[:, :, None] == self.answers[:, None, :]
        return np.asarray((alike & self.read[:, :, None]).sum(axis=2), dtype=np.int64)

    @cached_property
    def distinct(self) -> Ints:
        """How many different answers the peers give, of shape (Q,)."""
        return _answers(self.backers, self.read)

    @cached_property
    def leading(self) -> Bools:
        """Which peers give an answer that no other one outnumbers, of shape (Q, K)."""
        return np.asarray(self.read & (self.backers == self.backers.max(axis=1, keepdims=True)))

    @cached_property
    def vote(self) -> Floats:
        """What a plurality vote of the peers is worth, of shape (Q,): m tied answers win in 1 / m of all draws."""
        each = np.where(self.leading, self.right / np.maximum(self.backers, 1), 0.0).sum(axis=1)
        return np.asarray(each / np.maximum(_answers(self.backers, self.leading), 1), dtype=np.float64)

    @cached_property
    def favourite(self) -> Ints:
        """The answer that most peers give, of shape (Q,); `UNREAD` where there is none, or two as frequent."""
        first = np.take_along_axis(self.answers, self.leading.argmax(axis=1)[:, None], axis=1)[:, 0]
        return np.where(_answers(self.backers, self.leading) == 1, first, UNREAD)

    @cached_property
    def favourite_right(self) -> Bools:
        """Whether the answer that most peers give is right, of shape (Q,)."""
        return np.asarray((self.favourite != UNREAD) & (self.right & self.leading).any(axis=1))

    @cached_property
    def right_peers(self) -> Ints:
        """How many peers are right, of shape (Q,)."""
        return np.asarray(self.right.sum(axis=1), dtype=np.int64)

    @cached_property
    def chance(self) -> Floats:
        """How often a peer picked at random is right, of shape (Q,)."""
        return np.asarray(self.right_peers / self.peers, dtype=np.float64)


def _answers(backers: Ints, of: Bools) -> Ints:
    """Return how many different answers some peers give: each counts for one over those who give it."""
    return np.asarray(np.where(of, 1 / np.maximum(backers, 1), 0.0).sum(axis=1).round(), dtype=np.int64)
