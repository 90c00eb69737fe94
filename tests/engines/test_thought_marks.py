"""Marks of thoughts: what a tokenizer hides of them, and what a prompt opens, stands in the answer all the same."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.answers.thoughts import without_thoughts
from mlpo_bench.chat import Message, Sampling
from mlpo_bench.engines import thought_marks
from mlpo_bench.engines.base import ModelFacts
from mlpo_bench.engines.chats import ChatTokens
from mlpo_bench.teams import ModelSpec


pytest.importorskip("transformers")

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

CHAT = [Message("user", "a b")]


@pytest.mark.parametrize(
    ("special", "kept"),
    [
        ({"<s>", "</s>", "[INST]", "[THINK]", "[/THINK]"}, {"[THINK]", "[/THINK]"}),
        ({"<think>", "</think>", "<|im_end|>"}, {"<think>", "</think>"}),
        ({"<|START_THINKING|>", "<|END_THINKING|>", "<EOS_TOKEN>"}, {"<|START_THINKING|>", "<|END_THINKING|>"}),
        (
            {"<|channel|>", "<|message|>", "<|end|>", "<|endoftext|>"},
            {"<|channel|>", "<|message|>", "<|end|>"},
        ),
        ({"<|end|>", "<|assistant|>", "<|endoftext|>"}, set()),
        ({"<|channel>", "<channel|>", "<turn|>"}, {"<|channel>", "<channel|>"}),
        ({"<unused94>", "<unused95>", "<unused96>"}, {"<unused94>", "<unused95>"}),
        ({"<s>", "</s>", "<|im_start|>"}, set()),
    ],
)
def test_special_tokens_that_set_thoughts_apart_are_known(special: set[str], kept: set[str]) -> None:
    assert thought_marks.among(special) == kept


@pytest.mark.parametrize(
    ("behind", "opened"),
    [
        (" assistant : <think>\n", "<think>\n"),
        ("[/INST][THINK]", "[THINK]"),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", ""),
        ("<|Assistant|></think>", ""),
        ("<|start|>assistant", ""),
        ("<seed:think>", "<seed:think>"),
        ("<|im_start|>assistant\n", ""),
    ],
)
def test_what_a_prompt_opens_behind_the_last_message_is_told(behind: str, opened: str) -> None:
    assert thought_marks.opened(f"<|user|> Is <think> a tag?{behind}", "Is <think> a tag? ") == opened


def test_a_last_message_that_a_template_changes_opens_nothing() -> None:
    assert thought_marks.opened("user : A B <think>", "a b") == ""


def opening(tiny: ModuleType) -> Any:
    switch = "{% if enable_thinking is defined and not enable_thinking %} <think> </think>{% else %} <think>{% endif %}"
    return tiny.tokenizer(tiny.TEMPLATE.replace("'assistant :' }}", "'assistant :' }}" + switch))


def test_a_prompt_that_opens_a_thought_has_an_identity_of_its_own(tiny: ModuleType) -> None:
    assert ChatTokens(opening(tiny)).identity == ("thought opened",)
    closed = ChatTokens(opening(tiny), template_kwargs={"enable_thinking": False})
    assert (closed.identity, closed.opened(CHAT)) == ((), "")
    speaks_of_it = tiny.tokenizer("{# <think> #}" + tiny.TEMPLATE)
    assert ChatTokens(speaks_of_it).identity == ()
    assert ChatTokens(tiny.tokenizer(None)).opened(CHAT) == ""


@pytest.mark.parametrize("last", ["", " ", "think", "<think>", "</think>", "a\n\n b < c"])
def test_a_prompt_opens_a_thought_whatever_was_said_last(last: str, tiny: ModuleType) -> None:
    tokenizer = opening(tiny)
    tokenizer.chat_template = tokenizer.chat_template.replace("m.content", "m.content.split() | join(' ') | e")
    assert ChatTokens(tokenizer).opened([Message("user", last)]) == "<think>"


def test_a_template_that_refuses_marks_in_earlier_turns_is_shown_none(tiny: ModuleType) -> None:
    """As that of gpt-oss: what it does not take as tokens it is given as letters."""
    mark = "<|channel|>analysis<|message|>"
    refuses = f"{{% for m in messages if '{mark}' in m.content %}}{{{{ raise_exception('a mark') }}}}{{% endfor %}}"
    tokenizer = tiny.tokenizer(refuses + tiny.TEMPLATE)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|channel|>", "<|message|>"]})
    chats = ChatTokens(tokenizer)
    turns = [Message("user", "a"), Message("assistant", f"{mark}b"), Message("user", "c")]
    assert chats.ids(turns)
    assert chats.opened(turns) == ""


def said(tokenizer: Any, model: Any) -> str:
    from mlpo_bench.engines import hf

    async def go() -> str:
        engine = hf.HFEngine(model, ChatTokens(tokenizer), ModelFacts("tiny", "hf", "1", "float32", 64))
        made = await engine.complete(CHAT, Sampling(temperature=0, max_tokens=8), 0)
        await engine.close()
        return made.text

    return asyncio.run(go())


def test_an_answer_that_is_cut_off_in_a_thought_begins_with_its_mark(tiny: ModuleType) -> None:
    assert said(opening(tiny), tiny.model().eval()).startswith("<think>")


def test_special_tokens_that_set_thoughts_apart_stand_in_an_answer(tiny: ModuleType) -> None:
    from tokenizers import AddedToken, Tokenizer
    from transformers import PreTrainedTokenizerFast

    plain = said(tiny.tokenizer(), tiny.model().eval())
    renamed = {"l": "[THINK]", "i": "[UNSEEN]"}  # words of that answer
    told = json.loads(tiny.tokenizer().backend_tokenizer.to_str())
    told["model"]["vocab"] = {renamed.get(word, word): n for word, n in told["model"]["vocab"].items()}
    inner = Tokenizer.from_str(json.dumps(told))
    inner.add_special_tokens([AddedToken(mark, special=True) for mark in renamed.values()])
    made = PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    made.chat_template = tiny.TEMPLATE
    expected = " ".join(renamed.get(word, word) for word in plain.split() if word != "i")
    assert "l" in plain.split()
    assert "i" in plain.split()
    assert said(made, tiny.model().eval()) == expected
    chats = ChatTokens(made)
    assert chats.identity == ("marks of thoughts",)
    assert chats.without_hidden("[THINK] a [UNSEEN] b </s>") == "[THINK] a  b "


def test_a_prompt_for_a_server_that_opens_a_thought_tells_so(tiny: ModuleType, tmp_path: Path) -> None:
    from mlpo_bench.engines.server.request import RequestBuilder

    opening(tiny).save_pretrained(tmp_path)
    asked = {"endpoint": "completions", "template": str(tmp_path)}
    spec = {"model": "m", "base_url": "http://127.0.0.1:1/v1"}
    builder = RequestBuilder(ModelSpec.model_validate({**spec, "request": asked}))
    assert builder.opened(CHAT) == "<think>"
    assert RequestBuilder(ModelSpec.model_validate({**spec, "request": {"endpoint": "completions"}})).opened(CHAT) == ""
    assert RequestBuilder(ModelSpec.model_validate(spec)).opened(CHAT) == ""


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("<think>", "</think>"),
        ("<seed:think>", "</seed:think>"),
        ("<reasoning>", "</reasoning>"),
        ("[THINK]", "[/THINK]"),
        ("<|thinking|>", "<|/thinking|>"),
        ("<|START_THINKING|>", "<|END_THINKING|>"),
        ("<|begin_of_thought|>", "<|end_of_thought|>"),
        ("<|inner_prefix|>", "<|inner_suffix|>"),
        ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
        ("<|channel>thought", "<channel|>"),
        ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
        ("<unused94>thought", "<unused95>"),
    ],
)
def test_whoever_reads_an_answer_knows_the_marks_that_are_kept_for_them(opening: str, closing: str) -> None:
    assert thought_marks.opened(f"Q{opening}", "Q") == opening
    assert thought_marks.opened(f"Q{opening}{closing}", "Q") == ""
    assert without_thoughts(f"{opening}(A){closing}(B)").strip() == "(B)"
    assert without_thoughts(f"{opening}(A)").strip() == ""
