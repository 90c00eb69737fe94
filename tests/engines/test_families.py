"""Models of many families: what one answers in a batch, padded on the left, is what it answers alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Completion, Message, Sampling
from mlpo_bench.engines.base import ModelFacts
from mlpo_bench.engines.chats import ChatTokens


torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from mlpo_bench.engines import hf  # noqa: E402 - after the skip


if TYPE_CHECKING:
    from types import ModuleType

CHATS = [[Message("user", " ".join("abcdefghijklmn"[:n]))] for n in (1, 14, 3, 9)]
SHARED = {"vocab_size": 24, "bos_token_id": 1, "eos_token_id": None, "pad_token_id": None, "initializer_range": 0.5}
LLAMA_LIKE = {
    **SHARED, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 64,
}  # fmt: skip
FAMILIES: dict[str, dict[str, Any]] = {
    "Llama": LLAMA_LIKE,
    "Qwen2": LLAMA_LIKE,
    "Qwen3": {**LLAMA_LIKE, "head_dim": 8},
    "Mistral": {**LLAMA_LIKE, "sliding_window": 8},
    "Gemma2": {**LLAMA_LIKE, "head_dim": 8, "sliding_window": 8, "query_pre_attn_scalar": 8},
    "Phi": {**LLAMA_LIKE, "num_key_value_heads": 4},
    "GPTNeoX": {**SHARED, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4},
    "GPT2LMHead": {**SHARED, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64},
    "Mamba": {**SHARED, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "time_step_rank": 4},
    "FalconMamba": {**SHARED, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "time_step_rank": 4},
    "OPT": {
        **SHARED, "hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "word_embed_proj_dim": 32, "max_position_embeddings": 64,
    },
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_answers_as_each_alone(family: str, tiny: ModuleType) -> None:
    torch.manual_seed(0)
    settings = {name: value for name, value in FAMILIES[family].items() if name != "initializer_range"}
    name = family.removesuffix("LMHead")
    config = getattr(transformers, f"{name}Config")(**settings)
    model = getattr(transformers, f"{family}Model" if name != family else f"{name}ForCausalLM")(config).eval()
    with torch.no_grad():
        for weights in model.parameters():
            weights.normal_(0, 0.3)
    tokenizer = tiny.tokenizer()
    tokenizer.eos_token = None
    facts = ModelFacts(family, "hf", "1", "float32", 64)
    drawn = Sampling(temperature=1.0, max_tokens=12)  # a random model's likeliest words are always the same

    async def asked(rows: int) -> list[Completion]:
        engine = hf.HFEngine(model, ChatTokens(tokenizer), facts, batch_rows=rows)
        made = await asyncio.gather(*(engine.complete(chat, drawn, seed) for seed, chat in enumerate(CHATS)))
        return list(made)

    together, alone = asyncio.run(asked(8)), asyncio.run(asked(1))
    assert [one.text for one in together] == [one.text for one in alone]
    assert len({one.text for one in alone}) > 1
