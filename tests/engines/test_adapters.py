"""Adapters: what is one, which base it fits, and that it is known by its content. Every misfit is one sentence."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.engines import adapters, lora, models
from mlpo_bench.engines.base import AdapterFacts, ModelFacts
from mlpo_bench.errors import UsageError
from mlpo_bench.teams import ModelSpec


torch = pytest.importorskip("torch")
pytest.importorskip("peft")
safetensors = pytest.importorskip("safetensors.torch")


if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from mlpo_bench.engines.resolved import ResolvedModel

Weights = dict[str, Any]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def adapter(tiny_adapter: Path, tmp_path: Path) -> Path:
    """A copy of an adapter that fits the tiny model, to be spoilt."""
    return shutil.copytree(tiny_adapter, tmp_path / "mine")


def resolve(base: Path, adapter: Path | str) -> ResolvedModel:
    return models.resolve(ModelSpec(model=str(base), adapter=str(adapter)))


def say(folder: Path, **change: object) -> None:
    path = folder / adapters.CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


def reweigh(folder: Path, change: Any) -> None:
    path = folder / adapters.WEIGHTS
    weights: Weights = safetensors.load_file(path)
    safetensors.save_file(change(weights), path)


def test_a_folder_is_known_by_its_content_wherever_it_lies(tiny_folder: Path, adapter: Path, tmp_path: Path) -> None:
    found = resolve(tiny_folder, adapter).adapter
    assert found is not None
    assert (found.name, found.rank, found.made_for) == (str(adapter), 4, str(tiny_folder))
    moved = shutil.copytree(adapter, tmp_path / "elsewhere")
    (moved / "README.md").write_text("a card")
    assert adapters.find(str(moved)).revision == found.revision
    reweigh(moved, lambda weights: {name: weight + 1e-6 for name, weight in weights.items()})
    assert adapters.find(str(moved)).revision != found.revision
    say(adapter, lora_alpha=9)
    assert adapters.find(str(adapter)).revision != found.revision


def test_an_adapter_is_part_of_a_models_identity_and_changes_none_without_one() -> None:
    plain = ModelFacts("m", "hf", "sha256:1", "float32", 64)
    assert plain.fingerprint == "m|sha256:1|float32|hf"
    one, same, two = (
        ModelFacts("m", "hf", "sha256:1", "float32", 64, adapter=AdapterFacts(name, revision))
        for name, revision in (("here", "sha256:2"), ("there", "sha256:2"), ("here", "sha256:3"))
    )
    assert one.fingerprint == same.fingerprint
    assert len({plain.fingerprint, one.fingerprint, two.fingerprint}) == 3


def test_a_hub_id_that_is_cached_is_found_offline(
    tiny_folder: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = tmp_path / "hub" / "models--some--leader"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("0" * 40)
    (repo / "snapshots").mkdir()
    (repo / "snapshots" / ("0" * 40)).symlink_to(adapter)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    found = resolve(tiny_folder, "some/leader").adapter
    assert found is not None
    assert (found.name, found.revision) == ("some/leader", adapters.find(str(adapter)).revision)


def test_what_is_no_adapter_is_refused_with_what_to_do(tiny_folder: Path, adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"no such adapter: .*did you mean '{adapter}'"):
        resolve(tiny_folder, tmp_path / "mime")
    with pytest.raises(UsageError, match="is a whole model, no adapter: name it as `model`"):
        resolve(tiny_folder, tiny_folder)
    with pytest.raises(UsageError, match="is an adapter, no model: name its base as `model`"):
        models.resolve(ModelSpec(model=str(adapter)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"is no adapter: .* holds no adapter_config\.json"):
        resolve(tiny_folder, tmp_path / "empty")
    (adapter / adapters.WEIGHTS).rename(adapter / "adapter_model.bin")
    with pytest.raises(UsageError, match=r"only pickled weights, which can run code.*safe_serialization=True"):
        resolve(tiny_folder, adapter)
    (adapter / "adapter_model.bin").unlink()
    with pytest.raises(UsageError, match=r"holds no adapter_model\.safetensors; save it again"):
        resolve(tiny_folder, adapter)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"peft_type": "PROMPT_TUNING"}, "is of the kind PROMPT_TUNING; only LoRA"),
        ({"task_type": "SEQ_CLS"}, "was trained for SEQ_CLS; a member of a team writes text"),
        ({"bias": "all"}, "was trained with bias='all'"),
        ({"layer_replication": [[0, 1], [0, 2]]}, "was trained with layer_replication; only LoRA"),
        ({"init_lora_weights": "pissa_niter_4"}, "was begun with 'pissa_niter_4', which changes the base"),
        ({"target_modules": ["c_attn"]}, r"does not fit .*: it changes modules called c_attn: Target modules"),
        ({"target_modules": "("}, r"does not fit .*: it changes modules called \(: missing \), unterminated"),
        ({"target_modules": 5}, r"does not fit .*: it changes modules called 5: "),
        ({"r": 8}, r"its lora_A of model\.layers\.0\.\S+ is 4 x \d+, and would have to be 8 x \d+"),
        ({"target_modules": ["q_proj", "up_proj"]}, r"it changes model\.layers\.0\.mlp\.down_proj, which .* not have"),
        (
            {"target_modules": ["q_proj", "up_proj", "down_proj", "k_proj"]},
            r"it holds nothing for model\.layers\.0\.self_attn\.k_proj, which it says that it changes \(and 1 more\)",
        ),
    ],
)
def test_a_configuration_that_cannot_be_used_is_one_sentence(
    tiny_folder: Path, adapter: Path, change: dict[str, object], message: str
) -> None:
    say(adapter, **change)
    with pytest.raises(UsageError, match=message) as caught:
        resolve(tiny_folder, adapter)
    assert "\n" not in str(caught.value)


def test_a_configuration_that_is_no_json_is_refused(tiny_folder: Path, adapter: Path) -> None:
    (adapter / adapters.CONFIG).write_text("{")
    with pytest.raises(UsageError, match=r"adapter_config\.json that is no JSON object"):
        resolve(tiny_folder, adapter)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_size": 48}, r"its lora_B of model\.layers\.0\.\S+ is 32 x 4, and would have to be 48 x 4"),
        ({"num_hidden_layers": 1}, r"it changes model\.layers\.1\.\S+, which .* does not have \(and 2 more\)"),
        ({"num_hidden_layers": 3}, r"it holds nothing for model\.layers\.2\.\S+, which it says that it changes"),
    ],
)
def test_an_adapter_of_another_base_is_refused_and_says_which(
    tiny: ModuleType, tiny_folder: Path, adapter: Path, tmp_path: Path, settings: dict[str, int], message: str
) -> None:
    other = tiny.save(tmp_path / "other", **settings)
    with pytest.raises(UsageError, match=f"the adapter {adapter} does not fit {other}: {message}") as caught:
        resolve(other, adapter)
    assert str(caught.value).endswith(f"It says that it was trained on {tiny_folder}.")


def test_a_file_that_was_cut_off_or_is_none_is_refused(tiny_folder: Path, adapter: Path) -> None:
    weights = adapter / adapters.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(UsageError, match="is cut off"):
        resolve(tiny_folder, adapter)
    weights.write_bytes(b"nothing")
    with pytest.raises(UsageError, match="cannot be read as safetensors"):
        resolve(tiny_folder, adapter)
    safetensors.save_file({}, weights)
    with pytest.raises(UsageError, match="it holds no weights"):
        resolve(tiny_folder, adapter)


def test_without_peft_the_command_to_install_it_is_named(
    tiny_folder: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lora, "find_spec", lambda name: None if name == "peft" else object())
    with pytest.raises(UsageError, match=r"needs peft\. Run: pip install peft"):
        resolve(tiny_folder, adapter)


@pytest.mark.parametrize("file", ["chat_template.jinja", "tokenizer_config.json"])
def test_a_chat_template_of_an_adapters_own_is_told_of(file: str, tiny_folder: Path, adapter: Path) -> None:
    assert resolve(tiny_folder, adapter).note == ""
    own = "{{ messages }}"
    (adapter / file).write_text(own if file.endswith("jinja") else json.dumps({"chat_template": own}))
    assert "holds another chat template than its base's" in resolve(tiny_folder, adapter).note
    spec = ModelSpec(model=str(tiny_folder), adapter=str(adapter), tokenizer=str(tiny_folder))
    assert models.resolve(spec).note == ""


def test_a_chat_template_that_is_the_bases_own_is_not_told_of(tiny_folder: Path, adapter: Path) -> None:
    for name in ("chat_template.jinja", "tokenizer_config.json"):
        if (tiny_folder / name).is_file():
            shutil.copy(tiny_folder / name, adapter / name)
    assert resolve(tiny_folder, adapter).note == ""
