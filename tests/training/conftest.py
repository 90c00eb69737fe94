"""Trainings over a few made-up questions in this process, their models scripted."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Sampling
from mlpo_bench.training import overlap
from mlpo_bench.training.folder import TrainingFolder, Work
from mlpo_bench.training.recipe import Recipe
from mlpo_bench.training.rows import Opening, Prompt, Sample, Trace, write_rows
from mlpo_bench.training.stages import DATA, left, run_stages


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType


SCRIPT = r"""
- when: 'two answers to it that you wrote'
  say:
    - <think>First (A). No, wait. It must be yes.</think><answer>Yes</answer>
    - <think>First yes. No, wait. It must be no.</think><answer>No</answer>
- when: 'You lead a group'
  say:
    - <think>Let me see. It is even.</think><answer>Yes</answer>
    - <think>Hm. I would say odd.</think><answer>No</answer>
    - So the answer is No.
    - I cannot tell.
- say: ["The answer is No.", "The answer is Yes.", "<think>Odd.</think>The answer is No.", "I cannot tell."]
"""


@pytest.fixture(scope="session", autouse=True)
def _suites_loaded_once(suites_loaded_once: None) -> None:
    """Load equal suites once for all tests."""


@pytest.fixture(autouse=True)
def _no_other_suites_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold train questions against the made-up suites alone: all others together take seconds to load."""
    monkeypatch.setattr(overlap, "_at_hand", lambda _: {})


@pytest.fixture
def voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The script that all members answer from; its name is part of what they say, and so the same in every test."""
    monkeypatch.chdir(tmp_path)
    path = Path("voice.yaml")
    path.write_text(SCRIPT)
    return path


class Listening:
    """Takes note of what is said of a training."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.counted: dict[str, list[int]] = {}
        self.points: list[dict[str, float]] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def begin(self, what: str, total: int) -> None:
        self.counted[what] = [0, total]

    def advance(self, count: int = 1) -> None:
        next(reversed(self.counted.values()))[0] += count

    def figures(self, points: Sequence[Mapping[str, float]]) -> None:
        self.points = [dict(point) for point in points]


class Trainings:
    """Does the data stages of small trainings: `train("mine", filter=...)` returns the folder."""

    def __init__(self, folder: Path, data: Path, voice: Path) -> None:
        self.folder, self.data, self.voice = folder, data, voice
        self.heard = Listening()

    def recipe(self, name: str, **settings: Any) -> Recipe:
        scripted = {"model": str(self.voice), "engine": "scripted"}
        few = {
            "team": {"leader": scripted, "peers": [{**scripted, "count": 2}, {**scripted, "persona": "You doubt."}]},
            "suites": ["bbh"],
            "questions": {"data": str(self.data), "subjects": ["navigate"]},
            "traces": {"samples": 4},
        }
        return Recipe.model_validate({"name": name, **few, **settings})

    def __call__(
        self, name: str, *, store: str | None = None, until: str = "traces", parent: str = "trainings", **settings: Any
    ) -> Any:
        recipe = self.recipe(name, **settings)
        training = TrainingFolder.for_recipe(recipe, self.folder / parent)
        stages = [stage for stage in recipe.stages if stage in DATA]
        todo = left(training, stages[: stages.index(until) + 1 if until in stages else None])
        self.heard = Listening()
        run_stages(training, todo, self.folder / f"{store or name}.sqlite", self.heard)
        return training


@pytest.fixture
def train(tmp_path: Path, made_up: Path, voice: Path) -> Trainings:
    return Trainings(tmp_path, made_up, voice)


@pytest.fixture(scope="session")
def opening() -> Callable[..., Opening]:
    """Make an opening: what is not named is of no interest."""

    def make(**given: Any) -> Opening:
        plain: dict[str, Any] = {
            "question_id": "bbh/navigate/0",
            "suite": "bbh",
            "subject": "navigate",
            "answer_format": "yes_no",
            "gold": "Yes",
            "text": "Is 0 even?",
            "prompt": "Is 0 even?\n\nEnd with yes or no.",
            "preamble": (),
            "seat": "peer 1",
            "variant": 0,
            "opening": "The answer is yes.",
            "answer": "yes",
            "right": True,
            "cut_off": False,
            "prompt_tokens": 3,
            "completion_tokens": 4,
            "sampling": Sampling(max_tokens=64),
        }
        return Opening(**{**plain, **given})

    return make


