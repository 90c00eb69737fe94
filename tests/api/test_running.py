"""Runs from Python: what may be asked for, and what comes of it."""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import mlpo_bench as mb
from mlpo_bench.analysis.matches import verdicts
from mlpo_bench.log import LoadedRun
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.questions import Entry, Generated
from mlpo_bench.testing import Answering, ScriptedEngine, memory_store


SAY_A = Answering(lambda *_: "The answer is (A).")
TEAM = {"leader": {"model": "a", "engine": "scripted"}, "peers": [{"model": "a", "engine": "scripted", "count": 2}]}


def asked(**options: Any) -> mb.Run:
    """Run a few questions of a scripted team."""
    few = {"suites": "bbh", "data": "data", "subjects": ["navigate", "snarks"], "team": TEAM, "open_engines": SAY_A}
    return mb.run(**{**few, **options})


def test_a_run_is_what_the_command_line_would_make_of_it(folder: Path, mlpo_bench: Any) -> None:
    run = mb.run(["bbh"], ["solo", "vote", mb.Leader(rounds=1)], "team.yaml", data="data", limit=27, name="mine")
    options = ("--suite", "bbh", "--data", folder / "data", "--team", "team.yaml", "--limit", 27, "--rounds", 1)
    assert mlpo_bench("run", *options, "--protocol", "solo,vote,leader", "--name", "typed", "-q").code == 0
    typed = mb.load_run("typed")
    assert (run.unfinished, run.config.limit, run.name) == ((), 27, "mine")
    costs = ["seconds", "serial_seconds"]
    pd.testing.assert_frame_equal(run.results.drop(columns=costs), typed.results.drop(columns=costs))
    assert run.report("page.html").stat().st_size > 1_000_000


def test_a_suite_is_a_name_a_file_or_an_object(folder: Path) -> None:
    (folder / "mine.csv").write_text("question,answer,split\n1 + 1?,2,test\n1 + 2?,3,test\n")
    entry = Entry.of("sums", "sums", 0, "What is 1 + 1?", "2", "number", tested=True)
    sums = mb.Suite("sums", "Sums", ("sums",), (Generated("mine", lambda: "1", lambda: [entry]),))
    two = Answering(lambda *_: "The answer is 2.")
    run = mb.run(["mine.csv", sums], "solo", TEAM, format="number", name="own", open_engines=two)
    assert dict(zip(run.results["suite"], run.results["accuracy"], strict=True)) == {"mine": 0.5, "sums": 1.0}


@pytest.mark.parametrize(
    ("protocols", "entries"),
    [
        ("solo", ["solo"]),
        (mb.Solo, ["solo"]),
        (mb.Leader(rounds=2), [{"leader": {"rounds": [2]}}]),
        ([mb.Leader(share="answer")], [{"leader": {"rounds": [5], "share": ["answer"]}}]),
        ([mb.Vote(over="team"), "debate"], [{"vote": {"samples": [5], "over": ["team"]}}, "debate"]),
        ({"leader": {"rounds": [1, 2], "peers": 2}}, [{"leader": {"rounds": [1, 2], "peers": [2]}}]),
    ],
)  # fmt: skip
def test_protocols_are_names_instances_classes_or_dicts(protocols: Any, entries: list[Any]) -> None:
    from mlpo_bench.api.running import _configured

    config = _configured(None, None, protocols, None, {})
    assert config.model_dump(mode="json")["protocols"] == entries


def test_a_team_is_a_file_an_object_or_a_dict(folder: Path) -> None:
    from mlpo_bench.api.running import _teams

    of_file = mb.read_team(folder / "team.yaml")
    written = {"leader": {"model": "m", "engine": "scripted"}}
    for given in ("team.yaml", Path("team.yaml"), of_file):
        assert RunConfig.model_validate({"teams": _teams(given)}).team == of_file
    assert RunConfig.model_validate({"teams": _teams(written)}).team.leader.model == "m"
    both = RunConfig.model_validate({"teams": _teams({"one": "team.yaml", "two": written})})
    assert (list(both.teams), both.teams["one"]) == (["one", "two"], of_file)


def test_a_matrix_is_read_and_what_stands_beside_it_goes_before_it(folder: Path) -> None:
    (folder / "matrix.yaml").write_text("suites: [bbh]\nlimit: 4\nprotocols: [solo]\nseeds: [3]\n")
    run = asked(config="matrix.yaml", suites=None, limit=2)
    assert (run.config.limit, run.config.seeds, len(run.records)) == (2, (3,), 2)


