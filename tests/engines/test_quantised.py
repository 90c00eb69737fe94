"""A quantised model has as many weights as before it was quantised."""

from __future__ import annotations

from typing import Any

import pytest

from mlpo_bench.engines import quantised


WEIGHTS = 64 * 32
BESIDE = {"model.norm.weight": {"dtype": "BF16", "shape": [32]}}


@pytest.mark.parametrize(
    ("how", "tensors"),
    [
        (
            {"quant_method": "gptq", "bits": 4},
            {"q.qweight": ("I32", [8, 32]), "q.qzeros": ("I32", [1, 4]), "q.scales": ("F16", [1, 32]),
             "q.g_idx": ("I32", [64])},
        ),
        ({"quant_method": "gptq", "bits": 8}, {"q.qweight": ("I32", [16, 32])}),
        ({"quant_method": "awq", "w_bit": 4}, {"q.qweight": ("I32", [64, 4]), "q.scales": ("F16", [1, 32])}),
        (
            {"quant_method": "bitsandbytes", "load_in_4bit": True},
            {"q.weight": ("U8", [1024, 1]), "q.weight.absmax": ("F32", [32]), "q.weight.quant_map": ("F32", [16]),
             "q.weight.quant_state.bitsandbytes__nf4": ("U8", [80])},
        ),
        (
            {"quant_method": "bitsandbytes", "load_in_8bit": True},
            {"q.weight": ("I8", [64, 32]), "q.SCB": ("F32", [64]), "q.weight_format": ("U8", [])},
        ),
        ({"quant_method": "fp8"}, {"q.weight": ("F8_E4M3", [64, 32]), "q.weight_scale_inv": ("F32", [1, 1])}),
        (
            {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": {"num_bits": 4}}}},
            {"q.weight_packed": ("I32", [64, 4]), "q.weight_scale": ("BF16", [64, 1]), "q.weight_shape": ("I64", [2])},
        ),
        (
            {"quant_method": "mxfp4"},
            {"experts.up_proj_blocks": ("U8", [64, 1, 16]), "experts.up_proj_scales": ("U8", [64, 1])},
        ),
        (
            {"quant_method": "modelopt", "quant_algo": "NVFP4"},
            {"q.weight": ("U8", [64, 16]), "q.weight_scale": ("F8_E4M3", [64, 2]), "q.weight_scale_2": ("F32", []),
             "q.input_scale": ("F32", [])},
        ),
    ],
    ids=lambda each: each.get("quant_method", ""),
)  # fmt: skip
def test_weights_are_counted_whatever_packs_them(
    how: dict[str, Any], tensors: dict[str, tuple[str, list[int]]]
) -> None:
    held = {name: {"dtype": dtype, "shape": shape} for name, (dtype, shape) in tensors.items()}
    assert quantised.weights(held | BESIDE, how) == WEIGHTS + 32
