"""What a leader does with its peers' answers: figures for the failures that leaders of teams are known for.

`docs/diagnostics.md` defines each. Peers are called a majority where more than half of all are right or wrong; their
*favourite* is the answer that most of them give, where there is one such.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.analysis.position_bias import PositionBias, places
from mlpo_bench.analysis.redundancy import Redundancy, redundancy
from mlpo_bench.analysis.rivals import Rivals, compared_where, rivals
from mlpo_bench.analysis.round_table import UNREAD
from mlpo_bench.stats.means import Mean, mean
from mlpo_bench.stats.units import over_seeds


if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlpo_bench.analysis.gains import Gain, OtherOrder
    from mlpo_bench.analysis.round_table import Bools, RoundTable
    from mlpo_bench.stats.paired import Comparison

LEADER = "leader"
_THIRD = 1 / 3 + 1e-9
BUCKETS = ("0", "low", "mid", "high", "1")
"""Peers' mean accuracy on a question: none, up to a third, up to two thirds, below one, all."""


@dataclass(frozen=True, slots=True)
class Choices:
    """How the leader's answer goes with its peers'.

    Attributes:
        by_right_peers: How often the leader is right where 0, 1, ..., K peers are.
        rescue: How often it is right where some peers are, but no majority.
        recovery: How often it is right where no peer is.
        harm: How often it is wrong where a majority is right.
        agreement: How often it gives the peers' favourite answer.
        override: How often it gives another answer.
        silence: How often it gives none that could be read, the peers having a favourite.
        right_after_override: How often it is right then.
        helped: How often an override turns a wrong favourite into a right answer.
        hurt: How often it turns a right favourite into a wrong answer.
        override_gain: The leader's accuracy less that of the favourite, on overrides; None where there are none.
        helped_questions: On how many questions overrides help, those of one question counting as shares of it.
        hurt_questions: On how many they hurt, likewise: the two differ by `override_gain` times the questions.
        follows_wrong_team: How often it gives the answer that all peers give, where that is wrong.
        follows_right_team: How often it does where that is right.
        follows_wrong_favourite: How often it gives the favourite that is wrong, where some peer is right.
    """

    by_right_peers: tuple[Mean, ...]
    rescue: Mean
    recovery: Mean
    harm: Mean
    agreement: Mean
    override: Mean
    silence: Mean
    right_after_override: Mean
    helped: Mean
    hurt: Mean
    override_gain: Comparison | None
    helped_questions: float
    hurt_questions: float
    follows_wrong_team: Mean
    follows_right_team: Mean
    follows_wrong_favourite: Mean


@dataclass(frozen=True, slots=True)
class RoundDiagnostics:
    """A leader's figures over one round, or over each conversation's last.

    Attributes:
        round: Which, the first being 0; None where it is each conversation's last.
        conversations: How many the figures are taken from: questions times seeds.
        questions: How many different questions these ask.
        accuracy: The leader's.
        peers: The accuracy of each peer, by its seat.
        choices: How the leader's answer goes with its peers'.
        rivals: How it compares with what could have been made of the same peers' answers without it.
        redundancy: How much alike the peers' answers are.
        places: Which places of its prompt it follows.
        unread: How often no answer could be read, by seat.
        cut_off: How often the text reached its greatest length, by seat.
        by_difficulty: The leader's accuracy by `BUCKETS` of what peers get right in the first round, over all seeds.
    """

    round: int | None
    conversations: int
    questions: int
    accuracy: Mean
    peers: dict[str, Mean]
    choices: Choices
    rivals: Rivals
    redundancy: Redundancy
    places: PositionBias
    unread: dict[str, Mean]
    cut_off: dict[str, Mean]
    by_difficulty: dict[str, Mean]


@dataclass(frozen=True, slots=True)
class LeaderDiagnostics:
    """A leader's figures over one suite, all seeds together.

    Attributes:
        suite: Of its questions.
        name: The row's, as in tables.
        peers: How many: K.
        seeds: How many.
        shuffled: Whether the peers' attempts stood in another order for every question.
        alone: Conversations in which the leader was sure of itself and asked nobody; no figure holds them.
        similarity: How alike the peers' texts of the first round are, pair by pair: 1 for the same words in the same
            order, 0 for none in common. Taken from a sample of questions.
        final: Over each conversation's last round.
        rounds: Over every round; where conversations may end early, later rounds hold fewer.
        added_rounds: What each round after the first added to the verdicts of the one before.
        over: What this row has over others of the run: solo, one round less, fewer peers.
        other_order: The same with peers' attempts in the other order, where the run has it.
    """

    suite: str
    name: str
    peers: int
    seeds: int
    shuffled: bool
    alone: int
    similarity: Mean
    final: RoundDiagnostics
    rounds: tuple[RoundDiagnostics, ...]
    added_rounds: tuple[Gain, ...] = ()
    over: tuple[Gain, ...] = ()
    other_order: OtherOrder | None = None


