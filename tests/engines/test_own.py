"""Engines of somebody's own: a class is all it takes, and what is wrong with one is said in a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from mlpo_bench.chat import Completion, Message, Sampling
from mlpo_bench.engines import (
    ENGINES,
    Engine,
    EngineKind,
    ModelFacts,
    ModelSpec,
    OpenOptions,
    ScriptedEngine,
    close_engines,
    open_engine,
    open_engines,
)
from mlpo_bench.errors import UsageError


@pytest.fixture(autouse=True)
def _gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other test know of the engines that are defined in these."""
    assert "hf" in ENGINES
    monkeypatch.setattr(ENGINES, "_added", dict(ENGINES._added))


def echo(facts_say: str = "echo", **traits: Any) -> type[EngineKind]:
    class Echo(EngineKind):
        closed: ClassVar[list[str]] = []

        def __init__(self, model: str) -> None:
            self.facts = ModelFacts(model, facts_say, "1", "none", 1_000)

        @classmethod
        async def open(cls, spec: ModelSpec, options: OpenOptions) -> Engine:  # noqa: ARG003
            return cls(spec.model)

        async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
            return await ScriptedEngine(lambda *_: messages[-1].content).complete(messages, sampling, seed)

        def count_tokens(self, messages: Sequence[Message]) -> int:
            return len(messages)

        async def close(self) -> None:
            self.closed.append(self.facts.name)

    return type("Echo", (Echo,), {"name": "echo", "__module__": __name__} | traits)


def test_defining_a_class_registers_it_and_a_spec_names_it() -> None:
    kind = echo()
    assert ENGINES["echo"] is kind is ModelSpec(engine="echo").kind
    spec = ModelSpec(model="m", engine="echo")
    assert not spec.needs_weights
    assert spec.may_be_served_by("echo")
    assert not spec.may_be_served_by("hf")

    async def go() -> str:
        engines = await open_engines([spec])
        done = await engines[spec].complete([Message("user", "Hello")], Sampling(), 0)
        await close_engines(engines)
        return done.text

    assert asyncio.run(go()) == "Hello"
    assert vars(kind.__mro__[1])["closed"] == ["m"]


def test_a_module_names_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "engine_of_a_module.py").write_text(
        "from mlpo_bench.engines.kinds.scripted import Script\nclass Mine(Script):\n    name = 'mine'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = ModelSpec(model="x", engine="engine_of_a_module:Mine")
    assert spec.kind is ENGINES["mine"]
    assert spec.may_be_served_by("mine")
    assert ModelSpec.model_validate(spec.model_dump()) == spec
    with pytest.raises(ValidationError, match="has no 'Nine'; did you mean 'Mine'"):
        ModelSpec(engine="engine_of_a_module:Nine")


@pytest.mark.parametrize("name", ["vlm", "Auto", "", "auto:"])
def test_a_wrong_name_is_said(name: str) -> None:
    with pytest.raises(ValidationError, match=r"no engine is called|named as module:attribute"):
        ModelSpec(engine=name)


def test_what_a_kind_does_not_take_is_said() -> None:
    echo()
    with pytest.raises(ValidationError, match="a base_url goes with engine 'openai', not 'echo'"):
        ModelSpec(engine="echo", base_url="http://h/v1")
    with pytest.raises(ValidationError, match="an adapter changes a model's weights, which engine 'echo' does not"):
        ModelSpec(engine="echo", adapter="a")
    echo(takes_address=True, takes_adapters=True)
    assert ModelSpec(engine="echo", base_url="http://h/v1", adapter="a").kind is ENGINES["echo"]


def test_facts_that_name_another_engine_are_refused_and_the_engine_is_closed() -> None:
    kind = echo(facts_say="vllm")
    with pytest.raises(UsageError, match="the facts of engine 'echo' name the engine 'vllm'"):
        asyncio.run(open_engine(ModelSpec(model="m", engine="echo")))
    assert vars(kind.__mro__[1])["closed"] == ["m"]


def test_a_kind_that_needs_weights_is_given_them(tiny_folder: Path) -> None:
    given: list[OpenOptions] = []
    plain = echo()

    async def opened(spec: ModelSpec, options: OpenOptions) -> Engine:
        given.append(options)
        return await plain.open(spec, options)

    echo(needs_weights=True, open=opened)
    specs = [ModelSpec(model=str(tiny_folder), engine="echo"), ModelSpec(model=str(tiny_folder), engine="hf")]
    assert all(spec.needs_weights for spec in specs)
    asyncio.run(open_engines(specs[:1], deterministic=True))
    (options,) = given
    assert options.weights is not None
    assert options.weights.folder == tiny_folder.resolve()
    assert options.deterministic


def test_auto_is_no_name() -> None:
    with pytest.raises(UsageError, match="an engine cannot be called 'auto'"):
        type("Choice", (EngineKind,), {"name": "auto"})


def test_what_is_no_engine_is_refused() -> None:
    async def nothing(spec: ModelSpec, options: OpenOptions) -> object:  # noqa: ARG001
        return object()

    echo(open=nothing)
    with pytest.raises(UsageError, match="opens something that has no 'facts', 'complete', 'count_tokens', 'close'"):
        asyncio.run(open_engine(ModelSpec(engine="echo")))
