"""Questions of our own, laid out as the suites are published, and teams that answer from scripts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest


if TYPE_CHECKING:
    from pathlib import Path

PER_SUBJECT = 11


def _bbh(folder: Path) -> None:
    from mlpo_bench.questions import SUITES

    folder.mkdir(parents=True)
    for subject in SUITES["bbh"].subjects:
        examples = [
            {"input": f"Made up for {subject}, number {n}: is {n} even?", "target": _gold(subject, n)}
            for n in range(PER_SUBJECT)
        ]
        (folder / f"{subject}.json").write_text(json.dumps({"canary": "-", "examples": examples}))


def _gold(subject: str, n: int) -> str:
    golds = {
        "boolean_expressions": ("True", "False"),
        "formal_fallacies": ("valid", "invalid"),
        "sports_understanding": ("yes", "no"),
        "causal_judgement": ("Yes", "No"),
        "navigate": ("Yes", "No"),
        "web_of_lies": ("Yes", "No"),
        "multistep_arithmetic_two": (str(n), str(-n)),
        "object_counting": (str(n), str(n + 1)),
        "word_sorting": ("ant bee cat", "dog eel fox"),
        "dyck_languages": ("] ]", ") >"),
    }
    return golds.get(subject, ("(A)", "(B)"))[n % 2]


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose BBH is made up: 11 questions for each of the 27 subtasks, of which 2 are tested."""
    data = tmp_path_factory.mktemp("data")
    _bbh(data / "bbh")
    return data


SCRIPT = r"""
- when: 'You lead a group'
  say: ["<think>Let me see.</think><answer>(A)</answer>", "<think>Hm.</think><answer>Yes</answer>"]
- when: 'Your last attempt'
  say: ["I stay with it. The answer is (A).", "I was wrong. The answer is (B)."]
- say: ["The answer is (A).", "The answer is (B).", "The answer is Yes.", "I cannot tell."]
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script whose answers depend on what is asked and on the seed alone."""
    path = tmp_path / "script.yaml"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def team_file(tmp_path: Path, script: Path) -> Path:
    """A team of a leader and three peers that answer from the script."""
    path = tmp_path / "team.yaml"
    path.write_text(
        f"leader: {{model: {script}, engine: scripted}}\npeers:\n  - {{model: {script}, engine: scripted, count: 3}}\n"
    )
    return path
