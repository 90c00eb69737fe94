"""Completions of many prompts, several of each, with every prompt read once and all rows written side by side.

What transformers' own `generate` does for a group costs a reading of the prompt for each of its completions, and copies
all keys and values at each token. Here a row that ends leaves the batch, and an adapter is folded into the weights
for the time of writing, which are put back exactly as they were. One that does more than add to them (DoRA, modules
that are trained whole) stays beside them.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from mlpo_bench.training.shared_prompt import IGNORED, Written


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlpo_bench.training.untyped import Untyped

CACHE_BYTES = 3 << 30
"""Most that keys and values of a batch may take on a CPU; on a GPU it is a share of what is free."""
_CACHE_SHARE = 0.4
# Rows that have ended are taken out of the batch when they are this share of it.
_ENDED = 0.125
# Tokens whose weights are added up first when one of them is drawn.
_RUN = 256
# A logit of -inf weighs nothing, and must not make the entropy NaN.
_LEAST = -1e4


@dataclass(frozen=True, slots=True)
class How:
    """How completions are written: `ends` are the tokens that end one."""

    temperature: float
    top_p: float
    max_tokens: int
    ends: tuple[int, ...]


@dataclass(slots=True)
class Writing:
    """What was written: tokens of each completion, with the one that ended it.

    `entropy` is the mean over their tokens, in nats; `tokens` counts those that went through the model.
    """

    completions: list[list[int]]
    entropy: float
    tokens: int


def write(model: Untyped, prompts: Sequence[Sequence[int]], how: How) -> Writing:
    """Write a completion for each prompt; equal prompts that follow one another are read once.

    `model` is a causal language model whose attention is `shared_prompt`'s, or a PEFT model around one. Draws come
    from torch's global generator.
    """
    counted = [(list(prompt), len(list(rows))) for prompt, rows in groupby(map(tuple, prompts))]
    completions: list[list[int]] = []
    entropies: list[float] = []
    with torch.no_grad(), _ready(model) as inner:
        for batch in _batches(inner, counted, how):
            completions += _write_batch(inner, batch, how, entropies)
    tokens = sum(map(len, completions))
    return Writing(completions, sum(entropies) / max(tokens, 1), tokens + sum(len(prompt) for prompt, _ in counted))


@contextlib.contextmanager
def _ready(model: Untyped) -> Iterator[Untyped]:
    """Yield the transformers model in evaluation mode, with an adapter folded in; all is as before afterwards."""
    training = model.training
    model.eval()
    try:
        with folded(model) as inner:
            yield inner
    finally:
        model.train(training)


@contextlib.contextmanager
def folded(model: Untyped) -> Iterator[Untyped]:
    """Yield a PEFT model's inner model with its active adapter added to the weights, and put these back, bit by bit.

    The weights are exchanged, not added to and subtracted from, which would wear them down by rounding. An adapter that
    does more than add to weights stays at work beside them.
    """
    if not hasattr(model, "peft_config"):
        yield model
        return
    if not _only_adds(model.peft_config[model.active_adapter]):
        yield model.get_base_model()
        return
    from peft.tuners.lora import LoraLayer

    kept: list[tuple[Any, torch.Tensor]] = []
    name = model.active_adapter
    try:
        for module in model.modules():
            if isinstance(module, LoraLayer) and name in module.lora_A:
                weight = module.get_base_layer().weight
                kept.append((weight, weight.data))
                weight.data = weight.data + module.get_delta_weight(name).to(weight.dtype)
        with model.disable_adapter():
            yield model.get_base_model()
    finally:
        for weight, data in kept:
            weight.data = data


def _only_adds(adapter: Untyped) -> bool:
    """Whether an adapter's change of the model is no more than a matrix that is added to each weight it changes."""
    beyond = ("use_dora", "lora_bias", "modules_to_save", "trainable_token_indices", "target_parameters")
    return not any(getattr(adapter, name, None) for name in beyond)


