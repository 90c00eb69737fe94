from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.protocols import PROTOCOLS, Leader, Solo, Vote
from mlpo_bench.protocols._prompts import render
from mlpo_bench.protocols.leader import UNREAD
from mlpo_bench.questions import Question
from mlpo_bench.teams import Member, Team


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlpo_bench.protocols import Transcript

Converse = Any
LEADING, REVISING = "You lead a group", "Your last attempt"


def numbered() -> Callable[[Sequence[Message], Sampling, int], str]:
    """Answer each call with its number, so that every text says which turn it was."""
    count = iter(range(1_000))

    def answer(messages: Sequence[Message], sampling: Sampling, seed: int) -> str:  # noqa: ARG001
        n = next(count)
        if LEADING in messages[-1].content:
            return f"<think>thought {n}</think><answer>(A) v{n}</answer>"
        return f"attempt {n}: the answer is (B)."

    return answer


def reads(transcript: Transcript, place: int) -> str:
    return transcript.turns[place].read[-1].content


def test_solo_asks_the_leaders_seat_once_and_reads_the_bare_question(converse: Converse) -> None:
    done = converse(Solo(), lambda *_: "The answer is (C).")
    assert [t.seat for t in done.turns] == ["leader"]
    assert reads(done, 0) == done.question.prompt
    assert (done.final, done.turns[0].answer) == ("The answer is (C).", "(C)")


def ballots(*texts: str) -> Callable[..., str]:
    left = iter(texts)
    return lambda *_: next(left)


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
    converse: Converse, texts: list[str], final: str
) -> None:
    done = converse(Vote(len(texts)), ballots(*texts))
    assert done.final == final
    assert [t.sample for t in done.turns] == list(range(len(texts)))


def test_a_leader_and_its_peers_read_what_the_paper_says(converse: Converse) -> None:
    done = converse(Leader(rounds=3), numbered())
    seats = [(t.round, t.seat) for t in done.turns]
    assert seats == [(r, s) for r in range(3) for s in ("peer 1", "peer 2", "peer 3", "leader")]
    opening, first, second = done.turns[0:4], done.turns[4:8], done.turns[8:12]
    for turn in opening[:3]:
        assert turn.read[-1].content == done.question.prompt
    for of_round in (opening, first, second):
        prompt = of_round[3].read[-1].content
        assert LEADING in prompt
        assert done.question.prompt in prompt
        assert all(peer.text in prompt for peer in of_round[:3])
    for before, after in ((opening, first), (first, second)):
        for own_before, own_after in zip(before[:3], after[:3], strict=True):
            prompt = own_after.read[-1].content
            assert done.question.prompt in prompt
            assert own_before.text in prompt
            assert before[3].text in prompt
            others = [p.text for p in before[:3] if p is not own_before]
            assert not any(text in prompt for text in others)
        assert before[3].text not in after[3].read[-1].content
    assert done.final == second[3].text


def test_a_leader_with_memory_reads_its_own_last_output(converse: Converse) -> None:
    done = converse(Leader(rounds=2, memory=True), numbered())
    assert done.turns[3].text in reads(done, 7)


@pytest.mark.parametrize(
    ("share", "seen", "unseen"),
    [
        ("whole", "<think>thought", None),
        ("without-thinking", "<answer>(A) v", "thought"),
        ("answer", "(A)", "<answer>"),
    ],
)
def test_what_of_the_leaders_turn_travels_is_a_setting(
    converse: Converse, share: str, seen: str, unseen: str | None
) -> None:
    done = converse(Leader(rounds=2, share=share), numbered())  # type: ignore[arg-type]
    verdict = reads(done, 4).split("What the leader wrote:")[1]
    assert seen in verdict
    assert unseen is None or unseen not in verdict


def test_an_answer_that_nobody_can_read_is_said_to_be_unread(converse: Converse) -> None:
    done = converse(Leader(rounds=1, share="answer"), lambda *_: "mumble")
    assert reads(done, 3).count(UNREAD) == 3


def test_shuffling_depends_on_the_seed_alone(converse: Converse) -> None:
    def order(seed: int) -> list[int]:
        done = converse(Leader(rounds=1, order="shuffled"), numbered(), seed=seed)
        prompt = reads(done, 3)
        return sorted(range(3), key=lambda n: prompt.index(done.turns[n].text))

    orders = [order(seed) for seed in range(12)]
    assert len({tuple(o) for o in orders}) > 1
    assert order(3) == orders[3]


def test_more_rounds_hold_fewer_rounds_within_them(converse: Converse) -> None:
    def by_content(messages: Sequence[Message], _: Sampling, seed: int) -> str:
        return f"{hash(messages[-1].content) % 97} {seed % 7} The answer is (A)."

    long, short = converse(Leader(rounds=5), by_content), converse(Leader(rounds=2), by_content)
    assert long.turns[: len(short.turns)] == short.turns


def test_solo_first_ballot_and_first_opening_are_one_request(converse: Converse) -> None:
    answer = numbered()
    solo, vote, led = (converse(p, answer) for p in (Solo(), Vote(4), Leader(rounds=1)))
    assert solo.turns[0].text == vote.turns[0].text == led.turns[0].text
    assert [t.text for t in vote.turns[:3]] == [t.text for t in led.turns[:3]]


def test_a_persona_is_the_system_message_and_joins_one_that_stands_there(converse: Converse) -> None:
    team = Team(leader=Member(model="m", persona="You doubt."), peers=())
    done = converse(Solo(), lambda *_: "", team=team)
    assert done.turns[0].read[0] == Message("system", "You doubt.")
    preamble = (Message("system", "Be brief."), Message("user", "1?"), Message("assistant", "odd"))
    question = Question("bbh", "s", "bbh/s/0", "2?", "option", preamble)
    read = converse(Solo(), lambda *_: "", team=team, question=question).turns[0].read
    assert [m.role for m in read] == ["system", "user", "assistant", "user"]
    assert read[0].content == "You doubt.\n\nBe brief."


@pytest.mark.parametrize("protocol", [Solo(), Vote(7), Leader(1), Leader(4), Leader(2, memory=True)])
def test_calls_and_longest_prompt_are_as_announced(converse: Converse, protocol: Any) -> None:
    """Every answer is one rare word, so that a prompt can be searched for how many it holds."""
    done = converse(protocol, lambda *_: "xylophone")
    assert len(done.turns) == done.cost.calls == protocol.calls(3)
    assert max(turn.read[-1].content.count("xylophone") for turn in done.turns) == protocol.reads(3)


def test_the_serial_chain_of_a_leader_is_two_steps_a_round(converse: Converse) -> None:
    assert converse(Leader(rounds=4), numbered()).cost.serial_calls == 8
    assert converse(Vote(9), numbered()).cost.serial_calls == 1


def test_every_protocol_is_known_by_its_name() -> None:
    names = "solo vote weighted leader debate mixture self-mixture refine critique select pick oracle recursive"
    assert {name: cls.name for name, cls in PROTOCOLS.items()} == {name: name for name in names.split()}


@given(st.text(), st.text())
def test_model_text_is_never_taken_for_a_template(own: str, verdict: str) -> None:
    prompt = render("peer_revision.txt", {"question": "q", "own_last": own + "{{ 7 * 7 }}", "verdict": verdict})
    assert own + "{{ 7 * 7 }}" in prompt
    assert verdict in prompt
