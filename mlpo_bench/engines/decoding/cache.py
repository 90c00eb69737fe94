"""The keys and values of a batch that rows join and leave.

What transformers keeps can lose rows, whatever kind of layers a model has. Where all of them attend to everything, as
most models' do, rows can join as well: the narrower side is padded on its left, which its mask passes over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer


if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

SPARE_COLUMNS = 64


def empty_cache(config: Any) -> Cache:  # noqa: ANN401 - transformers has no types
    """Return a cache for a model of this configuration; see `takes_rows`."""
    made = DynamicCache(config=config)
    if takes_rows(made):
        return Cache(layers=[RowsLayer() for _ in made.layers])
    return made


def takes_rows(cache: Cache) -> bool:
    """Whether rows can join: no layer slides or carries a state."""
    return all(type(layer) in {DynamicLayer, RowsLayer} for layer in cache.layers)


class RowsLayer(DynamicLayer):
    """One layer's keys and values, each of shape (rows, heads, columns, size)."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(**settings)
        self._room: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any) -> Any:  # noqa: ANN401 - as above
        """Put columns behind those that are there, and return all."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        before, width = self.get_seq_length(), self.get_seq_length() + key_states.shape[-2]
        if not before:
            self.keys, self.values = key_states, value_states
            return self.keys, self.values
        if self._room is None or self._room[0].shape[-2] < width:
            self._room = _roomy(self.keys, width), _roomy(self.values, width)
        for room, states in zip(self._room, (key_states, value_states), strict=True):
            room[:, :, before:width] = states
        self.keys, self.values = (room[:, :, :width] for room in self._room)
        return self.keys, self.values

    def reorder_cache(self, beam_idx: torch.Tensor) -> None:
        """Keep these rows, in this order, as often as they are named."""
        super().reorder_cache(beam_idx)
        self._room = None

    def forget(self, columns: int) -> None:
        """Drop the first columns, which no row reads."""
        self.keys, self.values = self.keys[:, :, columns:], self.values[:, :, columns:]
        self._room = None

    @classmethod
    def joined(cls, layers: Sequence[RowsLayer]) -> RowsLayer:
        """Return the rows of all layers, one behind the other, their last columns side by side."""
        made = cls()
        made.lazy_initialization(layers[0].keys, layers[0].values)
        made.keys, made.values = _stacked([one.keys for one in layers]), _stacked([one.values for one in layers])
        return made


def joined(caches: Sequence[Cache]) -> Cache:
    """Return one cache with the rows of all; each of them takes rows."""
    return Cache(layers=[RowsLayer.joined(of_each) for of_each in zip(*(c.layers for c in caches), strict=True)])


def _roomy(states: torch.Tensor, width: int) -> torch.Tensor:
    """Return a copy with spare columns behind: the steps to come write theirs there, and copy nothing else."""
    rows, heads, written, size = states.shape
    room = states.new_empty(rows, heads, width + SPARE_COLUMNS, size)
    room[:, :, :written] = states
    return room


def _stacked(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    width = max(part.shape[-2] for part in parts)
    first = parts[0]
    whole = first.new_zeros(sum(len(part) for part in parts), first.shape[1], width, first.shape[3])
    row = 0
    for part in parts:
        whole[row : row + len(part), :, width - part.shape[-2] :] = part
        row += len(part)
    return whole
