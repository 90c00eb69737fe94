"""Weights that cannot be loaded are told of in a sentence."""

from __future__ import annotations

import asyncio
import json
import shutil
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


def changed(folder: Path, tiny_folder: Path, weights: dict[str, Any], **config: object) -> ModelSpec:
    """Save a copy of the tiny model with other weights and another configuration."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(tiny_folder, folder)
    held = load_file(folder / "model.safetensors") | weights
    save_file(held, folder / "model.safetensors", metadata={"format": "pt"})
    told = json.loads((folder / "config.json").read_text()) | config
    (folder / "config.json").write_text(json.dumps(told))
    return ModelSpec(model=str(folder), engine="hf")


@pytest.mark.parametrize("size", [20, 30])
def test_weights_of_other_shapes_than_the_configuration_tells_are_told_of(
    size: int, tiny_folder: Path, tmp_path: Path
) -> None:
    spec = changed(tmp_path / "m", tiny_folder, {}, vocab_size=size)
    told = rf"lm_head\.weight is 24 x 32, and would have to be {size} x 32 and 1 more; take both from the same place"
    with pytest.raises(UsageError, match=told):
        hf.load(models.resolve(spec), spec)


def test_weights_that_have_no_place_are_noted(tiny_folder: Path, tmp_path: Path) -> None:
    """Such as layers beyond those of a damaged configuration, biases, or a half-merged adapter."""
    spec = changed(tmp_path / "m", tiny_folder, {"model.layers.0.self_attn.q_proj.bias": torch.ones(32)})
    assert hf.load(models.resolve(spec), spec).facts.note == (
        "weights without a place in what its config.json tells are left out: model.layers.0.self_attn.q_proj.bias"
    )
    whole = ModelSpec(model=str(tiny_folder), engine="hf")
    assert hf.load(models.resolve(whole), whole).facts.note == ""
    tied = changed(tmp_path / "tied", tiny_folder, {}, tie_word_embeddings=True)
    assert hf.load(models.resolve(tied), tied).facts.note == ""


def test_a_context_that_a_configuration_leaves_out_is_that_of_its_kind(tiny_folder: Path, tmp_path: Path) -> None:
    spec = changed(tmp_path / "m", tiny_folder, {})
    told = json.loads((tmp_path / "m" / "config.json").read_text())
    del told["max_position_embeddings"]
    (tmp_path / "m" / "config.json").write_text(json.dumps(told))
    assert hf.load(models.resolve(spec), spec).facts.context == transformers.LlamaConfig().max_position_embeddings


@pytest.mark.parametrize("decoder", [False, True])
def test_an_encoder_does_not_write(decoder: bool, tiny: ModuleType, tmp_path: Path) -> None:
    """Its head is that of a model that writes; only its configuration tells them apart."""
    config = transformers.BertConfig(
        vocab_size=24, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, is_decoder=decoder,
    )  # fmt: skip
    transformers.BertLMHeadModel(config).save_pretrained(tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path)
    spec = ModelSpec(model=str(tmp_path), engine="hf")
    if decoder:
        assert hf.load(models.resolve(spec), spec).facts.context == 64
        return
    with pytest.raises(UsageError, match=r"it is an encoder \(bert\), which fills in texts"):
        hf.load(models.resolve(spec), spec)


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
