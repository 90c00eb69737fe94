"""Protocols in which one of the peers' answers stands: select, pick, oracle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.protocols import Oracle, Pick, Select
from mlpo_bench.protocols.select import chosen
from mlpo_bench.questions import Question
from mlpo_bench.teams import Member, Team


Hold = Any
TEAM = Team(leader=Member(model="l"), peers=tuple(Member(model=name) for name in "aba"))
CHOOSING = "<choice>"


def choosing(choice: str) -> Callable[..., str]:
    """Peers answer by seed; the leader writes a given choice."""

    def answer(messages: Sequence[Message], _: Sampling, seed: int) -> str:
        return choice if CHOOSING in messages[-1].content else f"Attempt {seed}."

    return answer


def test_the_leader_reads_all_attempts_in_order_and_names_one(hold: Hold) -> None:
    done = hold(Select(), TEAM, choosing("The second holds. <choice>2</choice>"))
    assert [(t.round, t.stage, t.seat) for t in done.turns] == [
        (0, 0, "peer 1"),
        (0, 0, "peer 2"),
        (0, 0, "peer 3"),
        (0, 1, "leader"),
    ]
    prompt = done.turns[3].read[-1].content
    assert done.question.prompt in prompt
    for number, turn in enumerate(done.turns[:3], start=1):
        assert turn.read[-1].content == done.question.prompt
        assert f"Attempt {number}:\n{turn.text}\n" in prompt
    assert done.final == done.turns[1].text


@pytest.mark.parametrize("choice", ["<choice>4</choice>", "<choice>0</choice>", "I cannot say.", ""])
def test_where_no_peer_is_named_nothing_stands(hold: Hold, choice: str) -> None:
    assert hold(Select(), TEAM, choosing(choice)).final == ""


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("<choice>2</choice>", 2),
        ("<think><choice>1</choice>, or rather</think>\n<choice> 3 </choice>", 3),
        ("<Choice>\nAttempt 2\n</Choice>", 2),
        ("<choice>**2**", 2),
        ("<choice>#02</choice>", 2),
        ("<choice>2</choice>\nI put it between <choice> and </choice>.", 2),
        ("<choice>1 or 2</choice>", None),
        ("<choice>N</choice>", None),
        ("<choice>-2</choice>", None),
        ("<choice>2.5</choice>", None),
        ("<choice>1</choice> no, <choice>7</choice>", None),
        ("Both agree.\n**2**", 2),
        ("Both agree.\nSo attempt 2 should stand.", 2),
        ("<answer>Attempt 2</answer>", 2),
        ("Choice: 2", 2),
        ("The attempt that should stand is 2.", 2),
        ("Attempts 1 and 2 agree", None),
        ("Attempt 1 or 2", None),
        ("attempt 1 beats attempt 2", None),
        ("Attempt 2 is wrong.", None),
        ("The answer is 2.", None),  # the question's, not a peer's number
        ("Attempt 2 it is.\nWell.", None),
        ("٢", None),
        ("²", None),
    ],
)
def test_a_choice_is_read_as_it_is_meant(text: str, number: int | None) -> None:
    assert chosen(text, 3) == number


PIECES = [
    "<choice>",
    "</choice>",
    "<choice",
    "attempt ",
    "2",
    "0",
    "99999999999",
    " or ",
    "\n",
    "٣",
    "²",
    "-",
    ".",
    "%",
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5)).map("".join), st.integers(1, 64))
@example("9" * 100_000, 3)
@example("<choice>" + "9" * 100_000, 3)
def test_whatever_a_leader_writes_is_a_peers_number_or_none(text: str, count: int) -> None:
    number = chosen(text, count)
    assert number is None or 1 <= number <= count


@given(st.integers(1, 64), st.text(max_size=60), st.sampled_from(["{}", " {} ", "Attempt {}", "({})", "**{}**", "{}."]))
def test_a_number_between_tags_is_read_whatever_stands_before(number: int, before: str, written: str) -> None:
    assert chosen(f"{before}<choice>{written.format(number)}</choice>", 64) == number
    assert chosen(f"{before}<choice>{written.format(number)}</choice>", number - 1) is None


@pytest.mark.timeout(60)  # reading it in quadratic time would take many minutes
@pytest.mark.parametrize("piece", ["<choice>", "< choice", "attempt ", "attempt 1 or ", " ", "*", "0", "1 "])
def test_a_long_text_names_nobody_or_somebody(piece: str) -> None:
    assert chosen(piece * 100_000, 3) in {None, 1}


def test_a_peer_is_drawn_anew_for_every_question_and_opens_as_elsewhere(hold: Hold) -> None:
    picked = []
    for n in range(40):
        question = Question("s", "t", f"s/t/{n}", f"{n}?", "option")
        (turn,) = hold(Pick(), TEAM, question=question).turns
        openings = {t.seat: t.request for t in hold(Oracle(), TEAM, question=question).turns}
        assert openings[turn.seat] == turn.request
        assert turn.sample == (turn.seat == "peer 3")  # the second seat of its member
        picked.append(turn.seat)
    assert set(picked) == {"peer 1", "peer 2", "peer 3"}


def test_the_oracle_asks_all_peers_and_leaves_the_choice_to_the_harness(hold: Hold) -> None:
    done = hold(Oracle(), TEAM)
    assert [(t.seat, t.stage) for t in done.turns] == [("peer 1", 0), ("peer 2", 0), ("peer 3", 0)]
    assert done.final == done.turns[0].text
