"""Adapters in the transformers engine: beside their base, and several in one run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.engines import Engine, close_engines, models, open_engines
from mlpo_bench.teams import ModelSpec


torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")

from mlpo_bench.engines import hf  # noqa: E402 - after the skip


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import ModuleType

CHATS = [[Message("user", " ".join("abcdefgh"[: n % 8 + 1]))] for n in range(8)]
GREEDY = Sampling(temperature=0, max_tokens=12)
Answers = dict[ModelSpec, list[str]]


@pytest.fixture
def specs(tiny: ModuleType, tiny_folder: Path, tiny_adapter: Path, tmp_path: Path) -> list[ModelSpec]:
    """A base, and the same with either of two adapters."""
    two = tiny.save_adapter(tmp_path / "two", tiny_folder, seed=2)
    base = ModelSpec(model=str(tiny_folder), engine="hf")
    return [base, *(base.model_copy(update={"adapter": str(folder)}) for folder in (tiny_adapter, two))]


def ask_all(specs: Sequence[ModelSpec], sampling: Sampling = GREEDY) -> tuple[Answers, dict[ModelSpec, Engine]]:
    """Open engines for some specs, and ask all of them everything at the same time."""

    async def go() -> tuple[Answers, dict[ModelSpec, Engine]]:
        engines = await open_engines(specs)
        asked = [(spec, n) for n in range(len(CHATS)) for spec in specs]
        made = await asyncio.gather(*(engines[spec].complete(CHATS[n], sampling, n) for spec, n in asked))
        await close_engines(engines)
        said: Answers = {spec: [] for spec in specs}
        for (spec, _), completion in zip(asked, made, strict=True):
            said[spec].append(completion.text)
        return said, engines

    return asyncio.run(go())


def plain_greedy(base: Path, adapter: Path, messages: list[Message], tokenizer: Any, tokens: int) -> str:
    """What peft itself writes for one prompt."""
    from transformers import AutoModelForCausalLM

    model = peft.PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), str(adapter)).eval()
    ids = torch.tensor([tokenizer.ids(messages)])
    out = model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False, pad_token_id=2
    )
    text: str = tokenizer.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
    return text


def test_an_adapter_answers_as_peft_does_and_otherwise_than_its_base(
    specs: list[ModelSpec], tiny_folder: Path, tiny_adapter: Path
) -> None:
    from mlpo_bench.engines.chats import ChatTokens

    said, _ = ask_all(specs[:2])
    chats = ChatTokens.of_folder(tiny_folder)
    assert said[specs[1]] == [plain_greedy(tiny_folder, tiny_adapter, chat, chats, 12) for chat in CHATS]
    assert sum(a == b for a, b in zip(*said.values(), strict=True)) < len(CHATS) / 2


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(temperature=1.0, max_tokens=12)])
def test_two_adapters_and_their_base_in_one_run_do_not_mix(specs: list[ModelSpec], sampling: Sampling) -> None:
    together, _ = ask_all(specs, sampling)
    assert together == {spec: ask_all([spec], sampling)[0][spec] for spec in specs}
    assert len({tuple(said) for said in together.values()}) == 3


def test_facts_tell_the_adapter_and_give_each_an_identity(specs: list[ModelSpec], tiny_folder: Path) -> None:
    _, engines = ask_all(specs)
    plain, one, two = (engines[spec].facts for spec in specs)
    assert (plain.adapter, plain.full_name) == (None, str(tiny_folder))
    assert one.adapter == models.resolve(specs[1]).adapter_facts
    assert one.full_name == specs[1].name == f"{tiny_folder}+{specs[1].adapter}"
    assert (one.revision, one.parameters, one.dtype) == (plain.revision, plain.parameters, plain.dtype)
    assert len({plain.fingerprint, one.fingerprint, two.fingerprint}) == 3


def test_a_deterministic_run_holds_an_adapter_in_float32(specs: list[ModelSpec]) -> None:
    loaded = hf.load(models.resolve(specs[1]), specs[1], deterministic=True)
    assert {parameter.dtype for parameter in loaded._decoder._model.parameters()} == {torch.float32}
    asyncio.run(loaded.close())


def test_specs_that_name_equal_adapters_share_an_engine(specs: list[ModelSpec], tmp_path: Path) -> None:
    (tmp_path / "same").symlink_to(str(specs[1].adapter))
    named_otherwise = specs[1].model_copy(update={"adapter": str(tmp_path / "same")})
    _, engines = ask_all([specs[1], named_otherwise, specs[2]])
    assert engines[specs[1]] is engines[named_otherwise]
    assert engines[specs[1]] is not engines[specs[2]]
