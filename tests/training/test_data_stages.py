"""The data stages over made-up questions: what they hand on, and that a killed one comes to the same."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench import answers
from mlpo_bench.dispatch import Dispatch
from mlpo_bench.engines import open_engines
from mlpo_bench.errors import EngineError, UsageError
from mlpo_bench.harness.suite import SuiteTasks
from mlpo_bench.protocols import Leader, Select, Setting
from mlpo_bench.questions.loading import forget
from mlpo_bench.store import Store
from mlpo_bench.training import overlap
from mlpo_bench.training.folder import TrainingFolder
from mlpo_bench.training.recipe import Recipe
from mlpo_bench.training.rows import Kept, Opening, Prompt, Sample, Trace, read_rows


Trainings = Any
FILES = ("rollouts.parquet", "questions.parquet", "prompts.parquet", "completions.parquet", "traces.parquet")


def test_every_peer_opens_on_every_train_question(train: Trainings) -> None:
    folder = train("mine", until="rollouts", rollouts={"samples": 3})
    openings = read_rows(folder.rollouts, Opening)
    questions = {opening.question_id for opening in openings}
    assert questions == {f"bbh/navigate/{n}" for n in range(11) if n % 5 != 1}
    assert Counter((o.question_id, o.seat) for o in openings) == {
        (q, seat): 3 for q in questions for seat in ("peer 1", "peer 2", "peer 3")
    }
    for opening in openings:
        assert opening.answer == answers.read(opening.answer_format, opening.opening)
        assert opening.right == answers.judge(opening.answer_format, opening.answer, opening.gold)
    assert folder.ledger["rollouts"]["calls"] == len(openings) == folder.facts("rollouts")["openings"]
    assert train.heard.counted["openings"] == [81, 81]


@pytest.mark.parametrize(("method", "protocol"), [("mlpo", Leader(rounds=1)), ("select", Select())])
def test_a_leader_is_trained_on_what_a_run_would_show_it(
    train: Trainings, tmp_path: Path, method: str, protocol: Any
) -> None:
    folder = train(
        "mine", filter={"rule": "off"}, prompts={"order": "fixed"}, rollouts={"temperature": None}, method=method
    )
    recipe = folder.recipe
    suite = SuiteTasks("bbh", split="train", subjects=["navigate"], data=Path(recipe.questions.data))

    async def read_by_leaders() -> dict[str, Any]:
        engines = await open_engines(recipe.team.specs)
        with Store(tmp_path / "mine.sqlite") as store:
            dispatch = Dispatch(engines, store)
            setting = Setting(recipe.team, protocol, recipe.seed)
            held = [await setting.converse(a.question, dispatch, a.sampling) for a in suite.samples]
            assert dispatch.tally.made == len(held)  # the openings were found: their requests are the same
        return {t.question.id: [{"role": m.role, "content": m.content} for m in t.turns[-1].read] for t in held}

    shown = {p.question_id: list(p.messages) for p in read_rows(folder.prompts, Prompt) if p.variant == 0}
    assert shown == asyncio.run(read_by_leaders())


def test_prompts_hold_one_opening_of_each_peer(train: Trainings) -> None:
    folder = train("mine", filter={"rule": "off"}, until="filter")
    openings = {(o.question_id, o.seat, o.variant): o for o in read_rows(folder.rollouts, Opening)}
    prompts = read_rows(folder.prompts, Prompt)
    assert len({p.prompt_id for p in prompts}) == len(prompts)
    assert len({p.order for p in prompts}) > 2  # shuffled
    for p in prompts:
        assert sorted(p.order) == ["peer 1", "peer 2", "peer 3"]
        shown = [openings[p.question_id, seat, p.variant] for seat in p.order]
        assert [o.right for o in shown] == list(p.attempts_right)
        text = p.messages[-1]["content"]
        places = [text.index(f"Attempt {n}:\n{o.opening}\n") for n, o in enumerate(shown, start=1)]
        assert places == sorted(places)


def test_a_control_without_peers_sees_the_question_alone(train: Trainings) -> None:
    folder = train("mine", filter={"rule": "off"}, until="filter", method="grpo")
    prompts, openings = read_rows(folder.prompts, Prompt), read_rows(folder.rollouts, Opening)
    assert {p.question_id: p.messages for p in prompts} == {
        o.question_id: ({"role": "user", "content": o.prompt},) for o in openings
    }
    assert {(p.kind, p.order, p.attempts_right) for p in prompts} == {("alone", (), ())}


def test_larger_message_sets_are_drawn_from_all_openings(train: Trainings) -> None:
    settings = {"filter": {"rule": "off"}, "prompts": {"attempts": [2, 7], "variants": 6, "share": "without-thinking"}}
    folder = train("mine", until="filter", **settings)
    prompts = read_rows(folder.prompts, Prompt)
    assert {len(p.order) for p in prompts} <= set(range(2, 8))
    assert len({len(p.order) for p in prompts}) > 3
    assert not any("<think>Odd" in p.messages[-1]["content"] for p in prompts)


def test_the_filter_says_what_it_dropped(train: Trainings) -> None:
    folder = train("mine", filter=[{"rule": "band", "bound": 0.5}, {"rule": "leader", "samples": 2}], until="filter")
    kept, openings = read_rows(folder.questions, Kept), read_rows(folder.rollouts, Opening)
    right = Counter(o.question_id for o in openings if o.right)
    for one in kept:
        assert one.share == right[one.question_id] / one.openings
        assert 0 < one.share < 0.5
        assert one.leader_share is not None
        assert 0 < one.leader_share < 1
    assert {p.question_id for p in read_rows(folder.prompts, Prompt)} == {one.question_id for one in kept}
    facts = folder.facts("filter")
    assert facts["questions"] == {"bbh": len(kept)}
    assert len(kept) + sum(facts["dropped"]["bbh"].values()) == 9
    assert any(said.startswith("bbh: 9 questions") and said.endswith(f"{len(kept)} kept") for said in train.heard.said)


def test_a_filter_that_leaves_nothing_is_told(train: Trainings) -> None:
    train.voice.write_text("- say: The answer is maybe.")
    with pytest.raises(UsageError, match="the filter leaves no question"):
        train("mine", filter={"rule": "band"})


@pytest.mark.parametrize("writer", ["model", "spliced"])
def test_traces_end_in_the_right_answer_in_form(train: Trainings, writer: str) -> None:
    folder = train("mine", filter={"rule": "off"}, traces={"samples": 3, "writer": writer})
    prompts = {p.prompt_id: p for p in read_rows(folder.prompts, Prompt)}
    samples, traces = read_rows(folder.completions, Sample), read_rows(folder.traces, Trace)
    assert Counter(s.prompt_id for s in samples) == dict.fromkeys(prompts, 3)
    right = {name: [s.right for s in samples if s.prompt_id == name] for name in prompts}
    assert {t.kind for t in traces} == {"kept", "backtrack"}
    for trace in traces:
        p = prompts[trace.prompt_id]
        assert trace.messages == p.messages
        assert re.fullmatch(r"<think>.*</think>\s*<answer>.*</answer>", trace.completion, re.DOTALL)
        assert answers.judge(p.answer_format, answers.read(p.answer_format, trace.completion), p.gold)
        assert trace.kind == ("kept" if all(right[p.prompt_id]) else "backtrack")
    fates = folder.facts("traces")["fates"]
    assert fates["never right"] == sum(not any(each) for each in right.values()) > 0
    assert sum(fates.values()) == len(prompts)
    assert fates["kept"] + fates["backtrack"] == len(traces)
    mixed = sum(any(each) and not all(each) for each in right.values())
    assert fates["backtrack"] == mixed if writer == "spliced" else 0 < fates["backtrack"] < mixed
    written = mixed if writer == "model" else 0
    assert folder.ledger["traces"]["calls"] == len(samples) + written


def test_completions_too_long_for_their_writer_are_counted(train: Trainings) -> None:
    team = train.recipe("x").team.model_dump(mode="json")
    team["leader"]["context"] = 700  # holds every prompt of the leader, but not the writer's
    settings = {"filter": {"rule": "off"}, "traces": {"samples": 2, "max_tokens": 400}}
    folder = train("mine", team=team, **settings)
    fates = folder.facts("traces")["fates"]
    assert fates["too long to be written"] > 0 == fates["backtrack"]
    assert fates["kept"] == len(read_rows(folder.traces, Trace)) > 0


def test_no_trace_at_all_is_told(train: Trainings) -> None:
    train.voice.write_text("- {when: You lead a group, say: I cannot tell.}\n- say: The answer is yes.")
    with pytest.raises(UsageError, match=r"no trace came out of 9 prompts \(9 never right\)"):
        train("mine", filter={"rule": "off"})


def test_a_fault_ends_the_stage_and_the_same_command_goes_on(train: Trainings) -> None:
    whole = train("whole", parent="apart")
    voice = train.voice.read_text()
    train.voice.write_text("- {when: 'number 7:', fail: the machine is on fire}\n" + voice)
    with pytest.raises(EngineError, match="on fire"):
        train("mine")
    assert TrainingFolder(train.folder / "trainings" / "mine").state("rollouts") == "begun"
    train.voice.write_text(voice)
    mine = train("mine")
    for name in FILES:
        assert (mine.path / name).read_bytes() == (whole.path / name).read_bytes()


def test_a_prompt_that_does_not_fit_is_told_before_anything_is_asked(train: Trainings) -> None:
    team = train.recipe("x").team.model_dump(mode="json")
    team["leader"]["context"] = 600
    with pytest.raises(UsageError, match="holds 600 tokens, but a prompt has"):
        train("mine", team=team, filter={"rule": "off"}, traces={"samples": 4, "max_tokens": 500})
    assert "completions of the leader" not in train.heard.counted


def test_a_test_question_among_the_train_questions_is_refused(train: Trainings, tmp_path: Path) -> None:
    """The other suite's test question is the same but for case and spacing."""
    data = tmp_path / "data"
    shutil.copytree(train.data, data)
    (data / "gsm8k").mkdir()
    train_rows = [{"question": "How many are 2 and 2?", "answer": "#### 4"}]
    tested = [{"question": "MADE up for  navigate,\nnumber 3: is 3 even?", "answer": "#### 3"}]
    for part, rows in (("train", train_rows), ("test", tested)):
        (data / "gsm8k" / f"{part}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    questions = {"data": str(data), "subjects": ["navigate", "gsm8k"]}
    with pytest.raises(UsageError, match="bbh/navigate/3 is gsm8k/gsm8k/0"):
        train("mine", suites=["bbh", "gsm8k"], questions=questions)
    assert train("other", suites=["bbh"], questions={**questions, "subjects": ["navigate"]}, until="rollouts")


def test_openings_on_what_has_come_to_be_tested_are_refused(train: Trainings, tmp_path: Path) -> None:
    """The openings were made before; since then the data's owners moved a question to the test split."""
    data = tmp_path / "data"
    shutil.copytree(train.data, data)
    questions = {"data": str(data), "subjects": ["navigate"]}
    train("mine", questions=questions, until="rollouts")
    path = data / "bbh" / "navigate.json"
    content = json.loads(path.read_text())
    content["examples"][6] = content["examples"][3]
    path.write_text(json.dumps(content))
    forget()
    with pytest.raises(UsageError, match="bbh/navigate/3 is bbh/navigate/6"):
        train("mine", questions=questions)


MINE = """question,answer,subject,split
Made up for navigate number 3: is 3 even?,No,mine,test
Is a hen a bird?,Yes,birds,train
Is a fox a bird?,No,birds,train
Is the wren a bird?,Yes,birds,train
"""


def test_a_leader_learns_from_a_file_of_one_s_own(train: Trainings, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(MINE)
    folder = train("mine", suites=["mine.csv"], format="yes_no", questions={}, until="filter")
    assert {opening.question_id for opening in read_rows(folder.rollouts, Opening)} == {
        f"mine/birds/{n}" for n in (2, 3, 4)
    }
    assert folder.recipe.own["mine"].format == "yes_no"
    assert Recipe.model_validate(folder.recipe.model_dump(mode="json")) == folder.recipe
    before = folder.recipe.digest
    (tmp_path / "mine.csv").write_text(MINE.replace("wren", "robin"))
    with pytest.raises(UsageError, match="no longer has the questions"):
        folder.recipe.suite("mine")
    assert train.recipe("mine", suites=["mine.csv"], format="yes_no", questions={}).digest != before


def test_a_train_question_that_another_suite_tests_is_left_out(
    train: Trainings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        overlap, "_at_hand", lambda name: dict.fromkeys(overlap._kept("is a HEN a bird?"), f"{name}/x/7")
    )
    (tmp_path / "mine.csv").write_text(MINE)
    folder = train("mine", suites=["mine.csv"], format="yes_no", questions={}, until="rollouts")
    assert {opening.question_id for opening in read_rows(folder.rollouts, Opening)} == {"mine/birds/3", "mine/birds/4"}
    assert any(
        said.startswith("1 question left out that is tested elsewhere: mine/birds/2 is") for said in train.heard.said
    )
    held = {
        key for text in ("Is a fox a bird?", "Is a wren a bird?", "Is the wren a bird?") for key in overlap._kept(text)
    }
    monkeypatch.setattr(overlap, "_at_hand", lambda _: dict.fromkeys(held, "later/x/1"))
    with pytest.raises(UsageError, match="leaves no question"):
        train("mine", suites=["mine.csv"], format="yes_no", questions={}, filter={"rule": "off"})


def test_a_question_that_stands_twice_is_asked_once(train: Trainings, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(train.data, data)
    path = data / "bbh" / "navigate.json"
    content = json.loads(path.read_text())
    content["examples"][7] = content["examples"][3] | {"input": content["examples"][3]["input"].upper()}
    path.write_text(json.dumps(content))
    folder = train("mine", questions={"data": str(data), "subjects": ["navigate"]}, until="rollouts")
    asked = [opening.question_id for opening in read_rows(folder.rollouts, Opening)]
    assert "bbh/navigate/3" in asked
    assert "bbh/navigate/7" not in asked
    assert "1 question left out whose content is asked before" in train.heard.said


def test_a_second_time_nothing_is_done(train: Trainings) -> None:
    before = {name: (train("mine").path / name).stat().st_mtime_ns for name in FILES}
    again = train("mine")
    assert train.heard.said == []
    assert {name: (again.path / name).stat().st_mtime_ns for name in FILES} == before


def test_a_changed_recipe_is_not_carried_out_over_what_is_there(train: Trainings) -> None:
    train("mine")
    with pytest.raises(UsageError, match=r"made otherwise \(traces: traces.samples\)\. Give the recipe another name"):
        train("mine", traces={"samples": 8})


def test_what_another_training_did_is_taken_from_it(train: Trainings) -> None:
    first = train("first")
    second = train("second", traces={"samples": 3})
    assert [said for said in train.heard.said if "taken from there" in said] == [
        f"Stage {stage}: the same as in {first.path}, and taken from there" for stage in ("rollouts", "filter")
    ]
    assert second.ledger["rollouts"] == first.ledger["rollouts"]
    assert second.facts("filter") == first.facts("filter") != {}
    assert all(second.state(stage) == "done" for stage in ("rollouts", "filter", "traces"))
    alone = train("second", traces={"samples": 3}, parent="apart")
    assert not any("taken from there" in said for said in train.heard.said)
    assert [(alone.path / name).read_bytes() for name in FILES] == [(second.path / name).read_bytes() for name in FILES]


def test_files_that_are_gone_are_made_again_out_of_the_store(train: Trainings) -> None:
    folder = train("mine")
    before = {name: (folder.path / name).read_bytes() for name in FILES}
    folder.rollouts.unlink()
    folder.prompts.unlink()
    assert [folder.state(stage) for stage in ("rollouts", "filter", "traces")] == ["lost"] * 3
    train("mine")
    assert [said for said in train.heard.said if said.startswith("Stage")] == ["Stage rollouts", "Stage filter"]
    assert {name: (folder.path / name).read_bytes() for name in FILES} == before


def test_files_that_come_out_otherwise_end_the_training(train: Trainings) -> None:
    folder = train("mine")
    folder.rollouts.unlink()
    train.voice.write_text("- say: Something else.")
    with pytest.raises(UsageError, match=r"made otherwise \(filter: files.rollouts.parquet\)"):
        train("mine", store="another")


SLOW = """
- {when: '(?s)two answers.*number [5-9]:', delay: 1.2, say: "<think>No. Or yes.</think><answer>Yes</answer>"}
- {when: '(?s)You lead a group.*number [5-9]:', delay: 1.2, say: ["<think>.</think><answer>Yes</answer>", "No."]}
- {when: 'number [5-9]:', delay: 1.2, say: ["The answer is No.", "The answer is Yes."]}
"""


def test_killed_in_every_stage_it_comes_to_the_same(
    train: Trainings, tmp_path: Path, completions: Callable[[Path], int]
) -> None:
    """`kill -9` in the middle of each stage: the files are those of an undisturbed training, byte for byte."""
    train.voice.write_text(SLOW + train.voice.read_text())
    settings = {"filter": [{"rule": "paper"}, {"rule": "leader", "samples": 2}], "traces": {"samples": 4}}
    whole = train("whole", parent="apart", **settings)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(train.recipe("mine", **settings).to_yaml())
    mine, store = TrainingFolder(tmp_path / "trainings" / "mine"), tmp_path / "mine.sqlite"
    for stage in ("rollouts", "filter", "traces"):
        command = [
            sys.executable, "-m", "mlpo_bench", "train", stage, "--recipe", recipe, "--output", mine.path.parent,
            "--store", store, "--quiet",
        ]  # fmt: skip
        before = completions(store)
        process = subprocess.Popen(list(map(str, command)), cwd=tmp_path)
        while completions(store) == before:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert mine.state(stage) == "begun"
        kept = completions(store)
        subprocess.run(list(map(str, command)), cwd=tmp_path, check=True)
        assert mine.state(stage) == "done"
        assert completions(store) > kept > before  # it had been in the middle
    for name in FILES:
        assert (mine.path / name).read_bytes() == (whole.path / name).read_bytes()
