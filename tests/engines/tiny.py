"""A tokenizer and a model made here in a moment: words as tokens, two layers with random weights."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from pathlib import Path

WORDS = ["<unk>", "<s>", "</s>", "you", "are", "ok", "user", "assistant", "system", ":", *"abcdefghijklmn"]
PLAIN = "{% for m in messages %}{{ m.role + ' : ' + m.content + ' ' }}{% endfor %}"
TEMPLATE = "{{ bos_token }}" + PLAIN + "{% if add_generation_prompt %}{{ 'assistant :' }}{% endif %}"
REFUSES_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TEMPLATE
DROPS_SYSTEM = TEMPLATE.replace("messages %}", "messages if m.role != 'system' %}", 1)


def tokenizer(template: str | None = TEMPLATE) -> Any:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    inner.pre_tokenizer = WhitespaceSplit()
    # As Llama's does: asked for special tokens, it puts a <s> in front, whatever the text starts with.
    inner.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>"
    )
    made.chat_template = template
    return made


def model(**settings: Any) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    chosen: dict[str, Any] = {
        "vocab_size": len(WORDS),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
        "initializer_range": 0.5,
        **settings,
    }
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**chosen))


def save(folder: Path, **settings: Any) -> Path:
    model(**settings).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def save_adapter(folder: Path, base: Path, seed: int = 1, size: float = 0.5, **settings: Any) -> Path:
    """Save an adapter that changes what a base answers: LoRA whose weights are drawn by a seed, `size` apart."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    chosen: dict[str, Any] = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "up_proj", "down_proj"], **settings}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft's advice on tied embeddings
        changed = get_peft_model(
            AutoModelForCausalLM.from_pretrained(base), LoraConfig(task_type="CAUSAL_LM", **chosen)
        )
        torch.manual_seed(seed)
        for parameter in changed.parameters():
            if parameter.requires_grad:
                parameter.data += size * torch.randn_like(parameter)
        changed.save_pretrained(folder)
    return folder
