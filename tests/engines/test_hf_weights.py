"""Weights that cannot be loaded are told of in a sentence."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.engines import hf, hf_weights, models
from mlpo_bench.engines.spec import ModelSpec
from mlpo_bench.errors import UsageError


torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


@pytest.mark.parametrize(
    "lack", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("CUDA error: out of memory\nSearch for ...")]
)
@pytest.mark.parametrize("when", ["from_pretrained", "to"])
def test_a_device_that_is_full_is_told_of(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, when: str, lack: Exception
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise lack

    owner = transformers.AutoModelForCausalLM if when == "from_pretrained" else transformers.PreTrainedModel
    monkeypatch.setattr(owner, when, full)
    spec = ModelSpec(model=str(tiny_folder))
    with pytest.raises(UsageError, match=r"does not fit the memory that is free .*device_map: auto"):
        hf_weights.load(models.resolve(spec), spec, "float32")


def test_a_model_that_sees_pictures_as_well_answers_in_words(tiny: ModuleType, tmp_path: Path) -> None:
    text = {
        "model_type": "mistral", "vocab_size": 24, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "eos_token_id": 2,
    }  # fmt: skip
    sight = {
        "model_type": "pixtral", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16, "image_size": 16, "patch_size": 4,
    }  # fmt: skip
    config = transformers.Mistral3Config(text_config=text, vision_config=sight, image_token_index=23)
    transformers.Mistral3ForConditionalGeneration(config).save_pretrained(tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path)
    spec = ModelSpec(model=str(tmp_path), engine="hf")
    engine = hf.load(models.resolve(spec), spec)
    made = asyncio.run(engine.complete([Message("user", "a b")], Sampling(temperature=0, max_tokens=4), 0))
    asyncio.run(engine.close())
    assert made.usage.completion == 4 or made.finish_reason == "stop"
    assert engine.facts.context == 64
