"""The task files work under plain lm-eval, with nothing of this project but the package installed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from lm_eval.api.model import LM
from lm_eval.evaluator import simple_evaluate
from lm_eval.models.utils import normalize_gen_kwargs
from lm_eval.tasks import TaskManager

from mlpo_bench.harness import tasks
from mlpo_bench.questions import SUITES, in_order


if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

TASKS = Path(__file__).parents[2] / "tasks"


class Knowing(LM):
    """Answers rightly, wrongly and not at all, in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Instance] = []

    @property
    def tokenizer_name(self) -> str:
        return "none"

    def chat_template(self, chat_template: bool | str = False) -> str:  # noqa: ARG002
        return "json"

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:  # noqa: ARG002
        return json.dumps(chat_history)

    def generate_until(self, requests: list[Instance]) -> list[str]:
        self.asked = requests
        texts = ("So <answer>{}</answer>", "So <answer>neither</answer>", "It is \\boxed{{{}}}", "I do not know")
        return [texts[n % 4].format(request.doc["answer"]) for n, request in enumerate(requests)]

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        raise NotImplementedError


def evaluated(data: Path, model: LM, **options: Any) -> Any:
    """Return lm-eval's results of the made-up BBH."""
    manager = TaskManager(include_path=str(TASKS), include_defaults=False, metadata={"data": str(data)})
    return simple_evaluate(
        model, tasks=["mlpo_bbh"], task_manager=manager, apply_chat_template=True, bootstrap_iters=0, **options
    )


@pytest.mark.parametrize("suite", in_order())
def test_there_is_a_task_for_each_subject_and_a_group_of_them_all(suite: str) -> None:
    manager = TaskManager(include_path=str(TASKS), include_defaults=False)
    names = {f"mlpo_{suite}_{subject}" for subject in SUITES[suite].subjects}
    assert names <= set(manager.all_subtasks)
    assert {path.stem for path in (TASKS / suite).glob("[!_]*.yaml")} == set(SUITES[suite].subjects)
    group = yaml.safe_load((TASKS / suite / "_group.yaml").read_text())
    assert group["group"] == f"mlpo_{suite}"
    assert set(group["task"]) == names
    for subject in SUITES[suite].subjects:
        task = yaml.safe_load((TASKS / suite / f"{subject}.yaml").read_text())
        assert task["metadata"] == {"version": 2.0, "suite": suite, "subject": subject}


@pytest.mark.parametrize("suite", in_order())
def test_the_task_files_are_what_is_made_of_the_suite(suite: str, tmp_path: Path) -> None:
    tasks.write(SUITES[suite], tmp_path)
    made = {path.name: path.read_text() for path in (tmp_path / suite).iterdir()}
    assert made == {path.name: path.read_text() for path in (TASKS / suite).iterdir()}


def test_nothing_but_its_own_end_stops_a_model_and_decoding_is_greedy_by_default(made_up: Path) -> None:
    model = Knowing()
    evaluated(made_up, model, limit=1)
    assert all(request.args[1] == {"until": [], "max_gen_toks": 512} for request in model.asked)
    assert not normalize_gen_kwargs(model.asked[0].args[1])["do_sample"]


def test_a_group_s_scores_are_those_of_its_questions(made_up: Path) -> None:
    model = Knowing()
    results = evaluated(made_up, model)
    asked = len(model.asked)
    assert asked == 54
    group = results["groups"]["mlpo_bbh"]
    right = sum(sample["acc"] for samples in results["samples"].values() for sample in samples)
    unread = sum(sample["unread"] for samples in results["samples"].values() for sample in samples)
    assert group["acc,read"] == pytest.approx(right / asked)
    assert group["unread,read"] == pytest.approx(unread / asked)
    assert right == (asked + 1) // 2
    assert 0 < unread < asked - right + 1


def test_a_prompt_is_the_bare_question_and_one_sentence(made_up: Path) -> None:
    model = Knowing()
    evaluated(made_up, model, limit=1)
    first = model.asked[0]
    [message] = json.loads(first.args[0])
    assert message["content"] == f"{first.doc['question']}\n\n{first.doc['instruction']}"


def test_worked_examples_come_from_train_and_show_the_tag(made_up: Path) -> None:
    model = Knowing()
    evaluated(made_up, model, limit=1, num_fewshot=2)
    messages = json.loads(model.asked[0].args[0])
    assert [message["role"] for message in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert messages[1]["content"] in {"<answer>True</answer>", "<answer>False</answer>"}
    tested = "number 1:", "number 6:"
    assert not any(place in message["content"] for message in messages[:-1] for place in tested)


def test_a_worked_example_of_reasoning_gym_shows_an_answer_and_not_what_its_judge_needs() -> None:
    pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")
    model = Knowing()
    manager = TaskManager(include_path=str(TASKS), include_defaults=False)
    task = "mlpo_reasoning_gym_chain_sum"
    options: dict[str, Any] = {"num_fewshot": 2, "limit": 1, "fewshot_as_multiturn": True}
    simple_evaluate(model, tasks=[task], task_manager=manager, apply_chat_template=True, bootstrap_iters=0, **options)
    said = [turn["content"] for turn in json.loads(model.asked[0].args[0]) if turn["role"] == "assistant"]
    assert len(said) == 2
    assert all(re.fullmatch(r"<answer>-?[0-9]+</answer>", text) for text in said)


def test_metadata_chooses_the_split(made_up: Path) -> None:
    manager = TaskManager(
        include_path=str(TASKS), include_defaults=False, metadata={"data": str(made_up), "split": "train"}
    )
    task = manager.load(["mlpo_bbh_snarks"])["tasks"]["mlpo_bbh_snarks"]
    assert len(task.eval_docs) == 9


@pytest.mark.model
def test_lm_eval_s_own_command_runs_a_real_model(made_up: Path, tmp_path: Path) -> None:
    models = pytest.importorskip("mlpo_bench.engines.models")
    from mlpo_bench.errors import UsageError
    from mlpo_bench.teams import ModelSpec

    try:
        folder = models.resolve(ModelSpec(model=models.DEFAULT_MODEL)).folder
    except UsageError as absent:
        pytest.skip(str(absent))
    command = [sys.executable, "-m", "lm_eval", "run", "--model", "hf", "--model_args", f"pretrained={folder}"]
    command += ["--tasks", "mlpo_bbh_boolean_expressions", "--include_path", str(TASKS), "--apply_chat_template"]
    command += ["--limit", "2", "--gen_kwargs", "max_gen_toks=16", "--device", "cpu", "--output_path", str(tmp_path)]
    command += ["--metadata", json.dumps({"data": str(made_up)}), "--log_samples"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    [path] = tmp_path.rglob("results_*.json")
    scores = json.loads(path.read_text())["results"]["mlpo_bbh_boolean_expressions"]
    assert scores["sample_len"] == 2
    assert 0 <= scores["acc,read"] <= 1 - scores["unread,read"]
