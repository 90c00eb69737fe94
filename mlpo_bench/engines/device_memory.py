"""Dividing a device's memory between the models that are served from it at once.

Each model needs its weights, something to compute in, and a cache of what it has read. Weights and the room to compute
are given first; what is left goes to the caches, as large as each model's requests are expected to fill them. Where not
even one request of full length would fit beside all weights, the models cannot be held together.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from mlpo_bench.engines import headers


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.engines.spec import ModelSpec

GIB = 2**30
USED = 0.9
"""How much of a device is divided; the rest is the driver's and other programs'."""
COMPUTE = 2 * GIB
"""What a process takes beside weights and cache: its activations and what its libraries hold."""
EXPECTED_SEQUENCES = 32
EXPECTED_LENGTH = 4_096
DECIDES_CACHE = ("num_hidden_layers", "num_attention_heads", "num_key_value_heads", "hidden_size", "head_dim")
"""What decides how much a model's cache takes, as config.json and transformers name it."""
_WIDTHS = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0}


@dataclass(frozen=True, slots=True)
class Need:
    """What a model needs of each device that holds a part of it, in bytes.

    Attributes:
        weights: its weights.
        expected: the cache that its requests are expected to fill.
        least: the cache of one request of full length.
        asked: its part of the device as a team file says it, 0 to 1.
    """

    weights: float
    expected: float
    least: float
    asked: float | None = None


def need(model: ResolvedModel, spec: ModelSpec, context: int) -> Need:
    """Return what a model needs of each of its devices; `context` is the longest of its requests, in tokens."""
    options = spec.engine_options
    parts = options.tensor_parallel * options.pipeline_parallel
    width = _width(options.kv_cache_dtype or "auto", model.computed_in(spec.dtype))
    token = cache_of_a_token(model.config, width) / parts
    sequences = options.max_num_seqs or EXPECTED_SEQUENCES
    return Need(
        weights=_weights(model, spec) / parts,
        expected=token * min(context, EXPECTED_LENGTH) * min(sequences, EXPECTED_SEQUENCES),
        least=token * context,
        asked=options.memory,
    )


def cache_of_a_token(config: Mapping[str, Any], width: float) -> float:
    """Return the bytes that a model's cache takes for each token.

    Args:
        config: what its config.json says.
        width: bytes of each number of keys and values.
    """
    text = config.get("text_config") or config
    heads = int(text.get("num_attention_heads") or text.get("n_head") or 1)
    hidden = int(text.get("hidden_size") or text.get("n_embd") or 0)
    layers = int(text.get("num_hidden_layers") or text.get("n_layer") or 0)
    size = int(text.get("head_dim") or hidden // heads)
    return 2.0 * layers * int(text.get("num_key_value_heads") or heads) * size * width


def _weights(model: ResolvedModel, spec: ModelSpec) -> float:
    """Return the bytes of a model's weights as they will be held."""
    files = model.weight_files
    if "quantization_config" in model.config:
        return float(sum(file.stat().st_size for file in files))
    numbers = sum(prod(shape) for file in files for shape in headers.shapes(file).values())
    return numbers * _width(spec.engine_options.quantization or "auto", model.computed_in(spec.dtype))


def _width(kind: str, dtype: str) -> float:
    """Return the bytes of a number that is held in a kind whose name tells its bits, or else in the model's type."""
    if kind in _WIDTHS or kind == "auto":
        return _WIDTHS.get(dtype if kind == "auto" else kind, 2.0)
    return 0.5 if any(word in kind for word in ("4", "awq", "gptq")) and "fp8_e4" not in kind else 1.0


def divided(needs: Sequence[Need], memory: float) -> list[float] | None:
    """Return each model's part of a device, 0 to 1, or None where they do not fit together.

    Args:
        needs: what the models need.
        memory: what the device holds, in bytes.
    """
    free = [one for one in needs if one.asked is None]
    rest = USED * memory - sum(one.asked * memory for one in needs if one.asked is not None)
    room = rest - sum(one.weights + COMPUTE for one in free)
    if free and room < sum(one.least for one in free):
        return None
    if sum(one.asked or 0 for one in needs) > 1:
        return None
    expected = sum(one.expected for one in free) or 1.0
    return [
        one.asked if one.asked is not None else (one.weights + COMPUTE + room * one.expected / expected) / memory
        for one in needs
    ]
