"""What the tests of runs share: runs carried out in this process, and teams that answer by scripts or by functions."""

from __future__ import annotations

import asyncio
import copy
import functools
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.engines.scripted import ScriptedEngine
from mlpo_bench.harness.suite import Suite
from mlpo_bench.log import RunDirectory
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.runs.runner import run_cells


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from mlpo_bench.chat import Message, Sampling
    from mlpo_bench.dispatch import Tally
    from mlpo_bench.log.records import Record
    from mlpo_bench.log.results import CellResult
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.teams import ModelSpec

    Answer = Callable[[Sequence[Message], Sampling, int], str]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what runs learn of models' speeds out of the person's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _suites_loaded_once() -> Iterator[None]:
    """Load equal suites once for all tests: that takes longer than most of their runs."""
    load = functools.cache(Suite)

    def loaded(name: str, **settings: Any) -> Suite:
        suite = copy.copy(load(name, **settings))
        suite.configs = {}
        return suite

    with pytest.MonkeyPatch.context() as patch:
        for module in ("runner", "calibration"):
            patch.setattr(f"mlpo_bench.runs.{module}.Suite", loaded)
        yield


class Listening:
    """Takes note of what is said of a run."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def begin(self, cells: Sequence[Cell], questions: Mapping[str, int], tally: Tally) -> None:
        pass

    def conversed(self, cell: Cell, record: Record) -> None:
        pass

    def scored(self, result: CellResult) -> None:
        pass


class Runs:
    """Carries out runs over a few questions in this process, each with a store of its own unless one is named."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder = folder
        self.data = data
        self.said: list[str] = []
        """What was said of the last run."""

    def config(self, **settings: object) -> RunConfig:
        few = {"suites": ["bbh"], "data": str(self.data), "subjects": ["navigate", "snarks"]}
        return RunConfig.model_validate({**few, **settings})

    async def going(
        self, name: str, *, only: tuple[str, ...] = (), store: str | None = None, add: bool = False, **settings: object
    ) -> RunDirectory:
        run = RunDirectory.for_run(self.config(**settings), self.folder / "runs", name, add=add)
        observer = Listening()
        self.said = observer.said
        await run_cells(run, self.folder / f"{store or name}.sqlite", observer, only)
        return run

    def __call__(self, name: str, **options: Any) -> RunDirectory:
        return asyncio.run(self.going(name, **options))


@pytest.fixture
def carry(tmp_path: Path, made_up: Path) -> Runs:
    """Carry out a run: `carry(name, protocols=[...], team=...)` returns its folder."""
    return Runs(tmp_path, made_up)


@pytest.fixture(scope="module")
def carry_for_all(tmp_path_factory: pytest.TempPathFactory, made_up: Path) -> Runs:
    """As `carry`, for runs that all tests of a file look at."""
    return Runs(tmp_path_factory.mktemp("module"), made_up)


@pytest.fixture
def answer_with(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, int]]:
    """Have a function answer for all models: `answer_with(answer, parameters)` returns how often each was asked.

    With `by_model`, the function is told the model's name first.
    """

    def go(answer: Callable[..., str], parameters: int | None = None, *, by_model: bool = False) -> dict[str, int]:
        asked: dict[str, int] = {}

        def engine(spec: ModelSpec) -> ScriptedEngine:
            def counted(messages: Sequence[Message], sampling: Sampling, seed: int) -> str:
                asked[spec.model] = asked.get(spec.model, 0) + 1
                return answer(*([spec.model] if by_model else []), messages, sampling, seed)

            made = ScriptedEngine(counted, name=spec.model, fingerprint=spec.model)
            made._facts = replace(made.facts, parameters=parameters)
            return made

        async def open_engines(specs: Iterable[ModelSpec], **_: object) -> dict[ModelSpec, ScriptedEngine]:
            return {spec: engine(spec) for spec in specs}

        monkeypatch.setattr("mlpo_bench.runs.runner.open_engines", open_engines)
        return asked

    return go


@pytest.fixture(scope="session")
def own_text() -> Callable[[str], Answer]:
    """Make an answer that writes a text of its own for each request, and ends it with one of some words."""

    def ending_with(words: str) -> Answer:
        def answer(messages: Sequence[Message], _: Sampling, seed: int) -> str:
            content = "\n".join(f"{m.role}: {m.content}" for m in messages)
            digest = hashlib.sha256(f"{seed}\n{content}".encode()).hexdigest()
            filled = "word " * (int(digest[:2], 16) % 9)
            return f"Text {digest[:16]} {filled}The answer is {words.split()[int(digest, 16) % len(words.split())]}."

        return answer

    return ending_with


_OWN_WAYS = {
    "bold": ["yes", "no", "(A)", "(B)", "(A)"],
    "meek": ["no", "no", "yes", "(B)", "(C)"],
    "odd": ["(A)", "(B)", "perhaps", "yes", "no", "no"],
}


@pytest.fixture(scope="module")
def mixed_team(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A team of a leader and three peers by three scripts whose texts depend on the seed, as a configuration has it."""
    folder = tmp_path_factory.mktemp("scripts")
    for name, answers in _OWN_WAYS.items():
        say = {
            "<choice>": [f"{name}: <choice>{n}</choice>" for n in (1, 2, 3, 1)],
            "You lead": [f"<think>{name} {n}</think><answer>{answer}</answer>" for n, answer in enumerate(answers)],
            "last attempt": [f"{name} looks again, {n}. The answer is {answer}." for n, answer in enumerate(answers)],
            "": [f"{name} says {n}: the answer is {answer}." for n, answer in enumerate(answers * 2)],
        }
        rules = "".join(f"- when: {when!r}\n  say: {texts!r}\n" for when, texts in say.items())
        (folder / f"{name}.yaml").write_text(rules)
    bold, meek, odd = ({"model": str(folder / f"{name}.yaml"), "engine": "scripted"} for name in _OWN_WAYS)
    return {"leader": bold, "peers": [meek, odd | {"persona": "You doubt."}, meek]}
