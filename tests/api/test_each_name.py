"""Each public name does what its documentation says, taken from where people take it: `import mlpo_bench as mb`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import pytest

import mlpo_bench as mb
from mlpo_bench.questions import Entry, Generated
from mlpo_bench.testing import Answering, ScriptedEngine, hold, memory_store


Test = TypeVar("Test", bound=Callable[..., Any])
TESTED: set[str] = set()

# With three peers: how many calls, and which seat has the last word.
PROTOCOLS = [
    ("Solo", mb.Solo(), 1, "leader"),
    ("Vote", mb.Vote(samples=4), 4, "leader"),
    ("Weighted", mb.Weighted(samples=5), 5, "leader"),
    ("Think", mb.Think(budget=64), 1, "leader"),
    ("Leader", mb.Leader(rounds=2), 8, "leader"),
    ("Debate", mb.Debate(rounds=2), 8, "peer 3"),
    ("Mixture", mb.Mixture(layers=2), 7, "leader"),
    ("SelfMixture", mb.SelfMixture(layers=2), 7, "leader"),
    ("Refine", mb.Refine(rounds=2), 3, "leader"),
    ("Critique", mb.Critique(rounds=1), 5, "leader"),
    ("Recursive", mb.Recursive(population=3, steps=1), 6, "leader"),
    ("Select", mb.Select(), 4, "leader"),
    ("Pick", mb.Pick(), 1, "peer 3"),
    ("Oracle", mb.Oracle(), 3, "peer 3"),
]


def of(*names: str) -> Callable[[Test], Test]:
    """Note which names a test is of."""
    TESTED.update(names)
    return lambda test: test


def five(*_: object) -> str:
    """What every member says."""
    return "The answer is 5."


def team(**leader: Any) -> dict[str, Any]:
    """What a team file with one peer holds."""
    return {"leader": {"model": "a", "engine": "scripted", **leader}, "peers": [{"model": "a", "engine": "scripted"}]}


def run(name: str = "mine") -> dict[str, Any]:
    """What asks a question of such a team, alone and led."""
    entries = [Entry.of("sums", "sums", 0, "What is 2 + 3?", "5", "number", tested=True)]
    sums = mb.Suite("sums", "Sums", ("sums",), (Generated("mine", lambda: "1", lambda: entries),))
    asked = {"suites": sums, "protocols": ["solo", "vote", mb.Leader(rounds=1)], "team": team(), "name": name}
    return {**asked, "store": memory_store(), "open_engines": Answering(five)}


@of(*(name for name, *_ in PROTOCOLS))
@pytest.mark.parametrize(("name", "protocol", "calls", "last"), PROTOCOLS, ids=[name for name, *_ in PROTOCOLS])
def test_each_protocol_makes_its_calls(name: str, protocol: mb.Protocol, calls: int, last: str) -> None:
    transcript = hold(protocol, five)

    async def notebook() -> mb.Transcript:
        return hold(protocol, five)

    assert asyncio.run(notebook()).final == transcript.final
    assert type(protocol) is getattr(mb, name)
    assert (protocol.calls(3), len(transcript.turns)) == (calls, calls)
    assert (transcript.turns[-1].seat, transcript.turns[-1].answer) == (last, "5")


@of("Extend")
def test_extend_goes_on_until_its_tokens_are_spent() -> None:
    extend = mb.Extend(budget=80)
    turns = hold(extend, five).turns
    assert 1 < len(turns) <= extend.calls(3)
    assert 80 - 16 <= sum(turn.usage.completion for turn in turns) <= 80


@of("Protocol", "Room", "Depth", "Draws", "majority", "shuffler", "Question", "Seat", "Turn", "Transcript")
def test_a_protocol_is_written_with_what_is_public() -> None:
    @dataclass(frozen=True)
    class Lot(mb.Protocol):
        """Draw one of the peers so many times, and count."""

        name = "lot"
        times: mb.Depth = 2
        draws: mb.Draws = 3

        def calls(self, peers: int) -> int:  # noqa: ARG002
            return self.times * self.draws

        async def solve(self, question: mb.Question, room: mb.Room) -> str:
            drawn: mb.Seat = mb.shuffler(room.seed, question.id).choice(room.peers)
            ballots: list[mb.Turn] = []
            for round_ in range(self.times):
                ballots += await room.ask_each([drawn] * self.draws, question.prompt, round=round_)
            return mb.majority(ballots, room).text

    question = mb.Question("sums", "sums", "sums/0", "What is 2 + 3?", "number")
    transcript = hold(Lot(), five, question=question)
    assert isinstance(transcript, mb.Transcript)
    assert {type(turn) for turn in transcript.turns} == {mb.Turn}
    assert (transcript.final, len(transcript.turns)) == ("The answer is 5.", 6)
    assert len({turn.seat for turn in transcript.turns}) == 1
    assert mb.shuffler(1, "a").random() == mb.shuffler(1, "a").random() != mb.shuffler(1, "b").random()


@of("Depth", "Draws")
@pytest.mark.parametrize(("kind", "most"), [(mb.Depth, 64), (mb.Draws, 4096)])
def test_numbers_of_rounds_and_draws_have_bounds(kind: Any, most: int) -> None:
    reading = pydantic.TypeAdapter(kind)
    assert [reading.validate_python(number) for number in (1, most)] == [1, most]
    for wrong in (0, most + 1, True):
        with pytest.raises(pydantic.ValidationError):
            reading.validate_python(wrong)


@of("run", "arun", "load_run", "Run", "Verdict", "Suite", "RunConfig")
def test_runs_are_made_and_read(folder: Path) -> None:
    made = mb.run(**run())
    assert isinstance(made, mb.Run)
    assert isinstance(made.config, mb.RunConfig)
    assert (folder / "runs" / "mine" / "results.json").exists()
    assert mb.load_run("mine").results.equals(made.results)
    assert isinstance(made.verdict(), mb.Verdict)
    assert made.verdict().sentence in str(made.verdict())
    again = asyncio.run(mb.arun(**run("again")))
    assert list(again.results["accuracy"]) == list(made.results["accuracy"])


@of("RunObserver", "Silent")
def test_an_observer_takes_what_it_wants_to_know(folder: Path) -> None:  # noqa: ARG001
    class Counts(mb.Silent):
        scores = 0

        def scored(self, result: Any) -> None:  # noqa: ARG002
            self.scores += 1

    observer: mb.RunObserver = Counts()
    made = mb.run(**run(), observer=observer)
    assert getattr(observer, "scores") == len(made.results) > 0  # noqa: B009 - the protocol has no such field


@of("Team", "Member", "read_team")
def test_teams_are_written_and_read(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text("leader: {model: a}\npeers: [{model: b, count: 2}]\n")
    assert mb.read_team(tmp_path / "team.yaml") == mb.Team(
        leader=mb.Member(model="a"), peers=(mb.Member(model="b"), mb.Member(model="b"))
    )


@of("Message", "Sampling", "Usage", "Completion", "Store")
def test_what_is_asked_and_answered_is_kept() -> None:
    sampling, usage = mb.Sampling(temperature=0), mb.Usage(prompt=3, cached=1, completion=2)
    made = mb.Completion("5", usage + usage, "length", seconds=0.5)
    with mb.Store(None) as store:
        store.put(b"\0" * 32, made)
        assert store.get(b"\0" * 32) == made
    assert (sampling.greedy, made.usage.total, made.cut_off) == (True, 12, True)
    with pytest.raises(FrozenInstanceError):
        mb.Message("user", "2 + 3?").content = "2 + 2?"  # type: ignore[misc]


@of("Engine", "EngineKind", "ModelFacts", "ModelSpec", "OpenOptions")
def test_an_engine_of_ones_own_is_opened_by_its_kind() -> None:
    class Counting(mb.EngineKind):
        name = "counting"

        @classmethod
        async def open(cls, spec: mb.ModelSpec, options: mb.OpenOptions) -> mb.Engine:
            assert not options.deterministic
            return ScriptedEngine(five, name=spec.model)

    async def ask() -> tuple[mb.ModelFacts, str]:
        engine: mb.Engine = await Counting.open(mb.ModelSpec(model="a", engine="counting"), mb.OpenOptions())
        completion = await engine.complete([mb.Message("user", "2 + 3?")], mb.Sampling(), seed=0)
        await engine.close()
        return engine.facts, completion.text

    facts, text = asyncio.run(ask())
    assert isinstance(facts, mb.ModelFacts)
    assert (facts.name, text) == ("a", "The answer is 5.")


@of("UsageError")
def test_a_persons_mistake_is_one_sentence() -> None:
    with pytest.raises(mb.UsageError, match="did you mean 'leader'"):
        mb.run("bbh", "laeder", team())


@of("EngineError", "ContextOverflow")
def test_faults_of_engines_say_whether_asking_again_helps() -> None:
    overflow = mb.ContextOverflow(model="a", prompt=90, answer=20, context=100)
    assert isinstance(overflow, mb.EngineError)
    assert (mb.EngineError("busy").transient, overflow.transient) == (True, False)
    assert "10 too many" in str(overflow)


def test_no_name_goes_without() -> None:
    assert set(mb.__all__) == TESTED
