"""How many weights quantised files hold: a number may pack several, and scales and zero points are none."""

from __future__ import annotations

import re
from math import prod
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Mapping

# Beside the weights, as GPTQ, AWQ, bitsandbytes, FP8, compressed-tensors, ModelOpt and MXFP4 name it.
_BESIDE = re.compile(
    r"(?:scales?(?:_inv|_2)?|qzeros|g_idx|zero_point|weight_shape|absmax|quant_map|quant_state\.\w+|SCB|weight_format)$"
)
_PACKING = re.compile(r"(?:qweight|_packed|_blocks|weight)$")
_BITS = {"I32": 32, "U8": 8}
"""The bits of the types that pack weights."""
_USUAL = 4


def weights(tensors: Mapping[str, Mapping[str, Any]], how: Mapping[str, Any]) -> int:
    """Return how many weights tensors hold.

    Args:
        tensors: what the header of their file says of each.
        how: the quantization_config of the model.
    """
    return sum(
        prod(tensor["shape"]) * _BITS[tensor["dtype"]] // _bits(how) if _packs(name, tensor) else prod(tensor["shape"])
        for name, tensor in tensors.items()
        if not _BESIDE.search(name)
    )


def _packs(name: str, tensor: Mapping[str, Any]) -> bool:
    return tensor.get("dtype") in _BITS and _PACKING.search(name) is not None


def _bits(how: Mapping[str, Any]) -> int:
    """Return the bits of a weight, as the makers of a quantised model say it in their several ways."""
    groups = how.get("config_groups")
    group: Any = next(iter(groups.values()), {}) if isinstance(groups, dict) else {}
    of_group = (group.get("weights") or {}).get("num_bits") if isinstance(group, dict) else None
    told = how.get("bits") or how.get("w_bit") or of_group or (8 if how.get("load_in_8bit") else None)
    return told if isinstance(told, int) and told in {1, 2, 3, 4, 8} else _USUAL
