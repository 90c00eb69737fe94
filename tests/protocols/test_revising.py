"""Protocols whose members read attempts and write again: debate, mixtures, refine, critique, recursive."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_bench.errors import UsageError
from mlpo_bench.protocols import Critique, Debate, Mixture, Recursive, Refine, SelfMixture, Transcript, Turn
from mlpo_bench.teams import Member, Team


Hold = Any
TEAM = Team(leader=Member(model="l"), peers=tuple(Member(model=name) for name in "abc"))


def seats(done: Transcript) -> list[tuple[int, str]]:
    return [(turn.round, turn.seat) for turn in done.turns]


def heard(turn: Turn, done: Transcript) -> list[int]:
    """Return the places of the turns whose texts a turn read, in the order in which they stand in its prompt."""
    prompt = turn.read[-1].content
    assert done.question.prompt in prompt
    found = [(prompt.index(other.text), place) for place, other in enumerate(done.turns) if other.text in prompt]
    return [place for _, place in sorted(found)]


def test_debaters_read_their_own_last_attempt_and_then_all_others(hold: Hold) -> None:
    done = hold(Debate(rounds=3), TEAM)
    assert seats(done) == [(r, s) for r in range(3) for s in ("leader", "peer 1", "peer 2", "peer 3")]
    assert all(turn.read[-1].content == done.question.prompt for turn in done.turns[:4])
    assert [heard(turn, done) for turn in done.turns[4:8]] == [[0, 1, 2, 3], [1, 0, 2, 3], [2, 0, 1, 3], [3, 0, 1, 2]]
    assert [heard(turn, done) for turn in done.turns[8:]] == [[4, 5, 6, 7], [5, 4, 6, 7], [6, 4, 5, 7], [7, 4, 5, 6]]


@pytest.mark.parametrize(("last", "final"), [("ABBC", "(B)"), ("ACBA", "(A)"), ("CABD", "(C)")])
def test_the_majority_of_a_debates_last_round_wins(hold: Hold, last: str, final: str) -> None:
    left = iter("AAAA" + last)
    done = hold(Debate(rounds=2), TEAM, lambda *_: f"The answer is {next(left)}.")
    assert f"({done.final[-2]})" == final


def test_two_debaters_have_one_other(hold: Hold) -> None:
    prompt = hold(Debate(rounds=2), 1).turns[2].read[-1].content
    assert "one other member" in prompt
    assert "The other member's attempt:" in prompt


def test_every_layer_of_a_mixture_reads_all_of_the_layer_before(hold: Hold) -> None:
    done = hold(Mixture(layers=3), TEAM)
    proposers = ["peer 1", "peer 2", "peer 3"]
    assert seats(done) == [(layer, seat) for layer in range(3) for seat in proposers] + [(3, "leader")]
    assert all(turn.read[-1].content == done.question.prompt for turn in done.turns[:3])
    assert [heard(turn, done) for turn in done.turns[3:]] == [[0, 1, 2]] * 3 + [[3, 4, 5]] * 3 + [[6, 7, 8]]
    assert done.final == done.turns[-1].text


def test_a_mixture_of_one_model_draws_all_from_the_leader(hold: Hold) -> None:
    done = hold(SelfMixture(layers=2), TEAM)
    assert seats(done) == [(0, "leader")] * 3 + [(1, "leader")] * 3 + [(2, "leader")]
    assert [turn.sample for turn in done.turns] == [0, 1, 2, 0, 1, 2, 0]
    assert [heard(turn, done) for turn in done.turns[3:]] == [[0, 1, 2]] * 3 + [[3, 4, 5]]


def test_refining_reads_the_last_attempt_alone(hold: Hold) -> None:
    done = hold(Refine(rounds=3), TEAM)
    assert seats(done) == [(r, "leader") for r in range(4)]
    assert [heard(turn, done) for turn in done.turns] == [[], [0], [1], [2]]
    assert done.final == done.turns[3].text


def test_critics_read_the_actor_and_the_actor_reads_them(hold: Hold) -> None:
    done = hold(Critique(rounds=2), TEAM)
    of_round = ["peer 1", "peer 2", "peer 3", "leader"]
    assert seats(done) == [(0, "leader"), *((r, s) for r in (1, 2) for s in of_round)]
    assert [heard(turn, done) for turn in done.turns[:5]] == [[], [0], [0], [0], [0, 1, 2, 3]]
    assert [heard(turn, done) for turn in done.turns[5:]] == [[4], [4], [4], [4, 5, 6, 7]]
    assert done.final == done.turns[8].text


@given(st.integers(1, 7).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))), st.integers(0, 99))
def test_every_new_answer_comes_from_a_subset_without_repetition(hold: Hold, sizes: tuple[int, int], seed: int) -> None:
    population, subset = sizes
    done = hold(Recursive(population, subset, steps=2), TEAM, seed=seed)
    assert seats(done) == [(step, "leader") for step in range(3) for _ in range(population)]
    for turn in done.turns[population:]:
        before = [t.text for t in done.turns if t.round == turn.round - 1]
        prompt = turn.read[-1].content
        assert sum(prompt.count(text) for text in before) == subset
        assert sum(text in prompt for text in before) == subset
    # Slots that drew the same subset in the same order are draws of one request.
    for step in (1, 2):
        drawn = Counter(t.read[-1].content for t in done.turns if t.round == step)
        samples = Counter(t.sample for t in done.turns if t.round == step)
        assert samples[0] == len(drawn)


def test_subsets_depend_on_the_seed_alone(hold: Hold) -> None:
    def drawn(seed: int) -> list[list[int]]:
        left = iter(f"<{n}>" for n in range(99))
        done = hold(Recursive(6, 2, 1), TEAM, lambda *_: next(left), seed=seed)
        return [heard(turn, done) for turn in done.turns[6:]]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert len({tuple(places) for places in drawn(1)}) > 1


def test_the_majority_of_the_last_population_wins(hold: Hold) -> None:
    left = iter("AAAA" + "CBDB")
    done = hold(Recursive(4, 2, 1), TEAM, lambda *_: f"The answer is {next(left)}.")
    assert done.final == "The answer is B."


def test_a_subset_is_no_larger_than_the_population() -> None:
    with pytest.raises(UsageError, match="a subset of 9 cannot be drawn from a population of 8"):
        Recursive(8, 9)
