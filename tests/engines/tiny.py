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


def save_gguf(path: Path, kind: str = "F32") -> Path:
    """Save a tiny model as llama.cpp does: two layers with random weights, and a vocabulary of single bytes."""
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFWriter
    from gguf.quants import quantize
    from tokenizers.pre_tokenizers import ByteLevel

    width, inner, words = 64, 96, [*sorted(ByteLevel.alphabet()), "<s>", "</s>", "ab"]
    drawn = np.random.default_rng(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(path, "llama")
    for add, value in (
        (writer.add_context_length, 128), (writer.add_embedding_length, width), (writer.add_block_count, 2),
        (writer.add_feed_forward_length, inner), (writer.add_head_count, 4), (writer.add_head_count_kv, 2),
        (writer.add_rope_dimension_count, 16), (writer.add_vocab_size, len(words)), (writer.add_bos_token_id, 256),
        (writer.add_eos_token_id, 257),
    ):  # fmt: skip
        add(value)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(words)
    writer.add_token_types([1] * 256 + [3, 3, 1])
    writer.add_token_merges(["a b"])
    writer.add_chat_template(TEMPLATE)
    shapes = {"attn_q": (64, 64), "attn_k": (32, 64), "attn_v": (32, 64), "attn_output": (64, 64)}
    shapes |= {"ffn_gate": (inner, 64), "ffn_up": (inner, 64), "ffn_down": (64, inner)}
    tensors = {"token_embd": (len(words), width)}
    tensors |= {f"blk.{layer}.{name}": shape for layer in range(2) for name, shape in shapes.items()}
    for name, shape in tensors.items():
        weights = drawn.normal(0, 0.3, shape).astype(np.float32)
        qtype = GGMLQuantizationType[kind]
        writer.add_tensor(f"{name}.weight", quantize(weights, qtype), raw_dtype=qtype)
    for name in ("output_norm", *(f"blk.{layer}.{norm}" for layer in range(2) for norm in ("attn_norm", "ffn_norm"))):
        writer.add_tensor(f"{name}.weight", np.ones(width, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
