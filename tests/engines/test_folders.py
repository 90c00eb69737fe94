"""What a model's folder holds besides its model, and models in other forms than safetensors."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Completion, Message, Sampling
from mlpo_bench.engines import folders, models, open_engines
from mlpo_bench.errors import UsageError
from mlpo_bench.teams import ModelSpec


pytest.importorskip("transformers")

from mlpo_bench.engines import hf


if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from mlpo_bench.engines.resolved import ResolvedModel

CHAT = [Message("user", "a b c d")]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to be added to."""
    copy: Path = shutil.copytree(tiny_folder, tmp_path / "model")
    return copy


def resolved(model: Path, **said: Any) -> ResolvedModel:
    return models.resolve(ModelSpec(model=str(model), **said))


def answered(model: Path, **said: Any) -> tuple[Completion, str]:
    """What a model answers, and the identity of that."""
    spec = ModelSpec(model=str(model), engine="hf", **said)
    engine = hf.load(models.resolve(spec), spec)
    made = asyncio.run(engine.complete(CHAT, Sampling(temperature=0, max_tokens=16), 0))
    asyncio.run(engine.close())
    return made, engine.facts.fingerprint


# Weights that lie there twice.


def in_two(folder: Path) -> None:
    """Save a model's weights in two parts with an index."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    index: dict[str, str] = {}
    for part, some in enumerate((names[:5], names[5:]), start=1):
        file = f"model-{part:05}-of-00002.safetensors"
        save_file({name: weights[name] for name in some}, folder / file, metadata={"format": "pt"})
        index |= dict.fromkeys(some, file)
    (folder / folders.INDEX).write_text(json.dumps({"metadata": {}, "weight_map": index}))


@pytest.mark.parametrize("parts", [1, 2])
def test_weights_in_mistrals_form_beside_them_are_counted_once(parts: int, folder: Path, tiny_folder: Path) -> None:
    shutil.copy(folder / "model.safetensors", folder / "consolidated.safetensors")
    if parts == 2:
        in_two(folder)
    model = resolved(folder)
    assert model.parameters == resolved(tiny_folder).parameters
    assert len(model.weight_files) == parts
    assert answered(folder)[0].text == answered(tiny_folder)[0].text
    # An index tells vLLM what to leave out; without one, it must not be there.
    assert (model.folder == folder) == (parts == 2)
    assert (model.folder / "consolidated.safetensors").exists() == (parts == 2)


def test_weights_in_mistrals_form_alone_are_told(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "consolidated.safetensors")
    with pytest.raises(UsageError, match="weights in Mistral's own form alone"):
        resolved(folder)


def test_a_part_that_is_missing_is_named(folder: Path) -> None:
    in_two(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(UsageError, match="lacks 1 of the 2 files of its weights, the first of them model-00002"):
        resolved(folder)


# Adapters where a model is looked for.


@pytest.fixture
def beside(folder: Path, tiny_adapter: Path) -> Path:
    """A whole model with an adapter beside it."""
    for file in tiny_adapter.iterdir():
        shutil.copy(file, folder / file.name)
    return folder


def test_an_adapter_beside_whole_weights_is_told_and_not_applied(beside: Path, tiny_folder: Path) -> None:
    made, identity = answered(beside)
    assert made.text == answered(tiny_folder)[0].text
    assert "without the adapter beside it|" in identity
    said: list[str] = []

    async def go() -> str:
        engines = await open_engines([ModelSpec(model=str(beside), engine="hf")], on_event=said.append)
        (engine,) = engines.values()
        await engine.close()
        return engine.facts.note

    note = asyncio.run(go())
    assert "the adapter beside its weights is not applied" in note
    assert said[0] == f"{beside}: {note}"


def test_an_adapter_beside_whole_weights_is_applied_where_it_is_named(
    beside: Path, tiny_folder: Path, tiny_adapter: Path
) -> None:
    made, identity = answered(beside, adapter=str(beside))
    assert made.text == answered(tiny_folder, adapter=str(tiny_adapter))[0].text != answered(tiny_folder)[0].text
    assert "beside it" not in identity
    assert resolved(beside, adapter=str(beside)).note == ""


@pytest.mark.parametrize("config", [True, False])
def test_an_adapter_alone_says_what_to_do(config: bool, tiny_folder: Path, tiny_adapter: Path, tmp_path: Path) -> None:
    alone = shutil.copytree(tiny_adapter, tmp_path / "alone")
    if config:
        shutil.copy(tiny_folder / "config.json", alone / "config.json")
    with pytest.raises(UsageError, match=f"is an adapter.*name its base as `model`, and {alone} as `adapter`"):
        resolved(alone)


# Pickled weights.


def test_the_command_that_converts_pickled_weights_does_so(tiny: ModuleType, folder: Path, tiny_folder: Path) -> None:
    import torch

    (folder / "model.safetensors").unlink()
    torch.save(tiny.model().state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(UsageError, match="only pickled weights, which can run code") as caught:
        resolved(folder)
    command = str(caught.value).partition(" Run: python -c ")[2]
    subprocess.run([sys.executable, "-W", "ignore", "-c", command.strip('"')], check=True, capture_output=True)
    assert answered(folder)[0].text == answered(tiny_folder)[0].text


def test_a_hub_id_is_converted_into_a_folder_of_its_own(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(UsageError, match=r"M.from_pretrained\('some/model'\).save_pretrained\('model'\); T.from_pre"):
        folders.check("some/model", folder)


# llama.cpp's form.


@pytest.mark.parametrize(("kind", "dtype"), [("F32", "float32"), ("F16", "float16"), ("Q8_0", "bfloat16")])
def test_a_gguf_file_is_unpacked_once_and_answers(tiny: ModuleType, kind: str, dtype: str, tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    file = tiny.save_gguf(tmp_path / "gguf" / "tiny.gguf", kind)
    spec = ModelSpec(model=str(file), engine="hf")
    assert models.takes_time(spec) == "unpacking its GGUF file, once"
    model = models.resolve(spec)
    assert (model.name, model.dtype, model.context) == (str(file), dtype, 128)
    assert models.takes_time(spec) is None
    assert models.resolve(spec.model_copy(update={"model": str(file.parent)})).folder == model.folder
    assert answered(file)[0].usage.completion > 0


def test_what_is_no_single_gguf_file_is_a_sentence(tiny: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    file = tiny.save_gguf(tmp_path / "a.gguf")
    broken = tmp_path / "other" / "b.gguf"
    broken.parent.mkdir()
    broken.write_bytes(file.read_bytes()[:200])
    with pytest.raises(UsageError, match=r"transformers cannot read the GGUF file .*b\.gguf"):
        resolved(broken)
    broken.write_bytes(b"PK")
    with pytest.raises(UsageError, match="is a file, but no GGUF file"):
        resolved(broken)
    with pytest.raises(UsageError, match=r"there is no file .*/aa\.gguf; did you mean '.*/a\.gguf'"):
        resolved(tmp_path / "aa.gguf")
    (tmp_path / "b.gguf").symlink_to(tmp_path / "gone")
    with pytest.raises(UsageError, match=r"there is no file .*/b\.gguf; did you mean '.*/a\.gguf'"):
        resolved(tmp_path / "b.gguf")
    assert resolved(tmp_path).context == 128
    (tmp_path / "b.gguf").unlink()
    shutil.copy(file, tmp_path / "b.gguf")
    with pytest.raises(UsageError, match=r"holds 2 GGUF files; name one of them as the model: a\.gguf, b\.gguf"):
        resolved(tmp_path)
    part = file.rename(tmp_path / "a-00001-of-00002.gguf")
    with pytest.raises(UsageError, match="is one part of a model; join all of them first"):
        resolved(part)


# A tokenizer of its own.


def test_another_tokenizer_is_read_and_is_part_of_the_identity(
    tiny: ModuleType, tiny_folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "tokenizer"
    tiny.tokenizer(tiny.TEMPLATE.replace("' : '", "' ok : '")).save_pretrained(other)
    made, identity = answered(tiny_folder, tokenizer=str(other))
    own, known = answered(tiny_folder)
    assert made.usage.prompt == own.usage.prompt + 1
    name, revision, dtype, engine = known.split("|")
    assert identity.startswith(f"{name}|{revision} tokenizer sha256:")
    assert identity.endswith(f"|{dtype}|{engine}")
    file = tiny.save_gguf(tmp_path / "tiny.gguf")
    assert answered(file, tokenizer=str(other))[0].usage.prompt == made.usage.prompt


@pytest.mark.parametrize("configuration", [True, False])
def test_a_model_without_a_tokenizer_is_a_sentence(configuration: bool, folder: Path) -> None:
    for file in folder.glob("*token*"):
        if not configuration or file.name != "tokenizer_config.json":
            file.unlink()
    with pytest.raises(
        UsageError, match=r"model holds no tokenizer, .*; name the folder of one \(`tokenizer`\), such as"
    ):
        answered(folder)


def test_a_tokenizer_that_is_none_is_a_sentence(tiny_folder: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match=r"empty holds no tokenizer: none of tokenizer\.json"):
        resolved(tiny_folder, tokenizer=str(empty))
    with pytest.raises(UsageError, match=r"no such tokenizer: .*did you mean '.*empty'"):
        resolved(tiny_folder, tokenizer=str(tmp_path / "emty"))
    with pytest.raises(ValueError, match="tokenizer concerns weights on this machine"):
        ModelSpec(model="m", base_url="http://127.0.0.1:1/v1", tokenizer="x")


# Models that do not write, and weights that are not there.


def changed(folder: Path, tiny_folder: Path, **config: object) -> Path:
    shutil.copytree(tiny_folder, folder)
    told = json.loads((folder / "config.json").read_text()) | config
    (folder / "config.json").write_text(json.dumps(told))
    return folder


@pytest.mark.parametrize(
    "architecture",
    ["Qwen3ForSequenceClassification", "ModernBertForMaskedLM", "Qwen2ForProcessRewardModel", "BertForPreTraining"],
)
def test_a_model_that_judges_or_fills_in_is_refused(architecture: str, tiny_folder: Path, tmp_path: Path) -> None:
    folder = changed(tmp_path / "m", tiny_folder, architectures=[architecture])
    with pytest.raises(UsageError, match=rf"judges or fills in texts \({architecture}\); a member of a team writes"):
        resolved(folder)


def test_a_model_for_embeddings_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    folder = changed(tmp_path / "m", tiny_folder)
    (folder / "modules.json").write_text("[]")
    with pytest.raises(UsageError, match="is a model for embeddings"):
        resolved(folder)


def test_a_model_of_encoder_and_decoder_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    folder = changed(tmp_path / "m", tiny_folder, architectures=None, is_encoder_decoder=True)
    with pytest.raises(UsageError, match=r"a model of an encoder and a decoder \(llama\)"):
        resolved(folder)


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        (["lm_head.weight"], r"lacks weights \(lm_head\.weight\), which would be drawn at random"),
        (
            ["model.layers.1.mlp.up_proj.weight", "model.norm.weight"],
            r"lacks weights \(model\.layers\.1\.mlp\.up_proj\.weight and 1 more\)",
        ),
    ],
)
def test_weights_that_are_missing_are_not_drawn_at_random(
    lost: list[str], told: str, tiny_folder: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = changed(tmp_path / "m", tiny_folder)
    weights = {name: held for name, held in load_file(folder / "model.safetensors").items() if name not in lost}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UsageError, match=told):
        answered(folder)


def test_tied_weights_are_not_missing(tiny: ModuleType, tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "m", tie_word_embeddings=True)
    assert answered(folder)[0].text


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_what_git_leaves_of_a_large_file_is_told(file: str, tiny_folder: Path, tmp_path: Path) -> None:
    folder = changed(tmp_path / "m", tiny_folder)
    (folder / file).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 34\n")
    with pytest.raises(UsageError, match=rf"is not whole: {file} is a pointer of Git LFS.* Run: git -C .* lfs pull"):
        resolved(folder)


def test_a_folder_of_the_hubs_cache_names_the_model_in_it(tiny_folder: Path, tmp_path: Path) -> None:
    changed(tmp_path / "models--a--b" / "snapshots" / "12", tiny_folder)
    with pytest.raises(UsageError, match=r"a folder of the hub's cache; the model in it is .*snapshots/12\."):
        resolved(tmp_path / "models--a--b")


def test_a_folder_of_a_trainer_names_the_last_model_in_it(tiny_folder: Path, tmp_path: Path) -> None:
    for step in (500, 1000):
        changed(tmp_path / "out" / f"checkpoint-{step}", tiny_folder)
    (tmp_path / "out" / "runs").mkdir()
    with pytest.raises(
        UsageError, match=r"holds no config\.json\. The last of the models in it is .*/checkpoint-1000\.$"
    ):
        resolved(tmp_path / "out")
    changed(tmp_path / "other" / "model", tiny_folder)
    with pytest.raises(UsageError, match=r" The model in it is .*/other/model\.$"):
        resolved(tmp_path / "other")


@pytest.mark.parametrize("parts", [1, 2])
def test_a_link_that_leads_nowhere_is_told(parts: int, folder: Path, tmp_path: Path) -> None:
    if parts == 2:
        in_two(folder)
    file = next(folder.glob("model*.safetensors"))
    file.unlink()
    file.symlink_to(tmp_path / "blobs" / "gone")
    told = (
        rf"is not whole: {file.name} is a link to .*/blobs/gone, where nothing lies"
        if parts == 1
        else "lacks 1 of the 2"
    )
    with pytest.raises(UsageError, match=told):
        resolved(folder)


# What configurations say in odd ways.


@pytest.mark.parametrize(
    ("told", "dtype"),
    [("torch.bfloat16", "bfloat16"), ("bf16", "bfloat16"), ({"": "float16"}, "float16"), ("auto", "float32"),
     ("float8_e4m3fn", "float32"), (None, "float32")],
)  # fmt: skip
def test_types_are_known_by_their_many_names(told: object, dtype: str, tiny_folder: Path, tmp_path: Path) -> None:
    assert resolved(changed(tmp_path / "m", tiny_folder, dtype=told)).dtype == dtype


def test_a_type_that_is_not_told_is_that_of_the_weights(tiny_folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = changed(tmp_path / "m", tiny_folder, dtype=None)
    weights = {name: held.bfloat16() for name, held in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert resolved(folder).dtype == "bfloat16"


@pytest.mark.parametrize(
    ("told", "context"),
    [({"max_position_embeddings": -1}, None), ({"max_seq_len": 32}, 32), ({"max_seq_len": 32.0}, 32),
     ({"max_seq_len": float("inf")}, None), ({"text_config": {"max_position_embeddings": 16}}, 16),
     ({"text_config": []}, None), ({"max_seq_len": "many"}, None)],
)  # fmt: skip
def test_a_context_is_a_number_above_nothing(
    told: dict[str, object], context: int | None, tiny_folder: Path, tmp_path: Path
) -> None:
    folder = changed(tmp_path / "m", tiny_folder, **({"max_position_embeddings": None} | told))
    assert resolved(folder).context == context


@pytest.mark.parametrize("ends", [[[2], [6]], ["</s>", "user"], ["2", "6"], [2.0, 6], [2, 6]])
def test_ends_are_known_in_whatever_form(ends: object, tiny_folder: Path, tmp_path: Path) -> None:
    folder = changed(tmp_path / "m", tiny_folder)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))
    spec = ModelSpec(model=str(folder), engine="hf")
    engine = hf.load(models.resolve(spec), spec)
    assert sorted(engine._ends) == [2, 6]


def test_a_tokenizer_with_tokens_that_the_model_lacks_is_refused(
    tiny: ModuleType, tiny_folder: Path, tmp_path: Path
) -> None:
    tokenizer = tiny.tokenizer("<x>" + tiny.TEMPLATE)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<x>"]})
    tokenizer.save_pretrained(tmp_path / "other")
    with pytest.raises(UsageError, match=r"writes the token <x> \(number 24\) into every prompt, but .* 24 tokens"):
        answered(tiny_folder, tokenizer=str(tmp_path / "other"))


def test_an_index_beside_whole_weights_misleads_no_engine(tiny_folder: Path, tmp_path: Path) -> None:
    folder = changed(tmp_path / "m", tiny_folder)
    (folder / folders.INDEX).write_text(json.dumps({"weight_map": {"a": "model-00001-of-00001.safetensors"}}))
    shown = resolved(folder).folder
    assert (shown / folders.WHOLE).is_file()
    assert not (shown / folders.INDEX).exists()
    assert answered(folder)[0].text == answered(tiny_folder)[0].text
