"""Tokenizers whose configuration names a class that they are none of are read as their own file has them."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from mlpo_bench.chat import Message
from mlpo_bench.engines.chats import ChatTokens
from mlpo_bench.errors import UsageError


pytest.importorskip("transformers")

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

CHAT = [Message("user", "Is it so?\n\n  Yes, 12 of them.")]


def saved(folder: Path, tiny: ModuleType, named: str) -> Path:
    """Save a byte-level tokenizer, as DeepSeek's is, whose configuration names a class."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {sign: n for n, sign in enumerate(["<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    inner = Tokenizer(models.BPE(vocabulary, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>")
    made.chat_template = tiny.TEMPLATE
    made.save_pretrained(folder)
    config = folder / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"tokenizer_class": named}))
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("named", ["LlamaTokenizerFast", "LlamaTokenizer"])
def test_a_file_that_transformers_reads_as_llamas_is_read_as_it_is(
    named: str, tiny: ModuleType, tmp_path: Path
) -> None:
    chats = ChatTokens.of_folder(saved(tmp_path / "deepseek", tiny, named))
    assert chats.decoded(chats.ids(CHAT)) == "user : Is it so?\n\n  Yes, 12 of them. assistant :"
    assert chats.identity == ("tokenizer as written",)
    assert chats.mended is not None


def test_others_are_left_as_transformers_reads_them(tiny: ModuleType, tmp_path: Path) -> None:
    chats = ChatTokens.of_folder(saved(tmp_path / "plain", tiny, "PreTrainedTokenizerFast"))
    assert (chats.identity, chats.mended) == ((), None)
    assert chats.decoded(chats.ids(CHAT)) == "user : Is it so?\n\n  Yes, 12 of them. assistant :"


@pytest.mark.parametrize("file", ["chat_template.json", "processor_config.json"])
def test_a_chat_template_that_lies_with_the_processor_is_used(file: str, tiny: ModuleType, tmp_path: Path) -> None:
    tiny.tokenizer(None).save_pretrained(tmp_path)
    assert ChatTokens.of_folder(tmp_path).text(CHAT[:1]).startswith("User: ")
    (tmp_path / file).write_text(json.dumps({"chat_template": tiny.TEMPLATE}))
    chats = ChatTokens.of_folder(tmp_path)
    assert chats.text(CHAT[:1]).startswith("<s>user : ")
    assert (chats.stops, chats.identity) == ((), ("template of the processor",))
    (tmp_path / file).write_text("{")
    with pytest.raises(UsageError, match=f"{file} cannot be read as a JSON object"):
        ChatTokens.of_folder(tmp_path)


def test_one_in_mistrals_own_form_alone_is_a_sentence(tmp_path: Path) -> None:
    held = pytest.importorskip("mistral_common").__path__[0]
    shutil.copy(f"{held}/data/tekken_240911.json", tmp_path / "tekken.json")
    (tmp_path / "config.json").write_text('{"model_type": "mistral"}')
    with pytest.raises(UsageError, match=r"lies there in Mistral's own form alone \(tekken\.json\); name the folder"):
        ChatTokens.of_folder(tmp_path)


def test_a_byte_order_mark_in_front_of_a_template_is_no_part_of_prompts(tiny: ModuleType, tmp_path: Path) -> None:
    tiny.tokenizer().save_pretrained(tmp_path)
    (tmp_path / "chat_template.jinja").write_text(tiny.TEMPLATE, encoding="utf-8-sig")
    chats = ChatTokens.of_folder(tmp_path)
    assert chats.text(CHAT[:1]).startswith("<s>user : ")
    assert chats.identity == ("template without its byte order mark",)
