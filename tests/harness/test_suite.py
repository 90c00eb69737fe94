from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import lm_eval.utils
import pytest
from lm_eval.api.model import LM
from lm_eval.evaluator import evaluate
from lm_eval.tasks import TaskManager

from mlpo_bench import questions
from mlpo_bench.dispatch import Dispatch
from mlpo_bench.engines.scripted import ScriptedEngine
from mlpo_bench.harness import chats, documents
from mlpo_bench.harness._files import tasks_folder
from mlpo_bench.harness.samples import Samples
from mlpo_bench.harness.suite import SuiteTasks, quiet_lm_eval
from mlpo_bench.protocols import Leader, Setting, Solo, Vote
from mlpo_bench.questions import SUITES, Item
from mlpo_bench.questions.packed import Items
from mlpo_bench.store import Store
from mlpo_bench.teams import Member, Team


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lm_eval.api.instance import Instance

    from mlpo_bench.chat import Message, Sampling
    from mlpo_bench.harness.verdicts import Verdict

CANARY = "zebracrossing"


def scored(suite: SuiteTasks, finals: dict[str, str]) -> tuple[dict[str, Any], dict[str, Verdict]]:
    """lm-eval's results for some final texts, and its verdicts, by question."""
    answered = [(place, one.question.id) for place, one in enumerate(suite.samples) if one.question.id in finals]
    scores = suite.score([place for place, _ in answered], (finals[question] for _, question in answered))
    return scores.results, dict(zip((question for _, question in answered), scores.verdicts, strict=True))


@pytest.fixture(scope="module")
def suite(made_up: Path) -> SuiteTasks:
    with quiet_lm_eval():
        return SuiteTasks("bbh", data=made_up)


def test_the_test_split_is_asked_in_order(suite: SuiteTasks) -> None:
    ids = [a.question.id for a in suite.samples]
    assert ids == [f"bbh/{s}/{n}" for s in SUITES["bbh"].subjects for n in (1, 6)]
    first = suite.samples[0].question
    assert first.prompt.startswith("Made up for boolean_expressions, number 1: is 1 even?\n\nEnd with True or False")
    assert first.answer_format == "true_false"
    assert first.preamble == ()


def test_a_source_that_lacks_subjects_is_asked_for_those_that_it_has(tmp_path: Path) -> None:
    (tmp_path / "math").mkdir()
    row = {"problem": "Made up?", "answer": "7", "subject": "Algebra", "unique_id": "test/algebra/3.json"}
    (tmp_path / "math" / "test.jsonl").write_text(json.dumps(row))
    with quiet_lm_eval():
        suite = SuiteTasks("math", data=tmp_path)
    assert [sample.question.id for sample in suite.samples] == ["math/algebra/no-3"]
    assert scored(suite, {"math/algebra/no-3": "The answer is $7$."})[1]["math/algebra/no-3"].right


def test_right_wrong_and_unread_are_told_apart_by_lm_eval_and_by_us(suite: SuiteTasks) -> None:
    texts = ("<answer>{gold}</answer>", "nothing to read", "<answer>{gold}</answer><answer>{other}</answer>")
    finals = {
        a.question.id: texts[n % 3].format(gold=a.gold, other=suite.samples[n ^ 1].gold)
        for n, a in enumerate(suite.samples)
    }
    with quiet_lm_eval():
        results, verdicts = scored(suite, finals)
    mine = {a.question.id: suite.judge(a, finals[a.question.id]) for a in suite.samples}
    assert verdicts == mine
    right = sum(v.right for v in mine.values())
    unread = sum(v.unread for v in mine.values())
    assert (right, unread, len(mine)) == (18, 18, 54)
    group = results["groups"]["mlpo_bbh"]
    assert group["acc,read"] == pytest.approx(right / len(mine))
    assert group["unread,read"] == pytest.approx(unread / len(mine))