def _batches(
    model: Untyped,
    counted: Sequence[tuple[list[int], int]],
    how: How,
) -> Iterator[list[tuple[list[int], int]]]:
    """Divide prompts and their rows so that the keys and values of each batch fit; a prompt stays in one."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    each = 2 * config.num_hidden_layers * heads * width * model.dtype.itemsize
    room = CACHE_BYTES
    if model.device.type == "cuda":
        room = int(torch.cuda.mem_get_info(model.device)[0] * _CACHE_SHARE)
    batch: list[tuple[list[int], int]] = []
    longest = rows = 0
    for prompt, count in counted:
        longest, rows = max(longest, len(prompt)), rows + count
        # Prompts are padded to the longest.
        if batch and ((len(batch) + 1) * longest + rows * how.max_tokens) * each > room:
            yield batch
            batch, longest, rows = [], len(prompt), count
        batch.append((prompt, count))
    if batch:
        yield batch


def _write_batch(
    model: Untyped,
    batch: Sequence[tuple[list[int], int]],
    how: How,
    entropies: list[float],
) -> list[list[int]]:
    device = model.device
    ends = torch.tensor(how.ends, device=device)
    logits, written = _read(model, batch, how)
    completions: list[list[int]] = [[] for _ in range(len(logits))]
    rows = list(range(len(logits)))
    positions = torch.tensor([len(prompt) for prompt, count in batch for _ in range(count)], device=device)
    ended = torch.zeros(len(rows), dtype=torch.bool, device=device)
    for length in range(how.max_tokens):
        tokens, entropy = draw(logits, how)
        entropies.append(float(entropy[~ended].sum()))
        for row, token, over in zip(rows, tokens.tolist(), ended.tolist(), strict=True):
            if not over:
                completions[row].append(token)
        ended |= torch.isin(tokens, ends)
        if length + 1 == how.max_tokens or bool(ended.all()):
            break
        if int(ended.sum()) > _ENDED * len(rows):
            kept = (~ended).nonzero()[:, 0]
            written.keep(kept)
            rows = [rows[place] for place in kept.tolist()]
            tokens, positions, ended = tokens[kept], positions[kept], ended[kept]
        logits = _next(model, tokens, positions, written)
        written.length += 1
        positions = positions + 1
    return completions


def _read(model: Untyped, batch: Sequence[tuple[list[int], int]], how: How) -> tuple[torch.Tensor, Written]:
    """Read the prompts; return the logits behind each, a row for each completion, and what they left in memory."""
    logits, kept = [], []
    for prompt, count in batch:
        ids = torch.tensor([prompt], device=model.device)
        out = model(input_ids=ids, use_cache=True, logits_to_keep=1)
        logits.append(out.logits[0, -1:].expand(count, -1))
        kept.append([(layer.keys[0], layer.values[0]) for layer in out.past_key_values.layers])
    by_layer = [list(layer) for layer in zip(*kept, strict=True)]
    return torch.cat(logits), Written(by_layer, [count for _, count in batch], how.max_tokens)


def _next(model: Untyped, tokens: torch.Tensor, positions: torch.Tensor, written: Written) -> torch.Tensor:
    out = model(
        input_ids=tokens[:, None],
        position_ids=positions[:, None],
        attention_mask=IGNORED.to(tokens.device),
        use_cache=False,
        written=written,
    )
    logits: torch.Tensor = out.logits[:, -1]
    return logits


def draw(logits: torch.Tensor, how: How) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a token drawn for each row of logits, (rows,), and the entropy of what it was drawn from, in nats.

    Raises:
        FloatingPointError: logits are no numbers.
    """
    logits = logits.float() / how.temperature
    logits = logits - logits.amax(-1, keepdim=True)
    weights = logits.exp()
    total = weights.sum(-1)
    if not total.isfinite().all():
        raise FloatingPointError("The model's logits are no numbers: nothing can be drawn from them.")
    entropy = total.log() - torch.linalg.vecdot(weights, logits.clamp(min=_LEAST)) / total
    if how.top_p < 1:
        weights = _most_likely(weights, how.top_p)
    return _drawn(weights), entropy


def _drawn(weights: torch.Tensor) -> torch.Tensor:
    """Draw a place in each row by its weights: a run of places by the runs' sums, and then a place within that run.

    As `torch.multinomial` does, with one random number for a row in place of one for each of 50,000 tokens, which
    take longer to draw than all else here.
    """
    runs = functional.pad(weights, (0, -weights.shape[-1] % _RUN)).unflatten(-1, (-1, _RUN))
    run, left = _within(runs.sum(-1), torch.rand(len(weights), 1, dtype=torch.float64, device=weights.device))
    place, _ = _within(runs[torch.arange(len(runs), device=runs.device), run[:, 0]], left)
    return (run * _RUN + place)[:, 0]


def _within(weights: torch.Tensor, share: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the place where a share of each row's sum is reached, (rows, 1), and how far within it, from 0 to 1."""
    sums = weights.double().cumsum(-1)
    reached = share * sums[:, -1:]
    last = weights.shape[-1] - 1 - (weights.flip(-1) > 0).int().argmax(-1, keepdim=True)
    place = torch.searchsorted(sums, reached, right=True).minimum(last)  # rounding may go past all that has a weight
    weight = weights.gather(-1, place).double()
    return place, (1 - (sums.gather(-1, place) - reached) / weight).clamp(0, 1)


def _most_likely(chances: torch.Tensor, share: float) -> torch.Tensor:
    """Return the weights of the likeliest tokens that together reach a share of all, and 0 for the others."""
    ordered, places = chances.sort(dim=-1, descending=True)
    beyond = ordered.cumsum(-1) - ordered >= share * ordered.sum(-1, keepdim=True)
    return torch.zeros_like(chances).scatter(-1, places, ordered.masked_fill(beyond, 0.0))
