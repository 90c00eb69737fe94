"""Interventions on leaders whose behaviour is known: every measure comes out as they were built."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from mlpo_bench.analysis.interventions import Effect, effects
from mlpo_bench.chat import Message, Sampling
from mlpo_bench.log import LoadedRun
from mlpo_bench.log.ledger import read_ledger
from mlpo_bench.log.transcripts import read_transcripts
from mlpo_bench.testing import Answering


Runs = Any
Judge = Callable[[list[int]], int]
PEERS = 3
TEAM = {
    "leader": {"model": "leads", "engine": "scripted"},
    "peers": [{"model": name, "engine": "scripted"} for name in ("ann", "bob", "eve")],
}
EVERYTHING: list[dict[str, Any]] = [
    {"drop": 1},
    {"swap": ["noise", "duplicate"], "peers": [1, "all"]},
    {"plant": ["right", "wrong"], "peers": ["each", "all"]},
    {"answers": "shuffled", "peers": "all"},
    {"fault": ["empty", "cut", "gibberish", "long", "language", "injection", "sycophantic", "tags"], "peers": [1, 3]},
]
NOTHING = -1
"""What a leader says who reads no answer."""


def attempts(prompt: str) -> list[int]:
    """Return the answers of the attempts that a leader reads, in their order, of those that give one."""
    texts = re.split(r"\nAttempt \d+:\n", prompt.split("\n\nWeigh the attempts", maxsplit=1)[0])[1:]
    return [
        int(stated[-1])
        for text in texts
        if (stated := re.findall(r"(?:answer is|es:|est :|lautet:|\uff1a) ?(\d+)", text))
    ]


def majority(read: list[int]) -> int:
    return Counter(read).most_common(1)[0][0] if read else NOTHING


def ignorer(_: list[int]) -> int:
    return 5


def copier(read: list[int]) -> int:
    return read[0] if read else NOTHING


def team(judge: Judge) -> Callable[..., str]:
    """Let peers count at random, a little beside the truth, and the leader judge them."""

    def answer(model: str, messages: Sequence[Message], sampling: Sampling, seed: int) -> str:  # noqa: ARG001
        asked = messages[-1].content
        if asked.startswith("You lead a group"):
            return f"<answer>{judge(attempts(asked))}</answer>"
        digest = int(hashlib.sha256(f"{model} {seed} {asked}".encode()).hexdigest(), 16)
        number = re.search(r"number (\d+)", asked)
        assert number is not None
        return f"I, {model}, count one by one, {digest % 997} times. The answer is {int(number[1]) + digest % 3}."

    return answer


@pytest.fixture(scope="module")
def told(carry_for_all: Runs) -> Callable[..., list[Effect]]:
    """Carry out all interventions on a leader."""

    def go(judge: Judge, **settings: Any) -> list[Effect]:
        engines = Answering(team(judge), by_model=True)
        some = {"protocols": [{"leader": {"rounds": 1}}], "interventions": EVERYTHING} | settings
        name = f"{judge.__name__}-{len(str(settings))}"
        run = carry_for_all(name, split="all", subjects=["object_counting"], team=TEAM, open_engines=engines, **some)
        return effects(LoadedRun(run))

    return go


def of(every: list[Effect], kind: str, seats: tuple[int, ...] | None = None, peers: int = 1) -> Effect:
    (one,) = [one for one in every if (one.kind, one.seats, one.peers) == (kind, seats, peers)]
    return one


def test_an_ignorer_never_changes_its_answer(told: Any) -> None:
    every = told(ignorer)
    assert len(every) == 3 + 4 + 8 + 1 + 16
    for one in every:
        assert one.conversations > 0, one.said
        assert one.changed.total == one.lost.total == one.gained.total == 0, one.said
        assert one.accuracy is not None
        assert one.accuracy.difference.value == 0
        assert one.follows == one.followed_before, one.said


def test_a_copier_of_the_first_heeds_the_first_alone(told: Any) -> None:
    every = told(copier)
    assert of(every, "drop", (1,)).changed.total > 0
    assert of(every, "drop", (2,)).changed.total == of(every, "drop", (3,)).changed.total == 0
    for kind in ("right", "wrong"):
        first, second = of(every, kind, (1,)), of(every, kind, (2,))
        assert first.follows.value == 1
        assert second.follows == second.followed_before
        assert second.changed.total == 0
    assert of(every, "right", (1,)).lost.total == 0
    assert of(every, "right", (1,)).gained.value == 1
    assert of(every, "wrong", (1,)).lost.value == 1
    assert of(every, "injection", peers=3).follows.value == 1


def test_a_follower_of_the_majority_goes_where_most_are_sent(told: Any) -> None:
    every = told(majority)
    assert of(every, "right", peers=3).gained.value == 1
    assert of(every, "right", peers=3).follows.value == 1
    assert of(every, "wrong", peers=3).lost.value == 1
    assert of(every, "injection", peers=3).follows.value == 1
    assert of(every, "empty", peers=3).changed.value == 1
    one, all_of_them = of(every, "injection"), of(every, "injection", peers=3)
    assert one.follows.total < all_of_them.follows.total
    assert of(every, "long", peers=3).changed.total == of(every, "language", peers=3).changed.total == 0


@pytest.mark.parametrize("judge", [majority, ignorer, copier])
def test_figures_are_those_of_what_leaders_read(told: Any, carry_for_all: Runs, judge: Judge) -> None:
    """Work out from each prompt what such a leader would say, and count by hand."""
    by_label = {one.said: one for one in told(judge)}
    run = LoadedRun.open(carry_for_all.folder / "runs" / f"{judge.__name__}-2")
    plain, *altered = run.cells
    before = {line["question"]: line for line in read_transcripts(run.directory.transcript_path(plain))}
    for cell in altered:
        lines = [line for line in run.transcripts(cell) if "altered" in line]
        finals = {line["question"]: judge(attempts(line["turns"][-1]["read"][-1]["content"])) for line in lines}
        assert {question: f"<answer>{final}</answer>" for question, final in finals.items()} == {
            line["question"]: line["final"] for line in lines
        }
        one = by_label[cell.label.removeprefix(f"{plain.label}, ")]
        assert one.conversations == len(lines)
        assert one.changed.total == sum(line["answer"] != before[line["question"]]["answer"] for line in lines)
        assert one.gained.total == sum(line["right"] > before[line["question"]]["right"] for line in lines)
        assert one.lost.total == sum(line["right"] < before[line["question"]]["right"] for line in lines)


def test_what_is_planted_is_right_or_wrong(told: Any, carry_for_all: Runs) -> None:
    told(majority)
    run = LoadedRun.open(carry_for_all.folder / "runs" / "majority-2")
    kinds = Counter[tuple[str, bool]]()
    for cell in run.cells[1:]:
        assert cell.setting.intervention is not None
        kind = cell.setting.intervention.kind
        if kind in {"right", "wrong", "injection", "tags"}:
            kinds.update((kind, one["right"]) for line in run.transcripts(cell) for one in line.get("altered", ()))
    assert kinds.keys() == {("right", True), ("wrong", False), ("injection", False), ("tags", False)}


def test_a_peer_left_out_saves_its_tokens(told: Any, carry_for_all: Runs) -> None:
    one = of(told(ignorer), "drop", (2,))
    run = LoadedRun.open(carry_for_all.folder / "runs" / "ignorer-2")
    ledger = read_ledger(run.directory.ledger_path(run.cells[0].id)).to_pylist()
    peers_own = [row["prompt_tokens"] + row["completion_tokens"] for row in ledger if row["seat"] == "peer 2"]
    assert one.saved > sum(peers_own) / len(peers_own)
    read = sum(row["completion_tokens"] for row in ledger if row["seat"] == "peer 2") / len(peers_own)
    assert one.saved == pytest.approx(sum(peers_own) / len(peers_own) + read + 2)  # its heading


@pytest.mark.parametrize(
    ("protocol", "which", "unread"),
    [
        ({"leader": {"rounds": 2}}, "last", {1}),
        ({"leader": {"rounds": 2}}, "first", set()),
        ({"leader": {"rounds": 2}}, "every", {0, 1}),
        ({"debate": {"rounds": 2}}, "last", set()),
        ({"debate": {"rounds": 3}}, "every", set()),
        ({"critique": {"rounds": 2}}, "first", {1}),
        ({"mixture": {"layers": 2}}, "first", {0}),
    ],
)
def test_what_its_author_goes_on_from_is_not_saved(carry: Runs, protocol: Any, which: str, unread: set[int]) -> None:
    engines = Answering(team(majority), by_model=True)
    some = {"protocols": [protocol], "interventions": [{"drop": 1, "round": which}]}
    run = carry("drops", split="all", subjects=["object_counting"], team=TEAM, open_engines=engines, **some)
    loaded = LoadedRun(run)
    plain, *altered = loaded.cells

    def tokens(cell: str, seat: str | None = None) -> int:
        turns = read_ledger(run.ledger_path(cell)).to_pylist()
        kept = [turn for turn in turns if seat is None or (turn["seat"] == seat and turn["round"] in unread)]
        return sum(turn["prompt_tokens"] + turn["cached_tokens"] + turn["completion_tokens"] for turn in kept)

    for cell, one in zip(altered, effects(loaded), strict=True):
        (seat,) = one.seats or ()
        took = tokens(cell.id) - tokens(cell.id, f"peer {seat}")
        assert one.saved == pytest.approx((tokens(plain.id) - took) / one.conversations)


def test_only_the_leader_is_asked_again(carry_for_all: Runs) -> None:
    engines = Answering(team(majority), by_model=True)
    shared = {"split": "all", "subjects": ["object_counting"], "team": TEAM, "open_engines": engines}
    carry_for_all("again", protocols=[{"leader": {"rounds": 1}}], **shared)
    asked = dict(engines.asked)
    some = [one for one in EVERYTHING if "plant" not in one]
    some[-1] = {"fault": ["empty", "cut", "gibberish", "long", "language", "sycophantic"]}
    run = carry_for_all("again", protocols=[{"leader": {"rounds": 1}}], interventions=some, add=True, **shared)
    assert engines.asked["leads"] > asked["leads"]
    assert engines.asked == asked | {"leads": engines.asked["leads"]}
    plain, *altered = run.cells
    known = set(read_ledger(run.ledger_path(plain.id))["request"].to_pylist())
    fresh = {
        row["seat"]
        for cell in altered
        for row in read_ledger(run.ledger_path(cell.id)).to_pylist()
        if row["request"] not in known
    }
    assert fresh == {"leader"}


def test_harm_is_told_of_every_protocol(told: Any) -> None:
    protocols = [
        {"leader": {"rounds": 1}},
        {"debate": {"rounds": 2}},
        {"mixture": {"layers": 1}},
        {"critique": {"rounds": 1}},
    ]
    faults = [{"fault": ["empty", "injection"], "peers": [1, 2]}, {"drop": 1}]
    every = told(majority, protocols=[*protocols, "select", "solo"], interventions=faults)
    rows = Counter(one.row for one in every)
    assert len(rows) == 5
    assert set(rows.values()) == {4 + PEERS}
    assert all(one.conversations == 11 for one in every if one.kind == "empty")