@pytest.mark.usefixtures("folder")
def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    asked(protocols=["solo", "leader"])
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("folder")
def test_the_same_call_asks_nothing_twice() -> None:
    engines = Answering(lambda *_: "The answer is (A).")
    with memory_store() as store:
        first = asked(protocols="solo", open_engines=engines, store=store)
        made = dict(engines.asked)
        again = asked(protocols="solo", open_engines=engines, store=store)
        elsewhere = asked(protocols="solo", open_engines=engines, store=store, folder="other")
        assert len(store) == 4
    assert made == engines.asked == {"a": 4}
    assert first.path == again.path != elsewhere.path


@pytest.mark.usefixtures("folder")
def test_an_observer_is_told() -> None:
    class Watching(mb.Silent):
        def __init__(self) -> None:
            self.cells: list[str] = []

        def scored(self, result: Any) -> None:
            self.cells.append(result.cell)

    observer = Watching()
    asked(protocols="solo", observer=observer)
    assert observer.cells == ["bbh.solo"]


@pytest.mark.usefixtures("folder")
def test_where_a_loop_runs_it_is_arun() -> None:
    async def notebook() -> mb.Run:
        with pytest.raises(mb.UsageError, match=r"write `await mlpo_bench.arun\(...\)`"):
            asked(protocols="solo")
        return await mb.arun("bbh", "solo", TEAM, data="data", limit=2, open_engines=SAY_A, name="inside")

    assert len(asyncio.run(notebook()).records) == 2


