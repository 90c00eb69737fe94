"""A leader made here in a moment: every character is a token, and so are the tags that answers stand in."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

from mlpo_bench.chat import Sampling
from mlpo_bench.training.rows import Opening, Prompt


if TYPE_CHECKING:
    from pathlib import Path

SPECIAL = ["<unk>", "<s>", "</s>"]
TAGS = ["<think>", "</think>", "<answer>", "</answer>", "Yes", "No"]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ m.role + ':' + m.content + eos_token + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
)


def tokenizer() -> Any:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    words = [*SPECIAL, *string.printable]
    inner = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    inner.decoder = decoders.Fuse()
    inner.add_tokens([AddedToken(tag, normalized=False) for tag in TAGS])
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<unk>"
    )
    made.chat_template = TEMPLATE
    return made


def model(**changes: Any) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(SPECIAL) + len(string.printable) + len(TAGS),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=2048,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
            initializer_range=0.3,
            **changes,
        )
    )


def save(folder: Path) -> Path:
    model().save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def prompt(number: int, question: int | None = None, **changes: Any) -> Prompt:
    """Return a leader's prompt on a yes-or-no question; the answer is Yes where its number is even."""
    question = number if question is None else question
    fields: dict[str, Any] = {
        "prompt_id": f"p{number}",
        "question_id": f"q{question}",
        "suite": "bbh",
        "subject": "navigate",
        "answer_format": "yes_no",
        "gold": "Yes" if question % 2 == 0 else "No",
        "kind": "leader",
        "messages": ({"role": "user", "content": f"Is {question} even? Attempt: {'yes' * (number % 3)}"},),
        "round": 0,
        "variant": number - question,
        "order": ("peer 1",),
        "attempts_right": (True,),
        "sampling": Sampling(),
    }
    return Prompt(**(fields | changes))


def opening(question: int) -> Opening:
    """Return a peer's opening on such a question."""
    asked = prompt(question)
    return Opening(
        question_id=asked.question_id,
        suite=asked.suite,
        subject=asked.subject,
        answer_format=asked.answer_format,
        gold=asked.gold,
        text=f"Is {question} even?",
        prompt=f"Is {question} even?",
        preamble=(),
        seat="peer 1",
        variant=0,
        opening="The answer is yes.",
        answer="Yes",
        right=asked.gold == "Yes",
        cut_off=False,
        prompt_tokens=3,
        completion_tokens=4,
        sampling=Sampling(max_tokens=8),
    )
