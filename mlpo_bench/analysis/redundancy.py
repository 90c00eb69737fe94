"""Do peers tell a leader different things? How often they agree, err together, and write alike."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.stats.means import Drawn, Mean, mean
from mlpo_bench.stats.units import gathered


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.analysis.round_table import Bools, RoundTable


@dataclass(frozen=True, slots=True)
class Redundancy:
    """How much alike peers' answers are. Pairs are of two peers on one question; each question counts the same.

    Attributes:
        agreement: The share of pairs with the same answer, among pairs whose answers could both be read.
        distinct: How many different answers the peers of a question give; an unread one is none.
        both_wrong: The share of pairs in which both are wrong.
        both_wrong_by_chance: The same if each peer erred with its own accuracy in each subject, whatever the other
            does; None without pairs, or with one question. Peers that find the same questions of a subject hard err
            together more often.
        same_error: The share of pairs with the same answer, among pairs with two wrong ones that could be read.
    """

    agreement: Mean
    distinct: Mean
    both_wrong: Mean
    both_wrong_by_chance: float | None
    same_error: Mean


def redundancy(led: RoundTable) -> Redundancy:
    """Return how alike the answers of a round's peers are."""
    pairs = list(combinations(range(led.peers), 2))
    one, other = [list(side) for side in zip(*pairs, strict=True)] or ([], [])
    read = led.read[:, one] & led.read[:, other]
    same = read & (led.answers[:, one] == led.answers[:, other])
    wrong = ~led.right[:, one] & ~led.right[:, other]
    return Redundancy(
        agreement=_of_pairs(led, same, read),
        distinct=mean(led.distinct.astype(np.float64), led.drawn, scale=led.peers),
        both_wrong=_of_pairs(led, wrong, np.ones_like(wrong)),
        both_wrong_by_chance=_by_chance(led, one, other) if pairs else None,
        same_error=_of_pairs(led, same & wrong, read & wrong),
    )


def _by_chance(led: RoundTable, one: Sequence[int], other: Sequence[int]) -> float | None:
    """Return how often two peers would both be wrong if each erred by itself, as often as it does in each subject.

    One peer is taken on one question of a subject and the other on another one: on the same question they err together
    as they do, which in a subject of few questions is much of the product of their error rates.
    """
    subject = dict(zip(led.questions, led.subjects, strict=True))
    number = {question: place for place, question in enumerate(subject)}
    if len(number) < 2:  # noqa: PLR2004
        return None
    of_question = np.array([number[question] for question in led.questions])
    asked = np.bincount(of_question).astype(np.float64)
    wrong = np.array([np.bincount(of_question, weights=~right) for right in led.right.T])
    total = 0.0
    for places in gathered(len(number), list(subject.values())):
        errors, rows = wrong[:, places], asked[places]
        together = errors.sum(axis=1)[one] * errors.sum(axis=1)[other] - (errors[one] * errors[other]).sum(axis=1)
        total += float(together.mean() * rows.sum() / (rows.sum() ** 2 - (rows**2).sum()))
    return total / len(led)


def _of_pairs(led: RoundTable, hits: Bools, among: Bools) -> Mean:
    """Return the mean over questions of the share of hits among some of its pairs, where it has any."""
    count = among.sum(axis=1)
    return mean((hits & among).sum(axis=1) / np.maximum(count, 1), led.drawn, count > 0)


def similarity(texts: Mapping[str, Sequence[str]], subjects: Mapping[str, str]) -> Mean:
    """Return how alike peers write: for each pair, twice the words of their longest common subsequence, over all.

    It is 1 for the same words in the same order, and 0 for none in common.

    Args:
        texts: The peers' texts on each question, by its id.
        subjects: The questions' subjects.
    """
    from rapidfuzz.distance import Indel

    pairs = {question: list(combinations([text.split() for text in each], 2)) for question, each in texts.items()}
    asked = [question for question, of_question in pairs.items() if of_question]
    alike = [np.mean([Indel.normalized_similarity(*pair) for pair in pairs[question]]) for question in asked]
    return mean(np.array(alike, dtype=np.float64), Drawn(asked, [subjects[question] for question in asked]))
