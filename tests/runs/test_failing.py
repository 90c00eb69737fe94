"""A fault of the machinery costs the cells that it meets, and no others; a later command mends them."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench import dispatch
from mlpo_bench.analysis.matches import verdicts
from mlpo_bench.analysis.rows import read_rows
from mlpo_bench.dispatch import FAULTS_UNTIL_DOWN, TRIES
from mlpo_bench.engines import ScriptedEngine
from mlpo_bench.errors import EngineError
from mlpo_bench.log import LoadedRun
from mlpo_bench.log.records import read_records
from mlpo_bench.log.transcripts import read_transcripts
from mlpo_bench.protocols import PROTOCOLS, Room, Solo
from mlpo_bench.questions import Question
from mlpo_bench.runs.scheduler import InFlight


Cli = Any
Read = Any
Runs = Any
TEAM = {"leader": {"model": "m"}, "peers": [{"model": "p"}, {"model": "q"}]}
MATRIX: dict[str, Any] = {
    "protocols": ["solo", "refine", {"vote": {"samples": [3, "tokens"]}}, {"leader": {"peers": [1, 2]}}],
    "rounds": 2,
    "team": TEAM,
    "subjects": ["navigate", "snarks", "web_of_lies", "causal_judgement", "hyperbaton"],
}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "FIRST_WAIT_S", 0.0)


@pytest.fixture
def broken(answer_with: Any, own_text: Any) -> tuple[dict[str, int], list[bool]]:
    """The second peer's server is gone, as long as the list holds True; returns how often each model was asked."""
    gone = [True]
    sound = own_text("yes no (A) (B)")

    def answer(model: str, *request: Any) -> str:
        if gone[0] and model == "q":
            raise EngineError("connection refused")
        return str(sound(*request))

    return answer_with(answer, by_model=True), gone


def test_a_member_that_is_gone_fails_its_own_cells_and_leaves_the_others_right(
    carry: Runs, broken: tuple[dict[str, int], list[bool]]
) -> None:
    run = carry("mine", **MATRIX)
    errors = {cell.cell: cell.errors for cell in run.results().cells}
    of_gone = {"bbh.solo-peer-2-q", "bbh.leader-2-rounds-2-peers"}
    assert {cell for cell, count in errors.items() if count} == of_gone
    assert {errors[cell] for cell in of_gone} == {10}
    told = {r.error for cell in of_gone for r in read_records(run.records_path(cell))}
    assert told <= {"connection refused", "q is taken to be down: connection refused"}
    assert broken[0]["q"] <= TRIES * 10  # no more than were in flight at once
    broken[1][0] = False
    sound = carry("sound", **MATRIX)
    for cell in run.results().cells:
        if not cell.errors:
            assert run.cell_path(cell.cell).read_bytes() == sound.cell_path(cell.cell).read_bytes()


def test_a_vote_at_the_tokens_of_a_failed_cell_is_told_of_and_left_for_later(
    carry: Runs, broken: tuple[dict[str, int], list[bool]], contents: Read
) -> None:
    run = carry("mine", **MATRIX)
    vote = "bbh.vote-at-the-tokens-of-leader-2-rounds-2-peers"
    assert run.results().unfinished == (vote,)
    assert run.cell("bbh.vote-at-the-tokens-of-leader-2-rounds-1-peer").errors == 0
    (told,) = (said for said in carry.said if "not run" in said)
    assert told.startswith("bbh, vote at the tokens of leader, 2 rounds, 2 peers: not run. bbh.leader-2-rounds-2-peers")
    broken[1][0] = False
    carry("mine", **MATRIX)
    assert contents(run.path) == contents(carry("undisturbed", **MATRIX).path)


def test_a_vote_is_not_matched_to_the_part_of_a_cell_that_was_answered(
    carry: Runs, answer_with: Any, own_text: Any, contents: Read
) -> None:
    sound, sick = own_text("yes no (A) (B)"), [True]

    def answer(model: str, messages: Any, *request: Any) -> str:
        if sick[0] and model == "p" and "snarks" in messages[-1].content:
            raise EngineError("out of memory", transient=False)
        return str(sound(messages, *request))

    answer_with(answer, by_model=True)
    run = carry("mine", **MATRIX)
    assert {cell.cell: cell.errors for cell in run.results().cells if cell.errors} == dict.fromkeys(
        ("bbh.solo-peer-1-p", "bbh.leader-2-rounds-1-peer", "bbh.leader-2-rounds-2-peers"), 2
    )
    assert len(run.results().unfinished) == 2
    sick[0] = False
    carry("mine", **MATRIX)
    assert run.results().unfinished == run.results().failed == ()
    assert contents(run.path) == contents(carry("undisturbed", **MATRIX).path)


