"""What interventions put in the place of texts, and that every protocol's readers, and nobody else, get to see it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import pytest

from mlpo_bench import answers
from mlpo_bench.chat import Sampling
from mlpo_bench.dispatch import Dispatch
from mlpo_bench.protocols import (
    PROTOCOLS,
    Critique,
    Debate,
    Intervention,
    Leader,
    Mixture,
    Protocol,
    Recursive,
    Room,
    Select,
    SelfMixture,
    Setting,
    StandIns,
)
from mlpo_bench.protocols.faults import LONG, REPLACED, Scene, ending_with
from mlpo_bench.protocols.interventions import KINDS, PUSHING
from mlpo_bench.questions import Question
from mlpo_bench.teams import Member, Team
from mlpo_bench.testing import ScriptedEngine, memory_store


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlpo_bench.protocols import Transcript

QUESTION = Question("made up", "made up", "made up/1", "How many?\n\nEnd with the number.", "number")
READ_BY_OTHERS: list[Protocol] = [
    Leader(rounds=1),
    Leader(rounds=3, share="answer", order="shuffled", memory=True),
    Debate(rounds=2),
    Debate(rounds=3),
    Mixture(layers=2),
    SelfMixture(layers=1),
    Critique(rounds=2),
    Select(),
    Recursive(population=4, subset=2, steps=2),
]
STAND_INS = StandIns(
    ("Stand-in 1. The answer is 91.", "Stand-in 2. The answer is 92.", "3. The answer is 93.", "4."), "99"
)


def scene(*texts: str) -> Scene:
    read = [answers.read("number", text) for text in texts]
    return Scene(QUESTION, texts, read, seed=3, texts_ready=STAND_INS.texts[: len(texts)], pushed="99")


def read(text: str | None) -> str | None:
    assert text is not None
    return answers.read("number", text)


def hold(protocol: Protocol, intervention: Intervention | None, seed: int = 0) -> Transcript:
    """Hold a conversation in which every text is one of its own."""
    count = iter(range(1, 1000))
    numbers: dict[str, int] = {}

    def answer(messages: Sequence[Any], _: Sampling, seed: int) -> str:
        number = numbers.setdefault(f"{seed} {messages[-1].content}", next(count))
        return f"Own text {number}. <choice>1</choice> The answer is {number}."

    async def held() -> Transcript:
        member = Member(model="scripted", engine="scripted")
        setting = Setting(Team(leader=member, peers=(member,) * 3), protocol, seed, intervention=intervention)
        with memory_store() as store:
            dispatch = Dispatch({member.spec: ScriptedEngine(answer)}, store)
            return await setting.converse(QUESTION, dispatch, Sampling(), STAND_INS)

    return asyncio.run(held())


def test_every_kind_but_leaving_out_has_a_text() -> None:
    assert set(KINDS) == {"drop", *REPLACED}


TEXTS = (
    "I count one by one and come to 7 of them. The answer is 7.",
    "Two and two. The answer is 8.",
    "I cannot tell.",
)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [("empty", None), ("gibberish", None), ("long", "7"), ("language", "7"), ("injection", "99"), ("tags", "99"),
     ("sycophantic", "8"), ("shuffled", "8"), ("noise", "91"), ("right", "91"), ("wrong", "91")],
)  # fmt: skip
def test_faults_read_as_they_are_meant(kind: str, answer: str | None) -> None:
    assert read(REPLACED[kind](scene(*TEXTS), 0)) == answer


def test_faults_are_what_they_are_called() -> None:
    of = scene(*TEXTS)
    gibberish, cut = REPLACED["gibberish"](of, 0), REPLACED["cut"](of, 0)
    assert gibberish is not None
    assert [len(word) for word in gibberish.split()][:5] == [1, 5, 3, 2, 3]
    assert not set(gibberish.split()) & set(TEXTS[0].split())
    assert cut == TEXTS[0][: len(TEXTS[0]) // 3]
    assert REPLACED["duplicate"](of, 0) in TEXTS[1:]
    assert (REPLACED["long"](of, 0) or "").count(TEXTS[0]) == LONG
    assert TEXTS[0] in (REPLACED["tags"](of, 0) or "")


@pytest.mark.parametrize("kind", sorted(REPLACED))
def test_what_is_drawn_follows_from_the_seed(kind: str) -> None:
    assert REPLACED[kind](scene(*TEXTS), 1) == REPLACED[kind](scene(*TEXTS), 1)


def test_nothing_is_altered_where_there_is_nothing_to_put_there() -> None:
    alike = scene("The answer is 7.", "So the answer is 7.")
    assert Intervention("shuffled", 2).altered(alike) == {}
    for kind in PUSHING:
        assert Intervention(kind).altered(Scene(QUESTION, TEXTS, ["7", "8", None])) == {}
    ready = Scene(QUESTION, TEXTS, ["7", "8", None], texts_ready=("The answer is 1.", None, "The answer is 2."))
    assert Intervention("wrong", 3).altered(ready) == {}
    assert Intervention("wrong", seats=(1, 3)).altered(ready) == {0: "The answer is 1.", 2: "The answer is 2."}


@pytest.mark.parametrize(
    ("form", "text", "own", "other"),
    [
        ("option", "It is (B), for (B) fits.\nThe answer is (B).", "(B)", "(A)"),
        ("option", "<answer>B</answer>", "(B)", "(C)"),
        ("yes_no", "He went back. So yes.", "yes", "no"),
        ("number", "2 + 5 = 7", "7", "-12"),
        ("maths", r"Hence $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}", "3"),
        ("words", "The answer is ant bee cat.", "ant bee cat", "cat bee ant"),
    ],
)
def test_a_text_ends_with_anothers_answer(form: str, text: str, own: str, other: str) -> None:
    question = Question("s", "s", "s/1", "What?", form)
    changed = ending_with(Scene(question, [text], [own]), text, own, other)
    assert changed is not None
    got = answers.read(form, changed)
    assert got is not None
    assert answers.key(form, got) == answers.key(form, other)


def test_fewer_peers_are_among_more() -> None:
    for question in map(str, range(20)):
        one, two, every = (set(Intervention("empty", n).places(3, 5, question)) for n in (1, 2, 3))
        assert one < two < every == {0, 1, 2}
    drawn = {Intervention("empty").places(3, 0, str(number)) for number in range(40)}
    assert drawn == {(0,), (1,), (2,)}


@pytest.mark.parametrize("protocol", READ_BY_OTHERS, ids=lambda protocol: protocol.label)
@pytest.mark.parametrize("peers", [1, 2])
def test_readers_and_nobody_else_read_it(protocol: Protocol, peers: int) -> None:
    plain = hold(protocol, None)
    for number in protocol.heard:
        held = hold(protocol, Intervention("noise", peers, rounds=(number,)))
        assert len(held.altered) == peers
        assert {one.round for one in held.altered} == {number}
        first = [turn.text for turn in held.turns if turn.round <= number and turn.seat != "leader"]
        assert first == [turn.text for turn in plain.turns if turn.round <= number and turn.seat != "leader"]
        shown = [one.answer if getattr(protocol, "share", "") == "answer" else one.text for one in held.altered]
        for one in shown:
            assert any(str(one) in turn.read[-1].content for turn in held.turns)
        before = [turn for turn in held.turns if turn.round < number or turn.stage == 0]
        assert not any("Stand-in" in turn.read[-1].content for turn in before)


@pytest.mark.parametrize("protocol", READ_BY_OTHERS, ids=lambda protocol: protocol.label)
def test_a_peer_that_is_left_out_is_not_read(protocol: Protocol) -> None:
    held = hold(protocol, Intervention("drop", seats=(2,), rounds=tuple(protocol.heard)))
    assert {(one.peer, one.text) for one in held.altered} == {(2, None)}
    for one in held.altered:
        here = [turn for turn in held.turns if turn.round == one.round]
        peers = [turn for turn in here if turn.seat != "leader"] or here
        left_out = peers[1]
        readers = [turn for turn in held.turns if turn.stage > left_out.stage and turn.seat == "leader"]
        if not isinstance(protocol, (Debate, Critique)):  # its own words may stand in what it wrote itself
            assert not any(f"{left_out.text}" in turn.read[-1].content for turn in readers)


def test_others_keep_their_order_where_one_is_left_out() -> None:
    protocol = Leader(rounds=1, order="shuffled")
    plain, held = hold(protocol, None), hold(protocol, Intervention("drop", seats=(1,)))
    whole, less = (one.turns[-1].read[-1].content for one in (plain, held))
    gone = plain.turns[0].text
    texts = [text for text in sorted((t.text for t in plain.turns[:3]), key=whole.index) if text != gone]
    assert gone not in less
    assert "2 members have sent" in less
    assert less.index(texts[0]) < less.index(texts[1])


def test_a_debater_whose_text_was_altered_reads_its_own() -> None:
    held = hold(Debate(rounds=2), Intervention("empty", seats=(1,)))
    own = next(turn for turn in held.turns if turn.seat == "peer 1" and turn.round == 0)
    again = next(turn for turn in held.turns if turn.seat == "peer 1" and turn.round == 1)
    assert own.text in again.read[-1].content
    others = [turn for turn in held.turns if turn.round == 1 and turn.seat != "peer 1"]
    assert not any(own.text in turn.read[-1].content for turn in others)


def test_a_text_that_is_chosen_is_final() -> None:
    held = hold(Select(), Intervention("right", seats=(1,)))
    assert held.final == STAND_INS.texts[0]


def test_protocols_of_answers_alone_hear_nobody() -> None:
    deaf = {"solo", "vote", "weighted", "pick", "oracle", "refine"}
    assert {name for name in deaf if PROTOCOLS[name]().heard} == set()


def test_labels_tell_what_is_done() -> None:
    said: Callable[..., str] = lambda *given, heard=(0,), **more: Intervention(*given, **more).said(heard)  # noqa: E731
    assert said("drop", seats=(2,)) == "without peer 2"
    assert said("drop", 2, (1, 3)) == "without peers 1 and 3"
    assert said("injection", 2) == "2 peers injecting"
    assert said("wrong", seats=(1,), rounds=(0,), heard=(0, 1)) == "peer 1 planted wrong in round 1"
    assert said("empty", rounds=(1, 2), heard=(1, 2)) == "1 peer empty in every round"
    assert len({said(kind) for kind in KINDS}) == len(KINDS) == len(set(get_args(REPLACED)) | set(KINDS))


def test_a_protocol_of_ones_own_can_be_altered() -> None:
    @dataclass(frozen=True)
    class Judge(Protocol):
        """The leader reads its peers, who answered alone."""

        name: ClassVar[str] = "judge-of-a-test"

        def calls(self, peers: int) -> int:
            return peers + 1

        @property
        def heard(self) -> range:
            return range(1)

        async def solve(self, question: Question, room: Room) -> str:
            attempts = await room.ask_each(room.peers, question.prompt, round=0)
            prompt = "\n".join(turn.text for turn in room.readings(attempts))
            return (await room.ask(room.leader, prompt, round=0)).text

    held = hold(Judge(), Intervention("wrong", seats=(2,)))
    plain = hold(Judge(), None)
    assert held.turns[-1].read[-1].content == plain.turns[-1].read[-1].content.replace(
        plain.turns[1].text, str(STAND_INS.texts[1])
    )
