"""Products of 16-bit numbers computed in 32 bits, on processors that have instructions for those alone.

Torch multiplies such numbers one by one there. Weights held a second time in float32 give the same products, rounded
once at the end, as processors with instructions for bfloat16 do it: for weights as large as SmolLM2's and 32 rows in a
quarter of the time, with one number in 8,000 another in its last bit (an AMD EPYC with AVX2, torch 2.13). What is
answered counts as an answer in the weights' own type.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.nn import Linear, Module
from torch.nn.functional import linear


if TYPE_CHECKING:
    from collections.abc import Sequence

_HALVES = (torch.bfloat16, torch.float16)
_MEMORY_SHARE = 1 / 4
"""How much of the memory that is free the second weights may take; a larger model stays as it is."""
_FEW_ROWS = 3
"""With fewer rows torch's own way is faster: it reads half as many bytes of weights."""


def widen(model: Module) -> int:
    """Let the linear layers of a model multiply in float32, where they hold 16-bit numbers and the copies fit.

    Args:
        model: of transformers, or as vLLM holds it on a CPU.

    Returns:
        How many layers do so now.
    """
    layers = _layers(model)
    weights = {layer.weight.data_ptr(): layer.weight.detach() for layer in layers}  # layers may share theirs
    if 4 * sum(weight.numel() for weight in weights.values()) > _MEMORY_SHARE * _free_memory():
        return 0
    copies = {place: weight.float() for place, weight in weights.items()}
    for layer in layers:
        wide = copies[layer.weight.data_ptr()]
        if hasattr(layer, "cpu_linear"):
            layer.cpu_linear = partial(_product, wide)
        else:
            layer.forward = partial(_forward, layer, wide)
    return len(layers)


def _layers(model: Module) -> Sequence[Module]:
    """Return the layers that multiply by a matrix of 16-bit numbers on the processor.

    vLLM's have the function that does it. Of transformers' only the class itself is one: those derived from it hold
    their weights in forms of their own.
    """
    found = [layer for layer in model.modules() if hasattr(layer, "cpu_linear") or type(layer) is Linear]
    return [layer for layer in found if _is_here(layer.weight) and layer.weight.dtype in _HALVES]


def _is_here(weight: torch.Tensor) -> bool:
    is_matrix = weight.dim() == 2  # noqa: PLR2004 - rows and columns
    return is_matrix and weight.numel() > 0 and bool(weight.device.type == "cpu")


def _forward(layer: Linear, wide: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return _product(wide, x, layer.weight, layer.bias)


def _product(
    wide: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """Return `x` (..., n) times `weight` (m, n), of shape (..., m) and of the type of `x`; `wide` is `weight` again."""
    if x.numel() < _FEW_ROWS * x.shape[-1]:
        return linear(x, weight, bias)
    return linear(x.float(), wide, None if bias is None else bias.float()).to(x.dtype)


def _free_memory() -> int:
    """Return the bytes that Linux would give: who does not tell its processor's instructions has no need of copies."""
    told = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    return 1024 * int(told["MemAvailable"].split()[0])