def test_one_after_the_other_an_engine_that_is_down_is_asked_no_more(
    carry: Runs, broken: tuple[dict[str, int], list[bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(InFlight.__init__, "__defaults__", (1,))
    run = carry("mine", **MATRIX | {"protocols": ["oracle"], "peers": 2})
    assert broken[0] == {"p": 10, "q": TRIES * FAULTS_UNTIL_DOWN}
    (cell,) = run.results().cells
    errors = [record.error for record in read_records(run.records_path(cell.cell))]
    assert errors == ["connection refused"] * 8 + ["q is taken to be down: connection refused"] * 2


def test_what_a_failed_question_had_answered_is_asked_no_second_time(
    carry: Runs, broken: tuple[dict[str, int], list[bool]]
) -> None:
    run = carry("mine", **MATRIX | {"protocols": ["oracle"], "peers": 2})
    assert broken[0]["p"] == 10
    broken[1][0] = False
    carry("mine", **MATRIX | {"protocols": ["oracle"], "peers": 2})
    assert broken[0]["p"] == 10
    assert run.results().failed == ()


def test_a_seed_without_any_answer_leaves_the_verdict_to_the_others(
    carry: Runs, answer_with: Any, own_text: Any, mlpo_bench: Cli
) -> None:
    gone, sound = [True], own_text("yes no (A) (B)")

    def answer(*request: Any) -> str:
        if gone[0]:
            raise EngineError("out of memory", transient=False)
        return str(sound(*request))

    answer_with(answer, parameters=1_000)
    matrix = {"protocols": ["solo", {"vote": {"samples": 4}}, "leader"], "seeds": 2, "team": TEAM, "rounds": 1}
    carry("mine", **matrix)
    gone[0] = False
    run = carry("mine", only=("seed-1",), **matrix)
    loaded = LoadedRun(run)
    (verdict,) = verdicts(loaded, read_rows(loaded)).led
    alone = carry("alone", **matrix | {"seeds": [1]})
    (other,) = verdicts(LoadedRun(alone), read_rows(LoadedRun(alone))).led
    assert verdict.match.vote == other.match.vote
    assert mlpo_bench("verdict", run.path).code == 0


def test_no_file_stays_open_where_the_last_questions_failed(
    carry: Runs, answer_with: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, open_files = read_transcripts, []

    def noted(path: Path) -> Any:
        open_files.append(path)
        try:
            yield from read(path)
        finally:
            open_files.remove(path)

    def answer(messages: Any, *_: object) -> str:
        if "snarks" in messages[-1].content:
            raise EngineError("out of memory", transient=False)
        return "The answer is yes."

    monkeypatch.setattr("mlpo_bench.runs.scoring.read_transcripts", noted)
    answer_with(answer)
    gc.disable()  # it may close them, some time
    try:
        run = carry("mine", protocols=["solo"], team={"leader": {"model": "m"}, "peers": []})
        assert open_files == []
    finally:
        gc.enable()
    assert [(cell.n, cell.errors) for cell in run.results().cells] == [(2, 2)]


def test_exit_codes_tell_of_the_cells_that_were_asked_for(
    mlpo_bench: Cli, made_up: Path, tmp_path: Path, script: Path
) -> None:
    (tmp_path / "fails.yaml").write_text("- fail: the machine is on fire\n")
    (tmp_path / "mixed.yaml").write_text(
        f"leader: {{model: {script}, engine: scripted}}\npeers: [{{model: {tmp_path}/fails.yaml, engine: scripted}}]\n"
    )
    run = ("run", "--suite", "bbh", "--data", made_up, "--team", "mixed.yaml", "--limit", "3", "--name", "mine", "-q")
    said = mlpo_bench(*run, "--peers", "1", "--rounds", "1")
    assert said.code == 1
    assert "bbh, leader, 1 round, 1 peer: 3 of 3 questions could not be asked" in said.out
    assert "bbh, vote" not in said.out
    assert mlpo_bench(*run, "--peers", "1", "--rounds", "1", "--only", "vote of").code == 0
    weighted = mlpo_bench(*run[:-3], "-q", "--peers", "1", "--protocol", "weighted", "--name", "weighted")
    assert weighted.code == 1
    assert "1 of 1 cells have yet to be run: bbh.weighted-vote-of-5-1-peer" in weighted.out


class Slow(ScriptedEngine):
    """Takes longer than some wait."""

    async def __call__(self, specs: Any, **_: object) -> dict[Any, Any]:
        return dict.fromkeys(specs, self)

    async def complete(self, *asked: Any) -> Any:
        await asyncio.sleep(0.3)
        return await super().complete(*asked)


def test_who_gives_up_on_an_answer_takes_no_other_conversation_along(
    carry: Runs, own_text: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PROTOCOLS, "_added", dict(PROTOCOLS._added))

    class Impatient(Solo):
        name = "impatient"

        async def solve(self, question: Question, room: Room) -> str:
            asking = asyncio.create_task(room.ask(room.leader, question.prompt, round=0))
            await asyncio.sleep(0.05)
            asking.cancel()
            return (await asking).text

    slow = Slow(own_text("yes no (A) (B)"))
    run = carry("mine", team=TEAM, protocols=["impatient", "solo"], subjects=["navigate"], open_engines=slow)
    errors = {cell.cell: cell.errors for cell in run.results().cells}
    assert (errors["bbh.impatient"], errors["bbh.solo"]) == (2, 0)