def test_an_answer_in_the_words_of_one_that_cannot_be_read_is_an_answer(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text('{"question": "What was it?", "answer": "[unread]", "split": "test"}\n')
    with quiet_lm_eval():
        own = SuiteTasks(questions.find(str(tmp_path / "own.jsonl"), "phrase"))
    (sample,) = own.samples
    for text, right in (("<answer>[unread]</answer>", True), ("", False)):
        ours = own.judge(sample, text)
        assert own.score([0], [text]).verdicts == [ours]
        assert ours.right is right


def test_a_question_without_a_word_is_asked_as_it_is(suite: SuiteTasks) -> None:
    item = Item("bbh", "navigate", "bbh/navigate/1", "", "Yes", "yes_no")
    request = replace(suite.samples[0].request, doc=documents.document(item), arguments=("Say yes.", {}))
    samples = Samples()
    samples.add(Items.of([item]), [request])
    assert [sample.question.prompt for sample in samples] == ["Say yes."]


def test_scoring_twice_gives_the_same_and_questions_without_a_final_are_left_out(suite: SuiteTasks) -> None:
    finals = {a.question.id: f"<answer>{a.gold}</answer>" for a in suite.samples[3:]}
    with quiet_lm_eval():
        first, second = scored(suite, finals), scored(suite, finals)
    assert first == second
    results, verdicts = first
    assert len(verdicts) == len(suite.samples) - 3
    assert all(v.right for v in verdicts.values())
    assert "mlpo_bbh_boolean_expressions" not in results["results"]
    with quiet_lm_eval():
        assert scored(suite, {}) == ({}, {})


def test_a_cell_scored_after_another_is_scored_as_by_a_fresh_suite(suite: SuiteTasks, made_up: Path) -> None:
    before = {a.question.id: "<answer>-</answer>" for a in suite.samples[1:40]}
    finals = {a.question.id: f"<answer>{a.gold if n % 3 else '-'}</answer>" for n, a in enumerate(suite.samples)}
    with quiet_lm_eval():
        fresh = SuiteTasks("bbh", data=made_up)
        scored(suite, before)
        after, alone = scored(suite, finals), scored(fresh, finals)
    assert after == alone
    assert list(after[1]) == [a.question.id for a in suite.samples]
    assert suite.configs == fresh.configs
    assert not any(a.request.resps or a.request.filtered_resps for a in suite.samples)


def test_a_sample_tells_the_request_that_lm_eval_made_of_it(suite: SuiteTasks, made_up: Path) -> None:
    with quiet_lm_eval():
        (task,) = SuiteTasks("bbh", data=made_up, subjects=["boolean_expressions"])._tasks.values()
        task.build_all_requests(apply_chat_template=True, chat_template=chats.pack)
    of_task = suite.samples[:2]
    assert [(sample.context, sample.generation) for sample in of_task] == [one.args for one in task.instances]
    assert [sample.doc for sample in of_task] == [one.doc for one in task.instances]


def test_samples_of_a_task_share_what_they_have_in_common(suite: SuiteTasks) -> None:
    first, second = suite.samples[:2]
    assert first.generation is second.generation
    assert first.request is second.request
    assert first.question.subject is second.question.subject


class Scripted(LM):
    def __init__(self, finals: dict[str, str]) -> None:
        super().__init__()
        self.finals = finals

    def generate_until(self, requests: list[Instance]) -> list[str]:
        return [self.finals[request.doc["id"]] for request in requests]

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        raise NotImplementedError


def test_what_is_done_once_for_all_cells_changes_no_result(suite: SuiteTasks, made_up: Path) -> None:
    finals = {a.question.id: f"<answer>{a.gold if n % 3 else '-'}</answer>" for n, a in enumerate(suite.samples)}
    with quiet_lm_eval():
        results, verdicts = scored(suite, finals)
        metadata = {"split": "test", "data": str(made_up)}
        manager = TaskManager(include_path=str(tasks_folder()), include_defaults=False, metadata=metadata)
        plain = evaluate(Scripted(finals), manager.load(["mlpo_bbh"]), bootstrap_iters=1_000)
    samples = {s["doc"]["id"]: s for of_task in plain.pop("samples").values() for s in of_task}
    assert plain.pop("configs").keys() == suite.configs.keys()
    assert results == plain
    assert {name: v.right for name, v in verdicts.items()} == {n: bool(s["acc"]) for n, s in samples.items()}
    assert {name: v.unread for name, v in verdicts.items()} == {n: bool(s["unread"]) for n, s in samples.items()}


def test_lm_eval_compiles_templates_as_ever_once_a_suite_is_loaded(suite: SuiteTasks) -> None:
    assert suite.samples
    assert not hasattr(lm_eval.utils.env.from_string, "cache_info")


def test_lm_evals_standard_errors_are_there(suite: SuiteTasks) -> None:
    finals = {a.question.id: f"<answer>{a.gold if n % 2 else '-'}</answer>" for n, a in enumerate(suite.samples)}
    with quiet_lm_eval():
        results, _ = scored(suite, finals)
    assert results["groups"]["mlpo_bbh"]["acc_stderr,read"] > 0
    assert not math.isnan(results["groups"]["mlpo_bbh"]["acc_stderr,read"])


def test_results_hold_nothing_that_differs_from_process_to_process(suite: SuiteTasks) -> None:
    with quiet_lm_eval():
        results, _ = scored(suite, {a.question.id: "-" for a in suite.samples})
    assert len(suite.configs) == 27
    assert " at 0x" not in json.dumps([results, suite.configs])


def test_a_limit_and_subjects_choose_questions(made_up: Path) -> None:
    with quiet_lm_eval():
        few = SuiteTasks("bbh", data=made_up, limit=5)
        one = SuiteTasks("bbh", data=made_up, subjects=["snarks"], split="all")
    assert len(few.samples) == 5
    assert len({a.question.subject for a in few.samples}) == 5
    assert [a.question.id for a in one.samples] == [f"bbh/snarks/{n}" for n in range(11)]


@pytest.mark.parametrize("protocol", [Solo(), Vote(3), Leader(3, memory=True), Leader(2, share="answer")])
def test_gold_answers_never_reach_a_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: Solo | Vote | Leader
) -> None:
    monkeypatch.setattr("mlpo_bench.questions.answerable.unanswerable", lambda _: "")  # of a word that no format reads
    monkeypatch.setattr("mlpo_bench.questions.bbh.no_option", lambda _: "")
    (tmp_path / "bbh").mkdir()
    for subject in SUITES["bbh"].subjects:
        examples = [{"input": f"Question {n} of {subject}?", "target": f"{CANARY}{n}"} for n in range(3)]
        (tmp_path / "bbh" / f"{subject}.json").write_text(json.dumps({"examples": examples}))
    with quiet_lm_eval():
        suite = SuiteTasks("bbh", data=tmp_path)
    assert all(CANARY in asked.gold for asked in suite.samples)
    prompts: list[str] = []

    def listen(messages: Sequence[Message], sampling: Sampling, seed: int) -> str:
        prompts.append(repr((messages, sampling, seed)))
        return "The answer is (A)."

    async def main() -> None:
        team = Team(leader=Member(model="m"), peers=(Member(model="m"),) * 3)
        with Store(tmp_path / "store.sqlite") as store:
            dispatch = Dispatch(dict.fromkeys(team.specs, ScriptedEngine(listen)), store)
            for asked in suite.samples:
                done = await Setting(team, protocol).converse(asked.question, dispatch, asked.sampling)
                assert CANARY not in repr(done)

    asyncio.run(main())
    assert len(prompts) >= len(suite.samples)
    assert not any(CANARY in prompt for prompt in prompts)
