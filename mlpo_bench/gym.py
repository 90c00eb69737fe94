"""reasoning-gym, which makes questions from a seed and judges answers to them: the one door to that package.

It is imported when first needed, as it brings sympy and matplotlib. Its import draws from Python's global generator of
random numbers, whose state is put back: what a run samples must not depend on whether this suite is asked.

Only tasks whose judge compares texts or numbers may be asked through this door. Some others hand an answer to sympy's
parser, which evaluates it as Python: a model's text must never get there.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import json
import logging
import random
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Iterator


PACKAGE = "reasoning-gym"
_RIGHT = 1.0
_REMEMBERED = 1 << 14


@dataclass(frozen=True, slots=True)
class Gold:
    """Where an exercise is found again, which its judge needs whole, and the package's own answer to it.

    As text it is compact JSON. `size` is that of the series that `index` counts in; `seed` is the series'.
    """

    task: str
    seed: int
    size: int
    index: int
    answer: str

    def __str__(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Gold:
        """Return what `str` wrote."""
        return cls(**json.loads(text))


def make(task: str, seed: int, size: int, index: int) -> tuple[str, Gold]:
    """Return a question's text and its gold answer, the same ones whenever the package's version is the same.

    Raises:
        UsageError: The package is not installed.
    """
    exercise = _exercise(task, seed, size, index)
    return exercise["question"], Gold(task, seed, size, index, exercise["answer"])


def right(gold: Gold, answer: str) -> bool:
    """Return whether the package gives an answer its full score; one that its judge stumbles over is wrong.

    Raises:
        UsageError: The package is not installed, or its version makes another exercise than the one that was asked.
    """
    exercise = _exercise(gold.task, gold.seed, gold.size, gold.index)
    if exercise["answer"] != gold.answer:
        raise UsageError(
            f"{PACKAGE} {version()} makes other exercises of {gold.task} than the version that made these questions: "
            "install the version that the run's manifest names."
        )
    with contextlib.suppress(Exception):
        return bool(_series(gold.task, gold.seed, gold.size).score_answer(answer, exercise) == _RIGHT)
    return False


def version() -> str:
    """Return the package's version, on which every exercise depends.

    Raises:
        UsageError: The package is not installed.
    """
    _library()
    return importlib.metadata.version(PACKAGE)


@functools.lru_cache(maxsize=_REMEMBERED)
def _exercise(task: str, seed: int, size: int, index: int) -> dict[str, Any]:
    exercise: dict[str, Any] = _series(task, seed, size)[index]
    return exercise


@functools.lru_cache(maxsize=128)
def _series(task: str, seed: int, size: int) -> Any:  # noqa: ANN401 - the package's own, untyped here
    return _library().create_dataset(task, seed=seed, size=size)


@functools.cache
def _library() -> Any:  # noqa: ANN401 - a module without types
    try:
        with _contained():
            import reasoning_gym
    except ImportError as error:
        raise UsageError(
            f"the questions of reasoning_gym are made by {PACKAGE}, which cannot be imported ({error}): "
            'pip install "mlpo-bench[gym]".'
        ) from error
    return reasoning_gym


@contextlib.contextmanager
def _contained() -> Iterator[None]:
    """Put the global random state back, and keep off the screen what matplotlib tells of its caches."""
    state, log = random.getstate(), logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
        random.setstate(state)