def diagnose_round(
    led: RoundTable,
    *,
    number: int | None,
    shuffled: bool,
    difficulty: NDArray[np.float64],
) -> RoundDiagnostics:
    """Return all figures over one round.

    Args:
        led: The round.
        number: Which it is, or None for each conversation's last.
        shuffled: Whether the order of attempts was drawn for each conversation.
        difficulty: What share of peers is right on each row's question, of shape (Q,); see `difficulties`.
    """
    everyone = {LEADER: led.verdict, **dict(zip(led.seats, led.answers.T, strict=True))}
    ended = {LEADER: led.verdict_cut_off, **dict(zip(led.seats, led.cut_off.T, strict=True))}
    return RoundDiagnostics(
        round=number,
        conversations=len(led),
        questions=len(set(led.questions)),
        accuracy=mean(led.verdict_right, led.drawn),
        peers={seat: mean(right, led.drawn) for seat, right in zip(led.seats, led.right.T, strict=True)},
        choices=choices(led),
        rivals=rivals(led),
        redundancy=redundancy(led),
        places=places(led, shuffled=shuffled),
        unread={seat: mean(answers == UNREAD, led.drawn) for seat, answers in everyone.items()},
        cut_off={seat: mean(cut, led.drawn) for seat, cut in ended.items()},
        by_difficulty=_by_difficulty(led, difficulty),
    )


def choices(led: RoundTable) -> Choices:
    """Return how the leader's answers go with its peers'."""
    drawn, right, favourite = led.drawn, led.verdict_right, led.favourite
    majority = 2 * led.right_peers > led.peers
    follows = (led.verdict != UNREAD) & (led.verdict == favourite)
    silent = led.verdict == UNREAD
    against = (favourite != UNREAD) & ~follows & ~silent
    wrong_favourite = (favourite != UNREAD) & ~led.favourite_right
    unanimous = (led.backers == led.peers).all(axis=1)
    return Choices(
        by_right_peers=tuple(mean(right, drawn, led.right_peers == count) for count in range(led.peers + 1)),
        rescue=mean(right, drawn, (led.right_peers > 0) & ~majority),
        recovery=mean(right, drawn, led.right_peers == 0),
        harm=mean(~right, drawn, majority),
        agreement=mean(follows, drawn, favourite != UNREAD),
        override=mean(against, drawn, favourite != UNREAD),
        silence=mean(silent, drawn, favourite != UNREAD),
        right_after_override=mean(right, drawn, against),
        helped=mean(right & ~led.favourite_right, drawn, against),
        hurt=mean(~right & led.favourite_right, drawn, against),
        override_gain=compared_where(led, right, led.favourite_right, against),
        helped_questions=_on_questions(led, right & ~led.favourite_right, against),
        hurt_questions=_on_questions(led, ~right & led.favourite_right, against),
        follows_wrong_team=mean(follows, drawn, unanimous & wrong_favourite),
        follows_right_team=mean(follows, drawn, unanimous & led.favourite_right),
        follows_wrong_favourite=mean(follows, drawn, wrong_favourite & (led.right_peers > 0)),
    )


def _on_questions(led: RoundTable, hits: Bools, where: Bools) -> float:
    """Return on how many questions something is so, of some cases: the cases of a question are shares of it."""
    questions = [question for question, kept in zip(led.questions, where.tolist(), strict=True) if kept]
    return sum(over_seeds(questions, hits[where].astype(np.float64).tolist()).values())


def difficulties(openings: RoundTable) -> dict[str, float]:
    """Return what share of its peers is right on each question in a first round, over all its seeds."""
    chances: dict[str, list[float]] = {}
    for question, chance in zip(openings.questions, openings.chance.tolist(), strict=True):
        chances.setdefault(question, []).append(chance)
    return {question: sum(each) / len(each) for question, each in chances.items()}


def _by_difficulty(led: RoundTable, difficulty: NDArray[np.float64]) -> dict[str, Mean]:
    bucket = np.select(
        [difficulty <= 0, difficulty <= _THIRD, difficulty <= 2 * _THIRD, difficulty < 1], range(4), default=4
    )
    return {name: mean(led.verdict_right, led.drawn, bucket == place) for place, name in enumerate(BUCKETS)}