@pytest.mark.usefixtures("folder")
def test_paths_are_paths_and_begin_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    shutil.copytree("data", "home/data")
    Path("home/mine.csv").write_text("question,answer\n" + "".join(f"{n}?,{n}\n" for n in range(6)))
    more: dict[str, Any] = {
        "folder": "~/runs",
        "store": "~/st.db",
        "name": "one",
        "open_engines": SAY_A,
        "data": "~/data",
    }
    run = mb.run(Path("home/mine.csv"), "solo", TEAM, **more)
    assert run.path == tmp_path / "home" / "runs" / "one"
    assert run.config.suites == ("mine",)
    assert mb.load_run("~/runs/one").config == run.config
    assert Path("home/st.db").exists()
    assert not Path("~").exists()
    with pytest.raises(mb.UsageError, match="no measure of a vote is called 'token'; did you mean 'tokens'"):
        run.verdict("token")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"suites": "bhh"}, "no suite is called 'bhh'; did you mean 'bbh'"),
        ({"protocols": "leeder"}, "did you mean 'leader'"),
        ({"protocols": {"leader": {"round": 2}}}, "did you mean 'rounds'"),
        ({"limt": 3}, "unknown field 'limt'; did you mean 'limit'"),
        ({"limit": 0}, "field 'limit': input should be greater than or equal to 1"),
        ({"team": "missing.yaml"}, "missing.yaml cannot be read"),
        ({"team": {"leader": {"modle": "m"}}}, "modle"),
        ({"team": 5}, "team: 5 is none: give a file"),
        ({"suites": 5}, "suites: 5 is none"),
        ({"protocols": 5}, "protocols: 5 is none"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_is_wrong_is_one_sentence(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(mb.UsageError) as fault:
        asked(**wrong)
    assert sentence in str(fault.value)
    assert "\n" not in str(fault.value)


@pytest.mark.usefixtures("folder")
def test_a_protocol_of_ones_own_is_run_by_its_class() -> None:
    class Last(mb.Protocol):
        """The last peer answers."""

        name = "last"
        uses_leader = False

        def calls(self, peers: int) -> int:  # noqa: ARG002
            return 1

        async def solve(self, question: mb.Question, room: mb.Room) -> str:
            return (await room.ask(room.peers[-1], question.prompt, round=0)).text

    run = asked(protocols=[Last], peers=2)
    (row,) = run.results.to_dict("records")
    assert (row["row"], row["protocol"], row["family"], row["calls"]) == ("last, 2 peers", "last", "other", 1)
    assert set(run.turns["seat"]) == {"peer 2"}


def test_a_run_whose_cells_have_all_yet_to_end_has_no_turns() -> None:
    from mlpo_bench.api import frames

    of_nothing: Any = SimpleNamespace(ended=[])
    turns = frames.turns_of(of_nothing)
    assert (len(turns), tuple(turns.columns)) == (0, frames.TURN)


def right_leader(model: str, messages: Any, sampling: Any, seed: int) -> str:  # noqa: ARG001
    """A leader that is right where it leads, and guesses where it is alone."""
    asked_for = messages[-1].content
    even = int(asked_for.split("number ")[1].split(":")[0]) % 2 == 0
    right = ("Yes" if even else "No") if "navigate" in asked_for else ("(A)" if even else "(B)")
    return f"<answer>{right}</answer>" if "You lead" in asked_for else f"The answer is {('Yes', '(B)')[seed % 2]}."


@pytest.mark.usefixtures("folder")
def test_a_verdict_is_at_equal_tokens_where_it_can_be() -> None:
    engines = Answering(right_leader, by_model=True)
    protocols = [mb.Leader(rounds=1), {"vote": {"samples": ["calls", "tokens"]}}]
    run = asked(protocols=protocols, split="all", open_engines=engines, peers=2)
    verdict = run.verdict()
    (row,) = verdict.frame.to_dict("records")
    assert (row["equal"], row["outcome"], row["accuracy"], row["n"]) == ("tokens", "beats", 1.0, 22)
    assert row["even"]
    assert row["tokens"] == pytest.approx(1)  # to the token, by a fraction of a ballot
    assert row["ballots"] % 1 > 0
    assert row["vote"] == f"vote of {row['ballots']:.4g}"
    assert row["low"] <= row["difference"] == pytest.approx(1 - row["vote_accuracy"])
    assert row["p_holm"] == row["p"] < 0.05 < row["p_subjects_holm"]  # two subjects promise nothing of others
    assert not row["elsewhere"]
    assert str(verdict).startswith("BBH: leader, 1 round, 2 peers beats the vote at its tokens (+")
    assert "22 questions) on these subjects; on other subjects, not surely." in str(verdict)
    sentence = (
        "Yes: the led row beats a vote of the leader's own answers at the same tokens; "
        "of other subjects than these, that is not shown."
    )
    assert verdict.sentence == sentence
    assert str(verdict).endswith(sentence)
    by_calls = run.verdict("calls")
    assert by_calls.frame["equal"].tolist() == ["calls"]
    assert by_calls.frame["ballots"].tolist() == [3]
    assert "the vote at its calls, which took 0." in str(by_calls)


@pytest.mark.usefixtures("folder")
def test_ballots_of_all_seeds_vote() -> None:
    engines = Answering(right_leader, by_model=True)
    protocols = [mb.Leader(rounds=1), "debate", {"vote": {"samples": "tokens"}}]
    run = asked(protocols=protocols, split="all", open_engines=engines, peers=2, rounds=1, seeds=3, name="seeds")
    verdict = run.verdict()
    led, debate = verdict.frame.to_dict("records")
    assert (led["led"], debate["led"]) == (True, False)
    assert led["tokens"] == pytest.approx(1)
    assert (led["outcome"], led["n"]) == ("beats", 22)
    matches = verdicts(LoadedRun.open(run.path), run._rows).verdicts
    assert {one.match.drawn.draws for one in matches if one.match.drawn} == {3}
    # A vote at a row's tokens is drawn with each seed, and all of their ballots are at hand.
    assert matches[0].match.drawn is not None
    assert matches[0].match.drawn.votes >= 3


@pytest.mark.usefixtures("folder")
def test_a_vote_of_too_few_ballots_says_what_it_took() -> None:
    engines = Answering(right_leader, by_model=True)
    run = asked(protocols=[mb.Leader(rounds=1), mb.Vote(samples=3)], split="all", open_engines=engines, peers=2)
    (row,) = run.verdict().frame.to_dict("records")
    assert not row["even"]
    assert row["ballots"] == 3
    assert row["tokens"] > 1.05
    assert f"the vote of 3 ballots, which took {1 / row['tokens']:.2g} times its tokens" in str(run.verdict())
    assert "the vote of the leader's own answers that it is held against" in run.verdict().sentence


@pytest.mark.usefixtures("folder")
def test_a_led_row_without_a_vote_says_what_to_add() -> None:
    run = asked(protocols=["leader", "solo"], rounds=1, peers=2)
    assert str(run.verdict()) == (
        "No vote to compare with: BBH: leader, 1 round, 2 peers. Add `vote: {samples: tokens}` to the matrix.\n"
        "The run cannot say whether the team beats what the same compute buys otherwise: no led row has a vote."
    )
    assert run.verdict().frame.empty
    assert str(asked(protocols="solo", name="alone").verdict()) == (
        "No row is led by a leader: the run does not tell whether a team beats what the same compute buys."
    )


@pytest.mark.usefixtures("folder")
def test_a_cost_that_is_not_known_is_said() -> None:
    run = asked(protocols=["leader", "vote"], rounds=1, peers=2)
    row = "No vote to compare with: BBH: leader, 1 round, 2 peers."
    assert f"{row} Their price is not known; prices stand in the team file under `prices`." in str(run.verdict("price"))
    assert f"{row} Their operations are not known, for the size of" in str(run.verdict("operations"))
    assert run.verdict("price").sentence.endswith("otherwise: nothing is known of led rows' price.")
    assert "No vote to compare with" not in str(run.verdict("calls"))


@pytest.mark.usefixtures("folder")
def test_interventions_are_named_as_in_a_matrix() -> None:
    run = asked(protocols="leader", rounds=1, peers=2, interventions=[{"drop": 1}])
    assert run.interventions["done"].tolist() == ["without peer 1", "without peer 2"]


@pytest.mark.usefixtures("folder")
def test_a_greedy_run_is_held_against_the_one_answer_that_its_ballots_are() -> None:
    engines = Answering(right_leader, by_model=True)
    protocols = [{"leader": {"rounds": 1}}, {"vote": {"samples": 4}}]
    run = asked(protocols=protocols, split="all", open_engines=engines, peers=2, generation={"temperature": 0})
    (row,) = run.verdict().frame.to_dict("records")
    assert (row["ballots"], row["even"]) == (1, False)
    assert "greedy ballots are all one answer" in str(run.verdict())


@pytest.mark.usefixtures("folder")
def test_several_verdicts_are_adjusted_together() -> None:
    protocols = [{"leader": {"rounds": [1, 2]}}, {"vote": {"samples": "calls"}}]
    run = asked(protocols=protocols, split="all", open_engines=Answering(right_leader, by_model=True), peers=2)
    found = verdicts(LoadedRun.open(run.path), run._rows)
    first, second = sorted(found.verdicts, key=lambda one: one.comparison.p)
    assert (first.adjusted, second.adjusted) == (
        2 * first.comparison.p,
        max(2 * first.comparison.p, second.comparison.p),
    )
    assert run.compare("leader, 1 round")["row"].tolist() == ["leader, 2 rounds, 2 peers", "vote of 3", "vote of 6"]


@pytest.mark.usefixtures("folder")
def test_ctrl_c_keeps_what_was_answered_and_the_same_call_goes_on() -> None:
    class Impatient(mb.Silent):
        ended = 0

        def conversed(self, cell: Any, record: Any) -> None:  # noqa: ARG002
            self.ended += 1
            if self.ended == 1:
                signal.raise_signal(signal.SIGINT)

    engines = Answering(lambda *_: "The answer is (A).")
    options: dict[str, Any] = {"protocols": ["solo", "debate"], "open_engines": engines, "rounds": 2}
    with memory_store() as store:
        with pytest.raises(KeyboardInterrupt, match="was stopped; the same call goes on with it"):
            asked(**options, store=store, observer=Impatient())
        made = engines.asked["a"]
        assert made >= 1
        run = asked(**options, store=store)
        assert len(store) == engines.asked["a"]
    assert (run.unfinished, len(run.records)) == ((), 8)


@pytest.mark.usefixtures("folder")
def test_a_second_ctrl_c_ends_the_run_at_once_and_closes_its_engines() -> None:
    closed: list[str] = []
    presses = iter((signal.SIGINT, signal.SIGINT))

    class Slow(ScriptedEngine):
        async def complete(self, *request: Any) -> mb.Completion:  # noqa: ARG002
            for press in presses:
                signal.raise_signal(press)
                await asyncio.sleep(0.1)
            await asyncio.sleep(60)
            raise AssertionError

        async def close(self) -> None:
            closed.append(self.facts.name)

    async def slow(specs: Any, **_: object) -> dict[Any, Slow]:
        return {spec: Slow(lambda *_: "", name=spec.model) for spec in specs}

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        asked(protocols="solo", open_engines=slow)
    assert closed == ["a"]
    assert time.monotonic() - started < 30
