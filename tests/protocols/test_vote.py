"""Solo, votes, and votes that are weighed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_bench.protocols import Solo, Vote, Weighted
from mlpo_bench.teams import Member, Team


Hold = Any
A, B, C = (Member(model=name) for name in "abc")


def ballots(*texts: str) -> Callable[..., str]:
    left = iter(texts)
    return lambda *_: next(left)


def letters(word: str) -> Callable[..., str]:
    """Answer with one option after the other; a dash is an answer that nobody can read."""
    return ballots(*("mumble" if letter == "-" else f"The answer is ({letter})." for letter in word))


def test_solo_asks_the_leaders_seat_once_and_reads_the_bare_question(hold: Hold) -> None:
    done = hold(Solo(), answer=lambda *_: "The answer is (C).")
    assert [t.seat for t in done.turns] == ["leader"]
    assert done.turns[0].read[-1].content == done.question.prompt
    assert (done.final, done.turns[0].answer) == ("The answer is (C).", "(C)")


@pytest.mark.parametrize(
    ("texts", "final"),
    [
        (["The answer is (A).", "The answer is (B).", "Answer: the answer is B."], "The answer is (B)."),
        (["The answer is (B).", "The answer is (A).", "(A)?", "(B)?"], "The answer is (B)."),
        (["no idea", "The answer is (D).", "no idea"], "The answer is (D)."),
        (["no idea", "none at all"], "no idea"),
    ],
)
def test_the_majority_of_readable_ballots_wins_and_the_earliest_breaks_ties(
    hold: Hold, texts: list[str], final: str
) -> None:
    done = hold(Vote(len(texts)), answer=ballots(*texts))
    assert done.final == final
    assert [t.sample for t in done.turns] == list(range(len(texts)))


def test_ballots_of_a_team_go_round(hold: Hold) -> None:
    done = hold(Vote(7, "team"), Team(leader=A, peers=(B, A)))
    assert [t.seat for t in done.turns] == ["leader", "peer 1", "peer 2"] * 2 + ["leader"]
    # The leader and peer 2 are one member, so their ballots are draws of one request.
    assert [t.sample for t in done.turns] == [0, 0, 1, 2, 1, 3, 4]
    assert {t.read[-1].content for t in done.turns} == {done.question.prompt}


@pytest.mark.parametrize(
    ("word", "weights", "winner"),
    [
        ("ABB", {A: 0.9, B: 0.3, C: 0.3}, "A"),
        ("ABB", {A: 0.5, B: 0.3, C: 0.3}, "B"),
        ("ABB", {A: 0.6, B: 0.3, C: 0.3}, "A"),  # a tie goes to the earliest
        ("BAC", {A: 0.1, C: 0.2}, "C"),  # who has no score weighs nothing
        ("ABB", {}, "B"),  # nobody has: all weigh the same
        ("ABB", {A: 0.0, B: 0.0}, "B"),
        ("-BB", {A: 0.9}, "B"),  # those who could be read weigh nothing: equally
        ("-BC", {A: 0.9}, "B"),
    ],
)
def test_a_ballot_counts_as_much_as_its_member_has_earned(
    hold: Hold, word: str, weights: dict[Member, float], winner: str
) -> None:
    done = hold(Weighted(3), Team(leader=A, peers=(B, C)), letters(word), weights=weights)
    assert done.final == f"The answer is ({winner})."
    assert [t.seat for t in done.turns] == ["leader", "peer 1", "peer 2"]


@given(st.text("ABC-", min_size=1, max_size=12), st.floats(0.01, 1))
def test_equal_weights_are_a_plain_vote(hold: Hold, word: str, weight: float) -> None:
    team = Team(leader=A, peers=(B, C))
    plain = hold(Vote(len(word), "team"), team, letters(word))
    weighed = hold(Weighted(len(word)), team, letters(word), weights=dict.fromkeys((A, B, C), weight))
    assert weighed.final == plain.final
    assert [t.request for t in weighed.turns] == [t.request for t in plain.turns]


@given(st.text("ABC-", min_size=1, max_size=12))
def test_a_vote_is_won_by_an_answer_that_nobody_beats(hold: Hold, word: str) -> None:
    final = hold(Vote(len(word)), answer=letters(word)).final
    counts = {letter: word.count(letter) for letter in "ABC" if letter in word}
    best = [letter for letter in word if counts.get(letter) == max(counts.values(), default=0)]
    assert final == (f"The answer is ({best[0]})." if counts else "mumble")
