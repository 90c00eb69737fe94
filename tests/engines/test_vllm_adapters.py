"""Adapters in vLLM: merged where it would mix them up, beside their base where it does not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mlpo_bench.chat import Completion, Message, Sampling, Usage
from mlpo_bench.engines import Engine, ModelFacts, close_engines, models, open_engines, vllm_adapters
from mlpo_bench.errors import UsageError
from mlpo_bench.teams import ModelSpec


pytest.importorskip("vllm")
pytest.importorskip("peft")


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import ModuleType

CHATS = [[Message("user", " ".join("abcdefgh"[: n % 8 + 1]))] for n in range(8)]
GREEDY = Sampling(temperature=0, max_tokens=12)
Answers = list[list[str]]


@pytest.fixture(scope="module")
def base(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with heads of a size that vLLM has."""
    folder: Path = tiny.save(tmp_path_factory.mktemp("heads") / "base", hidden_size=64, num_attention_heads=2)
    return folder


@pytest.fixture(scope="module")
def folders(tiny: ModuleType, base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("adapters")
    return [tiny.save_adapter(place / f"seed-{seed}", base, seed=seed) for seed in (1, 3)]


def specs_of(base: Path, folders: list[Path], engine: str) -> list[ModelSpec]:
    """The base, and the same with either adapter: in float32, so that engines agree to the letter."""
    plain = ModelSpec.model_validate({"model": str(base), "engine": engine, "dtype": "float32"})
    return [plain, *(plain.model_copy(update={"adapter": str(folder)}) for folder in folders)]


async def each_alone(engines: list[Engine]) -> Answers:
    return [[(await engine.complete(chat, GREEDY, 0)).text.strip() for chat in CHATS] for engine in engines]


async def all_at_once(engines: list[Engine]) -> Answers:
    made = await asyncio.gather(*(engine.complete(chat, GREEDY, 0) for chat in CHATS for engine in engines))
    return [[completion.text.strip() for completion in made[n :: len(engines)]] for n in range(len(engines))]


@pytest.fixture(scope="module")
def expected(base: Path, folders: list[Path]) -> Answers:
    """What transformers and peft answer: by the base, and by either adapter."""

    async def go() -> Answers:
        engines = await open_engines(specs_of(base, folders, "hf"))
        answers = await each_alone(list(engines.values()))
        await close_engines(engines)
        return answers

    answers = asyncio.run(go())
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert sum(a != b for a, b in zip(answers[one], answers[other], strict=True)) >= len(CHATS) / 2
    return answers


@pytest.mark.model
def test_two_adapters_in_one_run_answer_as_peft_does_and_do_not_mix(
    base: Path, folders: list[Path], expected: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    async def go() -> Answers:
        engines = await open_engines(specs_of(base, folders, "vllm")[1:])
        answers = await all_at_once(list(engines.values()))
        assert all(engine.facts.adapter for engine in engines.values())
        await close_engines(engines)
        return answers

    assert asyncio.run(go()) == expected[1:]


@pytest.mark.model
def test_one_process_gives_each_request_its_adapter(
    base: Path, folders: list[Path], expected: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU. On a CPU only one at a time, for there requests without an adapter are mixed up with others."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(vllm_adapters, "served_beside", lambda *_, **__: True)
    monkeypatch.setattr(vllm_adapters, "check_apart", lambda _: asyncio.sleep(0))

    async def go() -> Answers:
        engines = await open_engines(specs_of(base, folders, "vllm"))
        plain, one, two = engines.values()
        answers = await each_alone([plain, one, two])
        await plain.close()
        again = await each_alone([one])  # the process lives as long as anybody uses it
        await one.close()
        await two.close()
        return [*answers, *again]

    assert asyncio.run(go()) == [*expected, expected[1]]


def test_what_vllm_cannot_change_beside_other_requests_is_merged_everywhere(
    tiny: ModuleType, base: Path, folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vllm.platforms import current_platform

    monkeypatch.setattr(type(current_platform), "is_cpu", lambda _: False)
    more: list[dict[str, object]] = [
        {"use_dora": True}, {"modules_to_save": ["lm_head"]}, {"target_modules": ["q_proj", "embed_tokens"]},
        {"target_modules": ["lm_head"]}, {"r": 600},
    ]  # fmt: skip
    made = [tiny.save_adapter(tmp_path / str(n), base, **settings) for n, settings in enumerate(more)]
    found = [models.resolve(spec).adapter for spec in specs_of(base, [*folders, *made], "vllm")[1:]]
    assert [adapter and vllm_adapters.served_beside(adapter) for adapter in found] == [True, True, *[False] * len(more)]
    monkeypatch.setattr(type(current_platform), "is_cpu", lambda _: True)
    assert not any(adapter and vllm_adapters.served_beside(adapter) for adapter in found)


def test_vllm_is_told_of_the_adapters_that_are_not_merged(
    tiny: ModuleType, base: Path, folders: list[Path], tmp_path: Path
) -> None:
    wide = tiny.save_adapter(tmp_path / "wide", base, r=12, rank_pattern={"up_proj": 20})
    plain, one, two = (models.resolve(spec) for spec in specs_of(base, [folders[0], wide], "vllm"))
    assert vllm_adapters.settings([plain]) == {}
    assert vllm_adapters.settings([plain, one]) == {"enable_lora": True, "max_loras": 1, "max_lora_rank": 8}
    assert vllm_adapters.settings([one, two]) == {"enable_lora": True, "max_loras": 2, "max_lora_rank": 32}
    assert vllm_adapters.request(plain, 1) is None
    assert one.adapter is not None
    asked = vllm_adapters.request(one, 2)
    assert (asked.name, asked.adapter_id, asked.path) == (one.adapter.revision, 2, str(folders[0]))


class Process:
    """Answers for several models; where it `mixes`, the last one in flight reads the prompts of all that it forgot."""

    def __init__(self, *, mixes: bool) -> None:
        self.mixes = mixes
        self.in_flight: list[int] = []
        self.read_by: dict[tuple[int, str], int] = {}


class Sharing:
    """A model of a process."""

    def __init__(self, number: int, process: Process) -> None:
        self.facts = ModelFacts(f"model {number}", "vllm", "1", "float32", 64)
        self._number, self._process = number, process

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        del sampling, seed
        process, asked = self._process, messages[0].content
        process.in_flight.append(self._number)
        await asyncio.sleep(0)
        reader = max(process.in_flight) if process.mixes else self._number
        who = process.read_by.setdefault((self._number, asked), reader)
        process.in_flight.remove(self._number)
        return Completion(f"{who} {asked}", Usage(), "stop", 0.0)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return len(messages)

    async def forget(self) -> None:
        self._process.read_by.clear()

    async def close(self) -> None:
        """Nothing was started."""


def test_a_process_that_mixes_its_models_up_is_found_out() -> None:
    def check(numbers: Sequence[int], *, mixes: bool) -> None:
        process = Process(mixes=mixes)
        asyncio.run(vllm_adapters.check_apart([Sharing(number, process) for number in numbers]))

    check([0, 1, 2], mixes=False)
    check([1, 1], mixes=True)  # they answer alike, so that nothing can be told, or matters
    with pytest.raises(UsageError, match=r"mixes up adapters .* model 0 gave another's answer to 1\d of 16 questions"):
        check([0, 1, 2], mixes=True)
