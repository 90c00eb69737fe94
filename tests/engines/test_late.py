"""Engines that start when they are first asked, and what is noted of them until then."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.engines import ModelFacts, ModelSpec, ScriptedEngine, close_engines, open_when_asked
from mlpo_bench.engines.late import LateEngine, LateStart, start_of
from mlpo_bench.errors import EngineError, Stopped, UsageError


ASKED = [Message("user", "the cat")]
GREEDY = Sampling(temperature=0, max_tokens=4)
SPEC = ModelSpec(model="one", engine="hf")


@pytest.fixture
def spec(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    """A model of this test's own, in a cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return ModelSpec(model=str(shutil.copytree(tiny_folder, tmp_path / "model")), engine="hf")


async def facts_of(spec: ModelSpec, **options: Any) -> ModelFacts:
    engines = await open_when_asked([spec], **options)
    assert not isinstance(engines[spec], LateEngine)
    await close_engines(engines)
    return engines[spec].facts


def test_a_model_that_was_started_before_is_started_when_it_is_asked(spec: ModelSpec) -> None:
    said: list[str] = []

    async def go() -> None:
        at_once = await open_when_asked([spec])
        made = await at_once[spec].complete(ASKED, GREEDY, 0)
        engines = await open_when_asked([spec], on_event=said.append)
        late = engines[spec]
        assert isinstance(late, LateEngine)
        assert late.facts == at_once[spec].facts
        assert (late.engine, said) == (None, [])
        with pytest.raises(EngineError, match="has not been started"):
            late.count_tokens(ASKED)
        again = await late.complete(ASKED, GREEDY, 0)
        assert (again.text, again.usage) == (made.text, made.usage)
        assert late.count_tokens(ASKED) == at_once[spec].count_tokens(ASKED)
        assert any("engine hf" in word for word in said)
        await close_engines({**engines, SPEC: at_once[spec]})

    asyncio.run(go())


def change_template(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "added": 1}))


def change_advice(folder: Path) -> None:
    (folder / "generation_config.json").write_text('{"temperature": 0.3}')


