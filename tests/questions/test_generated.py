"""Reasoning Gym's questions: fixed counts, disjoint splits, the same in every process, and nothing else touched."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter

import pytest

from mlpo_bench import gym, questions
from mlpo_bench.errors import UsageError
from mlpo_bench.questions import SUITES, loading, reasoning_gym
from mlpo_bench.questions.splits import fingerprint


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the package one that cannot be imported."""
    for cached in (gym._library, gym._series, gym._exercise):
        monkeypatch.setattr(gym, cached.__name__, cached.__wrapped__)
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    loading.forget()


@pytest.mark.usefixtures("absent")
def test_an_absent_package_is_told_in_one_sentence() -> None:
    with pytest.raises(UsageError, match=r'pip install "mlpo-bench\[gym\]"') as told:
        questions.load("reasoning_gym")
    assert "\n" not in str(told.value)


def test_every_task_has_its_count_and_no_content_stands_twice() -> None:
    pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")
    test, train, everything = (questions.load("reasoning_gym", split).items for split in ("test", "train", "all"))
    suite = SUITES["reasoning_gym"]
    assert Counter(item.subject for item in test) == dict.fromkeys(suite.subjects, reasoning_gym.TESTED)
    assert Counter(item.subject for item in train) == dict.fromkeys(suite.subjects, reasoning_gym.TRAINED)
    assert len({fingerprint(item.text) for item in everything}) == len(everything) == suite.size
    assert len({item.id for item in everything}) == suite.size
    assert all(item.id.split("/")[2].startswith("train-") for item in train)
    assert all(item.id.split("/")[2].isdecimal() for item in test)


def test_the_source_is_the_package_and_its_version() -> None:
    pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")
    source = questions.load("reasoning_gym").source
    assert (source.kind, source.where, source.revision) == ("generator", "reasoning-gym", gym.version())
    assert not source.partial


DIGEST = """
import hashlib, logging, random, sys, warnings
warnings.simplefilter("ignore")
before = random.getstate(), logging.root.level, list(logging.root.handlers)
from mlpo_bench import questions
assert "reasoning_gym" not in sys.modules
items = questions.load("reasoning_gym", "all").items
assert (random.getstate(), logging.root.level, list(logging.root.handlers)) == before
print(hashlib.sha256(repr(tuple(items)).encode()).hexdigest())
"""


def test_the_questions_are_the_same_in_every_process_and_nothing_else_is_touched() -> None:
    pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")
    told = []
    for seed in ("1", "2"):
        code = f"import random; random.seed({seed})\n{DIGEST}"
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        told.append(done.stdout)
    assert told[0] == told[1]
    assert len(told[0].split()) == 1


def test_making_a_question_draws_nothing_from_the_global_generator() -> None:
    pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")
    state = random.getstate()
    made = [gym.make(task, 123, 10, 3) for task in SUITES["reasoning_gym"].subjects]
    assert random.getstate() == state
    random.seed(0)
    gym._exercise.cache_clear()
    assert [gym.make(task, 123, 10, 3) for task in SUITES["reasoning_gym"].subjects] == made
