"""Whether a model that carries a state decodes rightly here: tried as it is loaded, as families differ in how they do.

Models that attend keep keys and values, which transformers holds alike for all. Those with a state (Mamba, RWKV,
RecurrentGemma, ...) have it in places of their own, or read a mask in a way of their own, and some then write nonsense
without a fault. So such a model writes a few tokens, and reads all of them again without anything kept: each must be
the likeliest there as well, or next to it.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import LinearAttentionCacheLayerMixin

from mlpo_bench.chat import Sampling
from mlpo_bench.engines.decoding.decoder import Decoder
from mlpo_bench.engines.decoding.rows import Row
from mlpo_bench.engines.generation import AS_THE_TASK_SAYS
from mlpo_bench.engines.out_of_memory import ran_out


if TYPE_CHECKING:
    from collections.abc import Sequence

LENGTHS = (3, 9, 5)
TOKENS = 8
NEAR = 0.5
"""How far below the likeliest a token may lie, in standard deviations of the logits; rounding makes hundredths."""


def needed(model: Any) -> bool:  # noqa: ANN401 - transformers has no types
    """Whether a model keeps anything but keys and values."""
    if getattr(model, "_is_stateful", False) or "past_key_values" not in inspect.signature(model.forward).parameters:
        return True
    return any(isinstance(layer, LinearAttentionCacheLayerMixin) for layer in DynamicCache(config=model.config).layers)


def passed(model: Any, tokenizer: Any, *, together: bool) -> bool:  # noqa: ANN401 - as above
    """Whether a model writes, several rows together or each alone, what it would write without keeping anything.

    Raises:
        Exception: memory ran out.
    """
    vocabulary = model.get_input_embeddings().weight.shape[0]
    rows = [
        Row([(7 * n + 3 * length) % vocabulary for n in range(length)], Sampling(0, max_tokens=TOKENS), 0)
        for length in LENGTHS
    ]
    decoder = Decoder(model, tokenizer, [], AS_THE_TASK_SAYS)
    try:
        for group in [rows] if together else [[row] for row in rows]:
            decoder.advance([group])
            while decoder.rows:
                decoder.advance([])
        return all(row.fault is None and _is_near(model, row) for row in rows)
    except Exception as error:
        if ran_out(error):
            raise
        return False


def _is_near(model: Any, row: Row) -> bool:  # noqa: ANN401 - as above
    seen: Sequence[int] = row.seen[:-1]
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([seen], device=model.device), use_cache=False).logits[0].float()
    logits = logits[len(row.ids) - 1 :]
    written = logits.gather(1, torch.tensor(row.written, device=logits.device)[:, None])[:, 0]
    return bool(((logits.amax(dim=1) - written) / logits.std(dim=1) < NEAR).all())