def change_weights(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights = load_file(path)
    weights["model.norm.weight"] += 1
    save_file(weights, path, metadata={"format": "pt"})


@pytest.mark.parametrize("change", [change_template, change_advice, change_weights])
def test_a_model_whose_files_have_changed_is_started_at_once(spec: ModelSpec, change: Any) -> None:
    asyncio.run(facts_of(spec))
    change(Path(spec.model))
    asyncio.run(facts_of(spec))


def test_what_is_asked_of_a_model_otherwise_starts_it_at_once(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    first = asyncio.run(facts_of(spec))
    shorter = asyncio.run(facts_of(spec.model_copy(update={"context": 32})))
    assert (first.context, shorter.context) == (64, 32)
    asyncio.run(facts_of(spec, deterministic=True))
    monkeypatch.setattr("mlpo_bench.engines.late._around", lambda: ["another version"])
    asyncio.run(facts_of(spec))


def test_notes_that_cannot_be_read_or_written_start_a_model_at_once(spec: ModelSpec, tmp_path: Path) -> None:
    notes = tmp_path / "cache" / "mlpo-bench" / "facts.json"
    for content in ("", "[]", '{"key": 5}', '{"key": {"name": "without the rest"}}'):
        notes.parent.mkdir(parents=True, exist_ok=True)
        notes.write_text(content)
        asyncio.run(facts_of(spec))
    notes.unlink()
    notes.mkdir()
    asyncio.run(facts_of(spec))


def test_a_model_that_is_not_what_it_was_is_told(spec: ModelSpec, tmp_path: Path) -> None:
    asyncio.run(facts_of(spec))
    notes = tmp_path / "cache" / "mlpo-bench" / "facts.json"
    notes.write_text(notes.read_text().replace("float32", "bfloat16"))

    async def go() -> None:
        engines = await open_when_asked([spec])
        await engines[spec].complete(ASKED, GREEDY, 0)

    with pytest.raises(UsageError, match=r"not served as it was the last time .*bfloat16.*float32.*same command"):
        asyncio.run(go())

    async def again() -> str:
        engines = await open_when_asked([spec])
        try:
            return (await engines[spec].complete(ASKED, GREEDY, 0)).text
        finally:
            await close_engines(engines)

    assert asyncio.run(again())


class Slow:
    """Starts an engine, which takes a while; counts how often."""

    def __init__(self, fault: Exception | None = None, wait: float = 0.01) -> None:
        self.engine = ScriptedEngine(lambda *_: "yes")
        self.fault, self.wait, self.starts = fault, wait, 0

    async def __call__(self) -> dict[ModelSpec, ScriptedEngine]:
        self.starts += 1
        await asyncio.sleep(self.wait)
        if self.fault:
            raise self.fault
        return {SPEC: self.engine}


def late_of(slow: Slow) -> LateEngine:
    return LateEngine(SPEC, slow.engine.facts, LateStart(slow))


def test_many_who_ask_start_it_once_and_after_its_checks() -> None:
    slow, checked = Slow(), []

    async def go() -> None:
        late = late_of(slow)
        start = start_of([slow.engine, late])
        assert start is late.late
        start.then(lambda: checked.append(late.engine))
        made = await asyncio.gather(*(late.complete(ASKED, GREEDY, n) for n in range(5)))
        assert [one.text for one in made] == ["yes"] * 5
        await late.close()

    asyncio.run(go())
    assert (slow.starts, checked) == (1, [slow.engine])
    assert start_of([slow.engine]) is None


@pytest.mark.parametrize("fault", [UsageError("too large"), EngineError("too large")])
def test_a_start_that_fails_is_the_runs_fault(fault: Exception) -> None:
    slow = Slow(fault)

    async def go() -> list[Any]:
        late = late_of(slow)
        return await asyncio.gather(*(late.start() for _ in range(3)), return_exceptions=True)

    faults = asyncio.run(go())
    assert [type(one) for one in faults] == [UsageError] * 3
    assert {str(one) for one in faults} == {"too large"}
    assert slow.starts == 1


def test_a_start_is_given_up_when_nothing_more_is_to_be_asked() -> None:
    slow = Slow(wait=60)

    async def go() -> None:
        late = late_of(slow)
        asking = asyncio.create_task(late.complete(ASKED, GREEDY, 0))
        await asyncio.sleep(0.01)
        late.halt(Stopped())
        with pytest.raises(Stopped):
            await asking
        with pytest.raises(Stopped):
            await late.start()
        await late.close()

    asyncio.run(asyncio.wait_for(go(), 5))
    assert slow.starts == 1


def test_whoever_waits_for_a_start_ends_as_cancelled_when_all_is_cancelled_at_once() -> None:
    async def go() -> None:
        late = late_of(Slow(wait=60))
        asking = asyncio.create_task(late.start())
        await asyncio.sleep(0.01)
        late.halt(Stopped())
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(asyncio.wait_for(go(), 5))


def test_closing_gives_up_a_start_and_what_was_never_asked_is_never_started() -> None:
    slow, unasked = Slow(wait=60), Slow()

    async def go() -> None:
        await late_of(unasked).close()
        late = late_of(slow)
        asking = asyncio.create_task(late.start())
        await asyncio.sleep(0.01)
        await late.close()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(asyncio.wait_for(go(), 5))
    assert (slow.starts, unasked.starts) == (1, 0)


def test_facts_are_those_of_the_engine_once_it_is_started() -> None:
    slow = Slow()

    async def go() -> None:
        late = LateEngine(SPEC, replace(slow.engine.facts, context=7), LateStart(slow))
        assert late.facts.context == 7
        await late.start()
        assert late.facts == slow.engine.facts

    asyncio.run(go())