@pytest.fixture(scope="session")
def prompt() -> Callable[..., Prompt]:
    """Make a prompt, likewise."""

    def make(**given: Any) -> Prompt:
        plain: dict[str, Any] = {
            "prompt_id": "p0",
            "question_id": "bbh/navigate/0",
            "suite": "bbh",
            "subject": "navigate",
            "answer_format": "yes_no",
            "gold": "Yes",
            "kind": "leader",
            "messages": ({"role": "user", "content": "You lead a group."},),
            "round": 0,
            "variant": 0,
            "order": ("peer 2", "peer 1"),
            "attempts_right": (False, True),
            "sampling": Sampling(max_tokens=64),
        }
        return Prompt(**{**plain, **given})

    return make


@pytest.fixture(scope="session")
def sample() -> Callable[..., Sample]:
    """Make a completion of the leader, likewise."""

    def make(**given: Any) -> Sample:
        plain: dict[str, Any] = {
            "prompt_id": "p0",
            "sample": 0,
            "text": "<think>It is even.</think><answer>Yes</answer>",
            "answer": "yes",
            "right": True,
            "formed": True,
            "cut_off": False,
            "prompt_tokens": 3,
            "completion_tokens": 4,
        }
        return Sample(**{**plain, **given})

    return make


@pytest.fixture(scope="session")
def tiny_leader() -> ModuleType:
    """The module beside this file that makes a tiny leader and its prompts (test folders are no packages)."""
    spec = importlib.util.spec_from_file_location("tiny_leader", Path(__file__).with_name("tiny_leader.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tiny_leader"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def base_folder(tiny_leader: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny chat model in safetensors."""
    pytest.importorskip("trl")
    folder: Path = tiny_leader.save(tmp_path_factory.mktemp("base"))
    return folder


class Lessons:
    """Trains a tiny leader: `train("mlpo", steps=3)` does a stage of a training whose data are at hand."""

    def __init__(self, folder: Path, base: Path, prompts: Sequence[Prompt], traces: Sequence[Trace]) -> None:
        self.folder, self.base, self.prompts, self.traces = folder, base, prompts, traces
        self.heard = Listening()

    def recipe(self, name: str = "lessons", **settings: Any) -> Recipe:
        peer = {"model": str(self.base)}
        few: dict[str, Any] = {
            "team": {"leader": peer, "peers": [peer]},
            "suites": ["bbh"],
            "method": "mlpo",
            "adapter": {"rank": 2},
            "sft": {"epochs": 1, "batch": 2, "learning_rate": 1e-2, "save_every": 1},
            "mlpo": {"steps": 3, "generations": 2, "prompts_per_step": 2, "max_tokens": 8, "learning_rate": 1e-2},
        }
        few["mlpo"] |= {"gradient_checkpointing": False, "save_every": 1, **settings.pop("mlpo", {})}
        few["sft"] |= {"gradient_checkpointing": False, **settings.pop("sft", {})}
        return Recipe.model_validate({"name": name, **few, **settings})

    def training(self, name: str = "lessons", **settings: Any) -> TrainingFolder:
        training = TrainingFolder.for_recipe(self.recipe(name, **settings), self.folder / "trainings")
        write_rows(training.prompts, Prompt, self.prompts)
        write_rows(training.traces, Trace, self.traces)
        return training

    def __call__(self, stage: str, training: TrainingFolder, *, resumed: bool = False) -> Work:
        work = Work(resumed=resumed)
        self.heard = Listening()
        importlib.import_module(f"mlpo_bench.training.{stage}").run(
            training, work, self.folder / "store.sqlite", self.heard
        )
        return work


@pytest.fixture
def lessons(tmp_path: Path, base_folder: Path, tiny_leader: ModuleType) -> Lessons:
    prompts = [tiny_leader.prompt(n) for n in range(4)]
    traces = [
        Trace(p.prompt_id, p.question_id, p.messages, f"<think>So.</think><answer>{p.gold}</answer>", "kept")
        for p in prompts
    ]
    return Lessons(tmp_path, base_folder, prompts, traces)


@pytest.fixture
def odd_lengths_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reward completions of an odd number of characters: something that a leader with random weights can learn."""
    from mlpo_bench.training import libraries, rewards

    def earned(prompts: Sequence[Prompt], texts: Sequence[str], cut_off: Sequence[bool]) -> list[rewards.Earned]:
        assert len(prompts) == len(texts) == len(cut_off)
        return [rewards.Earned(right=float(len(text) % 2), formed=0.0) for text in texts]

    libraries.trl()
    monkeypatch.setattr("mlpo_bench.training.leader_trainer.earned", earned)
