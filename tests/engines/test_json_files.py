"""JSON beside weights is read, or told from what is none, however deep it is nested."""

from __future__ import annotations

import json
import math
import shutil
from typing import TYPE_CHECKING

import pytest

from mlpo_bench.engines import adapters, hf_weights, json_files, merged, models
from mlpo_bench.engines.chats import ChatTokens
from mlpo_bench.engines.spec import ModelSpec
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from pathlib import Path

NONE = {
    "empty": b"", "cut": b'{"a": [1, 2', "no text": b"\xff\xfe\xfa", "nested": b"[" * 100_000, "two": b"{} {}",
    "nested objects": b'{"a":' * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("content", NONE.values(), ids=list(NONE))
def test_what_is_no_json_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        json_files.read(path)
    with pytest.raises(UsageError, match=r"config\.json cannot be read as a JSON object"):
        json_files.read_object(path)


def test_a_model_may_say_infinity_and_nothing_but_an_object(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"time_step_limit": [0.0, Infinity]}')
    assert json_files.read_object(path) == {"time_step_limit": [0.0, math.inf]}
    for other in ("[]", "3", "null"):
        path.write_text(other)
        with pytest.raises(UsageError, match="cannot be read as a JSON object"):
            json_files.read_object(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(UsageError, match="cannot be read as a JSON object"):
        json_files.read_object(path)


def test_an_adapter_whose_configuration_is_nested_too_deep_is_refused(tmp_path: Path) -> None:
    (tmp_path / adapters.CONFIG).write_bytes(NONE["nested"])
    (tmp_path / adapters.WEIGHTS).write_bytes(b"")
    with pytest.raises(UsageError, match=r"has an adapter_config\.json that is no JSON object"):
        adapters.find(str(tmp_path))


def test_a_merged_copy_that_does_not_tell_what_it_is_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name, content in NONE.items():
        copy = merged.folder() / name
        copy.mkdir(parents=True)
        (copy / "merged.json").write_bytes(content)
    assert merged.copies() == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer_config.json", b'{"tokenizer_class": 5}'),
        ("tokenizer_config.json", NONE["nested"]),
        ("tokenizer.json", b'{"added_tokens": [5]}'),
        ("tokenizer.json", NONE["nested"]),
    ],
)
def test_whatever_is_wrong_with_a_tokenizer_is_told(
    tiny_folder: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    (folder / name).write_bytes(content)
    with pytest.raises(UsageError, match=r"the tokenizer in .* cannot be read"):
        ChatTokens.of_folder(folder)


@pytest.mark.parametrize("change", [{"max_position_embeddings": "many"}, {"hidden_size": []}, {"rope_parameters": 5}])
def test_whatever_is_wrong_with_a_models_configuration_is_told(
    tiny_folder: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    pytest.importorskip("torch")
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(told | change))
    spec = ModelSpec(model=str(folder))
    with pytest.raises(UsageError, match="transformers cannot load"):
        hf_weights.load(models.resolve(spec), spec, "float32")
