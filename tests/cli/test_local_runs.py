"""Whole runs with models on this machine: beside a server, with the makers' advice, and what the manifest tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from mlpo_bench.engines.generation import AS_ASKED
from mlpo_bench.log import LoadedRun
from tests.engines.imitated_server import ImitatedServer, Mode, chat, listing, sent


pytest.importorskip("transformers")

if TYPE_CHECKING:
    from types import ModuleType

Cli = Any
RUN = ("run", "-q", "--store", "store.sqlite", "--limit", "2", "--suite", "bbh", "--team", "team.yaml")
FEW_TOKENS = ("--gen-kwargs", "max_gen_toks=8")


@pytest.fixture
def model(tiny: ModuleType, tmp_path: Path) -> Path:
    """A tiny model that holds long prompts, and whose makers penalise repetition."""
    folder: Path = tiny.save(tmp_path / "model", max_position_embeddings=8192)
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"repetition_penalty": 1.5, "temperature": 0.3}))
    return folder


def facts_of(run: str) -> list[dict[str, Any]]:
    models: list[dict[str, Any]] = orjson.loads(LoadedRun.open(run).directory.manifest_path.read_bytes())["models"]
    return models


def seats_that_wrote(run: str) -> set[str]:
    loaded = LoadedRun.open(run)
    return {turn["seat"] for cell in loaded.ended for line in loaded.transcripts(cell) for turn in line["turns"]}


def test_a_model_here_leads_peers_behind_a_server(mlpo_bench: Cli, made_up: Path, model: Path) -> None:
    mode = Mode(lambda *_: sent(chat("The answer is No.")), models=sent(listing(max_model_len=100_000)))
    with ImitatedServer(mode) as server:
        peer = f"{{model: served-model, base_url: '{server.url}', count: 2}}"
        Path("team.yaml").write_text(f"leader: {{model: {model}, engine: hf}}\npeers: [{peer}]\n")
        said = mlpo_bench(
            *RUN, "--data", made_up, *FEW_TOKENS, "--protocol", "leader", "--rounds", "1", "--peers", "2", "--name", "x"
        )
    assert said.code == 0, said.out + said.err
    assert {each["engine"] for each in facts_of("x")} == {"hf", "openai"}
    assert seats_that_wrote("x") == {"leader", "peer 1", "peer 2"}


def test_the_manifest_tells_what_was_in_force(mlpo_bench: Cli, made_up: Path, model: Path) -> None:
    told = {}
    for whose in ("task", "model"):
        Path("team.yaml").write_text(f"leader: {{model: {model}, engine: hf, generation: {whose}}}\n")
        said = mlpo_bench(*RUN, "--data", made_up, *FEW_TOKENS, "--protocol", "solo", "--name", whose)
        assert said.code == 0, said.out + said.err
        (told[whose],) = facts_of(whose)
    assert told["task"]["told"]["left_out"] == {"repetition_penalty": 1.5, "temperature": 0.3}
    assert told["task"]["told"]["in_force"]["temperature"] == AS_ASKED
    assert told["model"]["told"]["in_force"]["repetition_penalty"] == 1.5
    assert told["model"]["told"]["in_force"]["temperature"] == 0.3
    assert told["model"]["revision"].endswith(" generation model")


def test_a_run_whose_manifest_tells_what_was_in_force_can_be_published(
    mlpo_bench: Cli, made_up: Path, model: Path
) -> None:
    Path("team.yaml").write_text(f"leader: {{model: {model}, engine: hf}}\n")
    said = mlpo_bench(*RUN, "--data", made_up, *FEW_TOKENS, "--protocol", "solo", "--name", "x")
    assert said.code == 0, said.out + said.err
    said = mlpo_bench("leaderboard", "add", "x", "--folder", "board", "--anyway")
    assert said.code == 0, said.out + said.err
    (entry,) = Path("board").rglob("entries/*.json")
    (published,) = orjson.loads(entry.read_bytes())["models"]
    assert published["revision"].endswith(" no penalties")
    assert "told" not in published


@pytest.mark.parametrize(
    ("leader", "sentence"),
    [
        ("engine: hf, engine_options: {tensor_parallel: 2}", "tensor_parallel is an option of engine vllm, not of hf"),
        ("engine: hf, engine_options: {device_map: autp}", "did you mean 'auto'?"),
        ("tokenizer: nowhere/at-all, engine: hf", "no such tokenizer: 'nowhere/at-all' is no folder"),
        ("generation: model, sampling: {top_p: 0.5}", "generation: model leaves top_p to what the model's makers"),
    ],
)
def test_a_wrong_field_is_one_sentence(
    mlpo_bench: Cli, made_up: Path, model: Path, leader: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    Path("team.yaml").write_text(f"leader: {{model: {model}, {leader}}}\n")
    said = mlpo_bench(*RUN, "--data", made_up, "--protocol", "solo", "--name", "x")
    assert said.code == 2
    assert sentence in " ".join((said.out + said.err).split())
