from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.protocols import Leader, Vote
from mlpo_bench.protocols._prompts import render
from mlpo_bench.protocols.leader import UNREAD


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


@pytest.mark.parametrize("protocol", [Leader(1), Leader(4), Leader(2, memory=True), Leader(3, history="append")])
def test_calls_and_longest_prompt_are_as_announced(converse: Converse, protocol: Any) -> None:
    """Every answer is one rare word, so that a prompt can be searched for how many it holds."""
    done = converse(protocol, lambda *_: "xylophone")
    assert len(done.turns) == done.cost.calls == protocol.calls(3)
    prompts = ["\n".join(message.content for message in turn.read) for turn in done.turns]
    assert max(prompt.count("xylophone") for prompt in prompts) == protocol.reads(3)


def test_the_serial_chain_of_a_leader_is_two_steps_a_round(converse: Converse) -> None:
    assert converse(Leader(rounds=4), numbered()).cost.serial_calls == 8


@given(st.text(), st.text())
def test_model_text_is_never_taken_for_a_template(own: str, verdict: str) -> None:
    prompt = render("peer_revision.txt", {"question": "q", "own_last": own + "{{ 7 * 7 }}", "verdict": verdict})
    assert own + "{{ 7 * 7 }}" in prompt
    assert verdict in prompt


def says(*letters: str) -> Callable[..., str]:
    left = iter(letters)
    return lambda *_: f"The answer is ({next(left)})."


@pytest.mark.parametrize(
    ("letters", "calls"),
    [("AAAA", 4), ("AABA" + "AAAA", 8), ("AAAB" + "BBBB", 8), ("AAAB" * 3, 12), ("ABCA" + "CBAA" + "AAAA", 12)],
)
def test_early_stop_ends_after_a_round_in_which_all_agree(converse: Converse, letters: str, calls: int) -> None:
    done = converse(Leader(rounds=3, early_stop=True), says(*letters))
    assert len(done.turns) == calls
    assert done.final == done.turns[-1].text
    assert done.turns[-1].seat == "leader"


def test_nobody_agrees_on_an_answer_that_cannot_be_read(converse: Converse) -> None:
    done = converse(Leader(rounds=3, early_stop=True, adaptive=2), lambda *_: "mumble")
    assert len(done.turns) == 3 + 3 * 4


@pytest.mark.parametrize(
    ("letters", "sure"), [("AAAA", True), ("AAAB", True), ("AABC", False), ("ABBB", False), ("ABAB", False)]
)
def test_a_leader_that_is_sure_of_itself_asks_nobody(converse: Converse, letters: str, sure: bool) -> None:
    done = converse(Leader(rounds=2, adaptive=3), says(*letters, *"CCCC" * 2))
    alone, rest = done.turns[:4], done.turns[4:]
    assert {t.seat for t in alone} == {"leader"}
    assert {t.stage for t in alone} == {0}
    assert [t.sample for t in alone] == [0, 1, 2, 3]
    assert all(t.read[-1].content == done.question.prompt for t in alone)
    assert done.final == ("The answer is (A)." if sure else "The answer is (C).")
    assert len(rest) == (0 if sure else 8)


def test_of_an_even_number_of_resamples_half_is_enough(converse: Converse) -> None:
    assert len(converse(Leader(rounds=1, adaptive=2), says(*"AAB")).turns) == 3


def test_the_answers_given_alone_are_the_ballots_of_a_vote(converse: Converse) -> None:
    vote, led = (converse(p, numbered()) for p in (Vote(4), Leader(rounds=1, adaptive=3)))
    assert [t.request for t in vote.turns] == [t.request for t in led.turns[:4]]


@pytest.mark.parametrize(
    ("protocol", "label", "fewest", "most"),
    [
        (Leader(1), "leader, 1 round", 4, 4),
        (Leader(3, "answer", "shuffled", True), "leader, 3 rounds, shares answer, shuffled, memory", 12, 12),
        (Leader(3, early_stop=True), "leader, 3 rounds, early stop", 4, 12),
        (Leader(3, adaptive=3), "leader, 3 rounds, adaptive 3", 4, 16),
        (Leader(2, early_stop=True, adaptive=5), "leader, 2 rounds, early stop, adaptive 5", 6, 14),
    ],
)
def test_labels_and_calls_follow_the_settings(protocol: Leader, label: str, fewest: int, most: int) -> None:
    assert (protocol.label, protocol.fewest_calls(3), protocol.calls(3)) == (label, fewest, most)


@pytest.mark.parametrize("share", ["whole", "answer"])
def test_an_appended_history_leaves_all_that_was_read_as_it_stood(converse: Converse, share: Any) -> None:
    def answer(messages: Sequence[Message], _: Sampling, seed: int) -> str:
        n = f"{len(messages)} {seed}"
        leading = any(LEADING in message.content for message in messages)
        return f"<think>{n}</think><answer>(A) {n}</answer>" if leading else f"attempt {n}: the answer is (B)."

    done = converse(Leader(rounds=4, history="append", share=share), answer)
    assert [(t.round, t.seat) for t in done.turns] == [
        (r, s) for r in range(4) for s in ("peer 1", "peer 2", "peer 3", "leader")
    ]
    for before, after in zip(done.turns, done.turns[4:], strict=False):
        assert before.seat == after.seat
        assert after.read[: len(before.read)] == before.read
        said, asked = after.read[len(before.read) :]
        assert said == Message("assistant", before.text)
        assert asked.role == "user"
        assert done.question.prompt not in asked.content
    for first in range(4, 16, 4):
        *peers, leader = done.turns[first : first + 4]
        verdict = done.turns[first - 1]
        assert all((verdict.text in peer.read[-1].content) is (share == "whole") for peer in peers)
        if share == "whole":
            assert all(peer.text in leader.read[-1].content for peer in peers)


def test_the_first_round_of_either_history_is_one_and_the_same(converse: Converse) -> None:
    anew, appended = (converse(Leader(rounds=2, history=history), numbered()) for history in ("anew", "append"))
    assert [t.request for t in appended.turns[:4]] == [t.request for t in anew.turns[:4]]
    assert not {t.request for t in appended.turns[4:]} & {t.request for t in anew.turns[4:]}


def test_peers_that_wrote_the_same_and_go_on_are_different_draws(converse: Converse) -> None:
    done = converse(Leader(rounds=2, history="append"), lambda *_: "The answer is (B).")
    assert [t.sample for t in done.turns] == [0, 1, 2, 0] * 2
    assert len({t.request for t in done.turns}) == 8


def test_an_appended_history_ends_early_and_is_announced(converse: Converse) -> None:
    protocol = Leader(rounds=3, history="append", early_stop=True)
    assert len(converse(protocol, lambda *_: "<answer>(B)</answer>").turns) == 4
    assert protocol.label == "leader, 3 rounds, early stop, history append"
    assert Leader(rounds=3).label == "leader, 3 rounds"
    assert (protocol.reads(3), Leader(rounds=3).reads(3)) == (11, 3)


def test_results_hold_the_history_only_where_it_was_chosen() -> None:
    assert "history" not in Leader(rounds=2).recorded
    assert Leader(rounds=2, history="append").recorded["history"] == "append"
    assert Leader(rounds=2).recorded.keys() | {"history"} == Leader(rounds=2).settings.keys()
