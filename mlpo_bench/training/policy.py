"""The leader as it is trained: weights, an adapter or none, and the tokens that it reads and writes.

Prompts are rendered by `ChatTokens`, as the engines render them, so that training shows a leader the very tokens that
it sees at inference.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from mlpo_bench.chat import Message
from mlpo_bench.engines import models
from mlpo_bench.engines.adapters import is_adapter
from mlpo_bench.engines.chats import ChatTokens
from mlpo_bench.errors import UsageError
from mlpo_bench.training.libraries import calm, trl


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.training.recipe import Recipe
    from mlpo_bench.training.rows import ChatRow
    from mlpo_bench.training.untyped import Untyped


@dataclass(frozen=True, slots=True)
class Policy:
    """A leader ready to be trained.

    `model` is a transformers model, or a PEFT one around it; `chats` renders prompts for it; `base` is where the
    weights came from before any training here.
    """

    model: Untyped
    chats: ChatTokens
    base: ResolvedModel

    @property
    def tokenizer(self) -> Untyped:
        """The model's tokenizer."""
        return self.chats.tokenizer

    @property
    def inner(self) -> Untyped:
        """The transformers model, without the adapter's wrapping."""
        return self.model.get_base_model() if hasattr(self.model, "peft_config") else self.model

    @property
    def ends(self) -> tuple[int, ...]:
        """The tokens that end a completion: those that the engines end an answer by."""
        told = self.inner.generation_config.eos_token_id
        ends = told if isinstance(told, list) else [told]
        every = (self.tokenizer.eos_token_id, *ends, self.chats.turn_end)
        return tuple(dict.fromkeys(end for end in every if end is not None))

    @property
    def weights(self) -> int:
        """How many numbers the model has, the adapter's included that is trained, and no copy of it."""
        named = self.model.named_parameters()
        return sum(weight.numel() for name, weight in named if "lora_" not in name or ".default." in name)

    @property
    def context(self) -> int:
        """The longest prompt and completion together, in tokens."""
        return self.base.context or self.tokenizer.model_max_length

    def prompt_ids(self, messages: ChatRow) -> list[int]:
        """Return the tokens of a prompt."""
        return self.chats.ids(as_messages(messages))

    def completion_ids(self, messages: ChatRow, text: str) -> list[int]:
        """Return the tokens of a completion with the one that ends it, as the model would have written it.

        They are those behind the prompt in the whole chat, up to and with the first that ends a completion; where the
        template does not tell, the text's own and the tokenizer's end.
        """
        chat = as_messages(messages)
        text = text.removeprefix(self.chats.opened(chat))  # that stands in the prompt
        behind = self.chats.behind(chat, text)
        ids: list[int] = self.tokenizer.encode(text if behind is None else behind, add_special_tokens=False)
        end = next((place for place, token in enumerate(ids) if token in self.ends), None)
        return [*ids, self.tokenizer.eos_token_id] if end is None else ids[: end + 1]

    def text(self, messages: ChatRow, ids: Sequence[int]) -> str:
        """Return what the leader has written to a prompt, as the engines return it; `ids` with their end or without."""
        written = ids[:-1] if ids and ids[-1] in self.ends else ids
        return self.chats.opened(as_messages(messages)) + self.chats.decoded(written)


def as_messages(rows: ChatRow) -> list[Message]:
    """Return a chat that rows hold as messages."""
    return [Message(row["role"], row["content"]) for row in rows]  # type: ignore[arg-type]


