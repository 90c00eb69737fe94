from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.teams import ModelSpec
from mlpo_bench.training.recipe import Recipe
from mlpo_bench.training.sections import Adapter
from mlpo_bench.training.sizes import Load, Shape, memory, operations, shape


LOAD = Load(sequences=2, length=100, completion=40, checkpointing=True)


def recipe(**changes: Any) -> Recipe:
    return Recipe.model_validate({"name": "a", **changes})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("tiny")
    config = LlamaConfig(
        vocab_size=50, hidden_size=32, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=False,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def test_a_folder_tells_its_shape(tiny: Path) -> None:
    from transformers import AutoModelForCausalLM

    found = shape(ModelSpec(model=str(tiny)))
    assert found is not None
    assert found.parameters == AutoModelForCausalLM.from_pretrained(tiny).num_parameters()
    assert (found.width, found.layers, found.vocabulary) == (32, 3, 50)


@pytest.mark.parametrize("targets", ["all-linear", ("q_proj", "v_proj"), ("down_proj",)])
def test_an_adapter_is_as_large_as_peft_makes_it(tiny: Path, targets: Any) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    adapter = Adapter(rank=4, targets=targets)
    names = targets if targets == "all-linear" else list(targets)
    made = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny), LoraConfig(r=4, target_modules=names))
    found = shape(ModelSpec(model=str(tiny)))
    assert found is not None
    assert found.adapted(adapter) == made.get_nb_trainable_parameters()[0]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", 7e9),
        ("meta-llama/Llama-3.1-8B-Instruct", 8e9),
        ("google/gemma-2-9b-it", 9e9),
        ("some/model-360M", 3.6e8),
        ("Qwen/Qwen3-0.6B", 6e8),
    ],
)
def test_a_name_may_tell_a_size(name: str, size: float) -> None:
    found = shape(ModelSpec(model=name))
    assert found is not None
    assert (found.parameters, found.known) == (size, False)


def test_of_some_models_nothing_is_known(tmp_path: Path) -> None:
    assert shape(ModelSpec(model="served-name", base_url="http://127.0.0.1:1/v1")) is None
    assert shape(ModelSpec(model=str(tmp_path))) is None


def test_the_memory_of_a_model_that_is_not_at_hand_is_roughly_that_of_one_of_its_size() -> None:
    named = shape(ModelSpec(model="Qwen/Qwen2.5-7B-Instruct"))
    assert named is not None
    published = {"hidden_size": 3584, "num_hidden_layers": 28, "vocab_size": 152_064, "num_attention_heads": 28}
    true = Shape(7.6e9, published | {"num_key_value_heads": 4, "intermediate_size": 18_944})
    for load in (LOAD, Load(2, 8192, 2048, checkpointing=True), Load(1, 4096, 1024, checkpointing=False)):
        rough, exact = (memory(one, recipe(), load, "bfloat16") for one in (named, true))
        assert rough == pytest.approx(exact, rel=0.25)


def test_what_costs_memory(tiny: Path) -> None:
    found = shape(ModelSpec(model=str(tiny)))
    assert found is not None

    def held(load: Load = LOAD, **changes: Any) -> float:
        return memory(found, recipe(**changes), load, "float32")

    lora, full = held(), held(adapter=None)
    assert full - lora == pytest.approx(12 * found.parameters - 16 * found.adapted(Adapter()))
    reference = Load(2, 100, 40, checkpointing=True, reference=True)
    assert held(reference, adapter=None) - full == pytest.approx(4 * found.parameters)
    assert held(reference) == lora  # the adapter is switched off in place of a second model
    assert held(Load(2, 100, 40, checkpointing=False)) > lora
    assert held(Load(4, 100, 40, checkpointing=True)) > lora


def test_training_takes_three_times_the_operations_of_writing() -> None:
    model = Shape(1e9, {})
    assert operations(model, trained=30) == 3 * operations(model, trained=0, written=30) == 6 * 1e9 * 30
