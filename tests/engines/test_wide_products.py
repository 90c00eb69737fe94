"""16-bit products computed in 32 bits: the same numbers, from the layers that hold such weights and from no others."""

from __future__ import annotations

import os

import pytest


pytest.importorskip("torch")

import torch
from torch import nn

from mlpo_bench.engines import wide_products


class Block(nn.Module):
    """What a model has: a layer with a bias, one without, one of 32 bits, and one that is derived from a layer."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.up = nn.Linear(16, 32, dtype=dtype)
        self.down = nn.Linear(32, 16, bias=False, dtype=dtype)
        self.adapter = nn.Linear(16, 4, dtype=torch.float32)
        self.derived = nn.modules.linear.NonDynamicallyQuantizableLinear(16, 16, dtype=dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.down(self.up(x))
        return made


class LayerOfVLLM(nn.Module):
    """A layer that has its own function to multiply with, as vLLM's on a CPU do."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.cpu_linear = nn.functional.linear

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.cpu_linear(x, self.weight, None)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("rows", [1, 2, 3, 40])
def test_products_are_rounded_once(dtype: torch.dtype, rows: int) -> None:
    torch.manual_seed(0)
    block, x = Block(dtype), torch.randn(2, rows, 16, dtype=dtype)
    exact = block.up.weight.double(), block.up.bias.double()
    assert wide_products.widen(block) == 2
    made = block.up(x)
    assert (made.dtype, made.shape) == (dtype, (2, rows, 32))
    torch.testing.assert_close(made, nn.functional.linear(x.double(), *exact).to(dtype), rtol=2**-7, atol=2**-9)
    assert block(x).dtype == dtype


def test_only_layers_of_16_bits_are_widened() -> None:
    block = Block(torch.bfloat16)
    wide_products.widen(block)
    assert [name for name, layer in block.named_children() if "forward" in vars(layer)] == ["up", "down"]
    assert wide_products.widen(Block(torch.float32)) == 0


def test_layers_of_vllm_keep_their_weights_and_multiply_widely() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(
        LayerOfVLLM(torch.randn(8, 16, dtype=torch.bfloat16)),
        LayerOfVLLM(torch.randn(2, 1, 4, dtype=torch.bfloat16)),  # of a convolution
        LayerOfVLLM(torch.empty(0, dtype=torch.bfloat16)),  # packed away
    )
    assert wide_products.widen(layers) == 1
    x = torch.randn(40, 16, dtype=torch.bfloat16)
    exact = (x.double() @ layers[0].weight.double().T).to(torch.bfloat16)
    torch.testing.assert_close(layers[0](x), exact, rtol=2**-7, atol=2**-9)
    assert layers[0].weight.dtype == torch.bfloat16


def test_a_model_whose_copies_do_not_fit_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wide_products, "_free_memory", lambda: 4 * 4 * (16 * 32 * 2) - 1)
    assert wide_products.widen(Block(torch.bfloat16)) == 0
    monkeypatch.setattr(wide_products, "_free_memory", lambda: 4 * 4 * (16 * 32 * 2))
    assert wide_products.widen(Block(torch.bfloat16)) == 2


def test_layers_that_share_their_weights_share_the_copy() -> None:
    model = nn.Sequential(nn.Linear(16, 16, dtype=torch.bfloat16), nn.Linear(16, 16, dtype=torch.bfloat16))
    model[1].weight = model[0].weight
    assert wide_products.widen(model) == 2
    first, second = (layer.forward.args[1] for layer in model)
    assert first is second


def test_what_is_free_is_part_of_the_machine_s_memory() -> None:
    assert 0 < wide_products._free_memory() < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
