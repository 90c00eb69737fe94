"""Tokenizers whose configuration names a class that they are none of are read as their own file has them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mlpo_bench.chat import Message
from mlpo_bench.engines.chats import ChatTokens


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
