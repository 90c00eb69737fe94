"""Weights that cannot be loaded are told of in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.engines import hf_weights, models
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