def load(recipe: Recipe, start: Path | None = None, seed: int | None = None) -> Policy:
    """Load a recipe's leader to be trained: as its model is, or as an earlier stage left it in the folder `start`.

    A leader that has an adapter goes on with it; where all weights are trained, it is merged into them first. A new
    adapter is drawn with `seed`, or else the recipe's.

    Raises:
        UsageError: there is no such model, it cannot be loaded or trained, or packages are missing.
    """
    trl(vllm=uses_vllm(recipe))
    check_has_weights(recipe)
    base = models.resolve(recipe.leader.spec)
    if start is None and base.adapter is not None:
        start = base.adapter.folder
    with calm():
        chats = ChatTokens.of_model(base, recipe.leader)
        if not chats.tokenizer.chat_template:
            raise UsageError(f"{base.name} has no chat template, so it cannot be trained to lead; take a chat model.")
        model = _loaded(recipe, base, start, recipe.seed if seed is None else seed)
    _end_turns(model, chats.turn_end)
    if chats.tokenizer.pad_token is None:
        chats.tokenizer.pad_token = chats.tokenizer.eos_token
    return Policy(model, chats, base)


def check_has_weights(recipe: Recipe) -> None:
    """Check that the leader is no server's.

    Raises:
        UsageError: it is, and so cannot be trained.
    """
    if not recipe.leader.needs_weights:
        raise UsageError(f"the leader {recipe.leader.model} has no weights on this machine, so it cannot be trained.")


def _loaded(recipe: Recipe, base: ResolvedModel, start: Path | None, seed: int) -> Untyped:
    from peft import PeftModel

    if start is None or not is_adapter(start):
        model = _weights(recipe, base, base.folder if start is None else start)
        return model if recipe.adapter is None else _with_new_adapter(model, recipe, seed)
    model = _weights(recipe, base, base.folder)
    if recipe.adapter is None:
        return PeftModel.from_pretrained(model, str(start)).merge_and_unload().requires_grad_(True)
    return PeftModel.from_pretrained(model, str(start), is_trainable=True)


def uses_vllm(recipe: Recipe) -> bool:
    """Return whether vLLM writes the leader's completions in training."""
    if recipe.mlpo.generation != "auto":
        return recipe.mlpo.generation.startswith("vllm")
    import torch

    return torch.cuda.is_available() and find_spec("vllm") is not None


def precision(recipe: Recipe) -> Literal["bfloat16", "float32"]:
    """Return the type that a recipe's models are computed in on this machine."""
    if recipe.precision != "auto":
        return recipe.precision
    import torch

    return "bfloat16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "float32"


def _weights(recipe: Recipe, base: ResolvedModel, folder: Path) -> Untyped:
    """Load weights: those that stay as they are in the type that is computed in, those that change in float32."""
    import torch
    from transformers import AutoModelForCausalLM

    changing = recipe.adapter is None
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.float32 if changing else getattr(torch, precision(recipe)),
            use_safetensors=True,
            trust_remote_code=base.trust_remote_code,
        )
    except Exception as error:  # whatever transformers meets in files that others wrote
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UsageError(f"transformers cannot load {base.name}: {reason}") from error
    # Sampling is the recipe's; what a model's makers advise would be merged into it otherwise.
    ends, pad = model.generation_config.eos_token_id, model.generation_config.pad_token_id
    model.generation_config = type(model.generation_config)(eos_token_id=ends, pad_token_id=pad)
    model.config.use_cache = False
    return model


def _end_turns(model: Untyped, end: int | None) -> None:
    """Have whatever trains and writes end a turn by a token that the model's files do not name."""
    if end is not None:
        told = model.generation_config.eos_token_id
        named = told if isinstance(told, list) else [] if told is None else [told]
        model.generation_config.eos_token_id = list(dict.fromkeys([*named, end]))


def _with_new_adapter(model: Untyped, recipe: Recipe, seed: int) -> Untyped:
    import torch
    from peft import LoraConfig, get_peft_model

    assert recipe.adapter is not None
    chosen = recipe.adapter
    targets = chosen.targets if isinstance(chosen.targets, str) else list(chosen.targets)
    torch.manual_seed(seed)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=chosen.rank,
        lora_alpha=chosen.alpha,
        lora_dropout=chosen.dropout,
        target_modules=targets,
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        raise UsageError(f"adapter.targets do not fit {recipe.leader.model}: {str(error).splitlines()[0]}") from None
