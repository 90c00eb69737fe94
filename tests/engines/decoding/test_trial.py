"""Models that carry a state are tried as they are loaded: right together, right alone, or not to be had here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest


torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from mlpo_bench.engines import hf, models  # noqa: E402 - after the skip
from mlpo_bench.engines.decoding import trial  # noqa: E402
from mlpo_bench.errors import UsageError  # noqa: E402
from mlpo_bench.teams import ModelSpec  # noqa: E402


if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

SIZES = {"vocab_size": 24, "hidden_size": 32, "num_hidden_layers": 3, "bos_token_id": 1, "eos_token_id": 2}
ATTENDS = {"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 64, "max_position_embeddings": 64}
FAMILIES: dict[str, dict[str, Any]] = {
    "Mamba": {"state_size": 8, "time_step_rank": 4},
    "RecurrentGemma": {**ATTENDS, "lru_width": 32, "attention_window_size": 8},
    "Rwkv": {"attention_hidden_size": 32, "context_length": 64},
    "Lfm2": {**ATTENDS, "layer_types": ["conv", "full_attention", "conv"], "conv_L_cache": 3},
    "Llama": ATTENDS,
}  # fmt: skip


def made(family: str) -> Any:
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**SIZES, **FAMILIES[family])
    model = getattr(transformers, f"{family}ForCausalLM")(config).eval()
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if not any(kind in name for kind in ("A_log", "dt_bias", "norm")):
                weights.normal_(0, 0.3)
    return model


@pytest.mark.parametrize(
    ("family", "needed"), [("Mamba", True), ("RecurrentGemma", True), ("Rwkv", True), ("Lfm2", True), ("Llama", False)]
)
def test_what_keeps_more_than_keys_and_values_is_tried(family: str, needed: bool) -> None:
    assert trial.needed(made(family)) == needed


@pytest.mark.parametrize(
    ("family", "together", "alone"),
    [("Mamba", True, True), ("Lfm2", True, True), ("RecurrentGemma", False, True), ("Rwkv", False, False)],
)
def test_a_trial_tells_what_is_written_rightly(family: str, together: bool, alone: bool, tiny: ModuleType) -> None:
    model = made(family)
    assert trial.passed(model, tiny.tokenizer(), together=True) == together
    assert trial.passed(model, tiny.tokenizer(), together=False) == alone


def loaded(family: str, folder: Path, tiny: ModuleType) -> hf.HFEngine:
    made(family).save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    spec = ModelSpec(model=str(folder), engine="hf")
    return hf.load(models.resolve(spec), spec)


def test_one_that_is_right_alone_answers_one_at_a_time(tiny: ModuleType, tmp_path: Path) -> None:
    engine = loaded("RecurrentGemma", tmp_path, tiny)
    assert engine.facts.note == "one request at a time: beside others it writes otherwise"
    assert engine.facts.revision.endswith(" state kept")


def test_one_that_writes_nonsense_is_refused(tiny: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot go on with what .* keeps of a text \(RwkvForCausalLM\)"):
        loaded("Rwkv", tmp_path, tiny)
