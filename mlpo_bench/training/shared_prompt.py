"""Attention over a prompt that several completions share, so that the model reads the prompt once for all of them.

In group-relative training all completions of a group follow one prompt, and a leader's prompt, which holds its peers'
attempts, is much longer than what it writes. Row by row the model reads that prompt once for each completion; here one
row holds it once::

    p0 p1 ... p(n-2) | p(n-1) a0 a1 ... | p(n-1) b0 b1 ... | p(n-1) c0 ...

Each completion's segment begins with the prompt's last token, at its own place, since the completion's first token is
predicted from there; a completion's last token predicts nothing and is left out. A token attends to the prompt and to
what is before it in its own segment: what it computes is what it would compute in a row of its own, and position ids
say where it would stand there. So logits, and gradients, are those of separate rows, up to rounding.

Writing shares as well: the prompt's keys and values are computed and kept once, and the rows of all its completions
attend to them beside their own.

This is an attention function in the sense of transformers' `AttentionInterface`; models whose attention sees
all that came before, with no window, cap or bias of its own, can use it (see `supports`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from mlpo_bench.training.untyped import Untyped

    Made = TypeVar("Made")

NAME = "mlpo_shared_prompt"
IGNORED = torch.ones(1, 1, 1, 1, dtype=torch.bool)
"""A mask in four dimensions, which models pass on as it is: this attention needs none."""
# What a configuration says of an attention that is not as plain as this one.
_UNLIKE = ("attn_logit_softcapping", "attention_chunk_size", "alibi")


@dataclass(frozen=True)
class Layout:
    """Where things are in a packed row: `prefix` tokens (the prompt but for its last), then the segments' lengths."""

    prefix: int
    lengths: tuple[int, ...]
    _made: dict[tuple[str, str], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def tokens(self) -> int:
        """Tokens in the row."""
        return self.prefix + sum(self.lengths)

    @property
    def longest(self) -> int:
        """Tokens of the longest segment."""
        return max(self.lengths)

    def places(self, device: torch.device | str = "cpu") -> tuple[torch.Tensor, torch.Tensor]:
        """Return the segment of each token behind the prefix, and its place within that."""
        return self._once("places", device, self._places)

    def mask(self, device: torch.device | str = "cpu") -> torch.Tensor:
        """Return what a segment's tokens see, (longest, prefix + longest): the prefix, and what is not behind them.

        Padding stands behind a segment's tokens, so none of them sees it.
        """
        return self._once("mask", device, self._mask)

    def _once(self, name: str, device: torch.device | str, make: Callable[[torch.device | str], Made]) -> Made:
        """Make something for a device the first time only: every layer asks for it."""
        if (name, str(device)) not in self._made:
            self._made[name, str(device)] = make(device)
        made: Made = self._made[name, str(device)]
        return made

    def _places(self, device: torch.device | str) -> tuple[torch.Tensor, torch.Tensor]:
        segments = torch.repeat_interleave(torch.arange(len(self.lengths)), torch.tensor(self.lengths))
        return segments.to(device), torch.cat([torch.arange(length) for length in self.lengths]).to(device)

    def _mask(self, device: torch.device | str) -> torch.Tensor:
        within = torch.ones(self.longest, self.longest, dtype=torch.bool, device=device).tril()
        return torch.cat([within.new_ones(self.longest, self.prefix), within], dim=1)


@dataclass(frozen=True)
class Packed:
    """A prompt and its completions in one row.

    `ids` and `positions` are (1, tokens); `targets` (tokens - prefix) are the completions' tokens one after the
    other, each predicted at the place of the same number behind the prefix.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    targets: torch.Tensor
    layout: Layout


def pack(prompt: Sequence[int], completions: Sequence[Sequence[int]], device: torch.device | str = "cpu") -> Packed:
    """Put a prompt and its completions, none of them empty, into one row."""
    prefix, last = list(prompt[:-1]), prompt[-1]
    layout = Layout(len(prefix), tuple(len(completion) for completion in completions))
    segments = [[last, *completion[:-1]] for completion in completions]
    ids = torch.tensor([prefix + [token for segment in segments for token in segment]], device=device)
    positions = torch.cat([torch.arange(len(prefix), device=device), layout.places(device)[1] + len(prefix)])[None]
    targets = torch.tensor([token for completion in completions for token in completion], device=device)
    return Packed(ids, positions, targets, layout)


class Written:
    """The keys and values of completions under way, row by row, behind those of the prompts that they share.

    `prompts` has for each layer the keys and values, (key heads, tokens, width), of every prompt; `counts` the rows
    that go on from each. Rows of one prompt stand together, in the prompts' order. `most` bounds what a row writes.
    Prompts are padded to the longest of them, so that one product attends to all.
    """

    def __init__(self, prompts: list[list[tuple[torch.Tensor, torch.Tensor]]], counts: list[int], most: int) -> None:
        device = prompts[0][0][0].device
        lengths = torch.tensor([keys.shape[1] for keys, _ in prompts[0]], device=device)
        self.length = 0
        self.prompts = [
            (_padded([keys for keys, _ in each]), _padded([values for _, values in each])) for each in prompts
        ]
        self.beyond = torch.arange(int(lengths.max()), device=device) >= lengths[:, None]
        """Whether a place in a prompt is padding, (prompts, longest)."""
        self.prompt = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts)).to(device)
        """The prompt of each row."""
        self._number(counts)
        self.rows = []
        for keys, values in self.prompts:
            shape = (sum(counts), keys.shape[1], most)
            self.rows.append((keys.new_empty(*shape, keys.shape[3]), values.new_empty(*shape, values.shape[3])))

    def _number(self, counts: list[int]) -> None:
        """Note which of its prompt's rows each row is, and the most rows of a prompt: every layer asks for it."""
        self._place = torch.cat([torch.arange(count) for count in counts]).to(self.prompt.device)
        self._most_rows = max(counts)

    def add(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put the newest token's key and value, (rows, heads, 1, width), behind the rows, and return all of them."""
        keys, values = self.rows[layer]
        keys[:, :, self.length : self.length + 1] = key
        values[:, :, self.length : self.length + 1] = value
        return keys[:, :, : self.length + 1], values[:, :, : self.length + 1]

    def keep(self, kept: torch.Tensor) -> None:
        """Go on with some of the rows only, given by their places in ascending order."""
        left, self.prompt, counts = self.prompt[kept].unique_consecutive(return_inverse=True, return_counts=True)
        self._number(counts.tolist())
        if len(left) < len(self.beyond):
            self.beyond = self.beyond[left]
            self.prompts = [(keys[left], values[left]) for keys, values in self.prompts]
        self.rows = [(keys[kept], values[kept]) for keys, values in self.rows]

    def by_prompt(self, of_rows: torch.Tensor) -> torch.Tensor:
        """Turn (rows, key heads, shared, n) into (prompts, key heads, places x shared, n), padded with zeros."""
        spread = of_rows.new_zeros(len(self.beyond), self._most_rows, *of_rows.shape[1:])
        spread[self.prompt, self._place] = of_rows
        return spread.transpose(1, 2).flatten(2, 3)

    def by_row(self, of_prompts: torch.Tensor, shared: int) -> torch.Tensor:
        """Turn (prompts, key heads, places x shared, n) into (rows, key heads, shared, n)."""
        return of_prompts.unflatten(2, (-1, shared))[self.prompt, :, self._place]


def _padded(tokens: Sequence[torch.Tensor]) -> torch.Tensor:
    """Put tensors of (heads, tokens, width) side by side, padded with zeros to the longest."""
    return pad_sequence([each.transpose(0, 1) for each in tokens], batch_first=True).transpose(1, 2).contiguous()


def supports(model: Untyped) -> bool:
    """Return whether a model's attention can be replaced by this one."""
    config = model.config.get_text_config()
    layers = getattr(config, "layer_types", None)
    windowless = set(layers) == {"full_attention"} if layers else not getattr(config, "sliding_window", None)
    plain = windowless and not any(getattr(config, name, None) for name in _UNLIKE)
    return plain and bool(model._supports_attention_backend and model._supports_sdpa)  # noqa: SLF001


def fit(model: Untyped) -> None:
    """Give a model this attention, and have its body return what is behind the prefix only."""
    model.set_attn_implementation(NAME)
    model.base_model.register_forward_hook(_behind_the_prefix, with_kwargs=True)


def _behind_the_prefix(_module: Untyped, _args: Untyped, kwargs: dict[str, Any], output: Untyped) -> Untyped:
    """Take a packed row's prefix off what a model's body returns, as nothing is predicted there (a forward hook)."""
    if (layout := kwargs.get("layout")) is not None:
        output.last_hidden_state = output.last_hidden_state[:, layout.prefix :]
    return output


def attention(
    module: Untyped,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    layout: Layout | None = None,
    written: Written | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **others: Untyped,
) -> tuple[torch.Tensor, None]:
    """Attend within a packed row where `layout` describes one, to `written` where rows go on, else as `sdpa` does.

    `query` is (1, heads, tokens, width), `key` and `value` (1, key heads, tokens, width); returns
    (1, tokens, heads, width).
    """
    if written is not None:
        return _to_written(query, *written.add(module.layer_idx, key, value), written, module.layer_idx, scaling), None
    if layout is None:
        out: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **others
        )
        return out
    if query.is_cuda:  # whose kernels take a mask or shared heads, not both
        key, value = (heads.repeat_interleave(query.shape[1] // heads.shape[1], dim=1) for heads in (key, value))
    settings = {"scale": scaling, "dropout_p": dropout, "enable_gqa": query.shape[1] != key.shape[1]}
    n = layout.prefix
    before = functional.scaled_dot_product_attention(
        query[:, :, :n], key[:, :, :n], value[:, :, :n], is_causal=True, **settings
    )
    behind = functional.scaled_dot_product_attention(
        _spread(query[0, :, n:], layout),
        _with_prefix(key[0], layout),
        _with_prefix(value[0], layout),
        attn_mask=layout.mask(query.device),
        **settings,
    )
    segments, places = layout.places(query.device)
    return torch.cat([before.transpose(1, 2), behind[segments, :, places][None]], dim=1), None


def _spread(tokens: torch.Tensor, layout: Layout) -> torch.Tensor:
    """Turn (heads, tokens behind the prefix, width) into (segments, heads, longest, width), padded with zeros."""
    heads, _, width = tokens.shape
    spread = tokens.new_zeros(len(layout.lengths), heads, layout.longest, width)
    segments, places = layout.places(tokens.device)
    spread[segments, :, places] = tokens.transpose(0, 1)
    return spread


def _with_prefix(tokens: torch.Tensor, layout: Layout) -> torch.Tensor:
    """Turn (heads, tokens, width) into (segments, heads, prefix + longest, width): each segment behind the prefix."""
    prefix = tokens[:, : layout.prefix].expand(len(layout.lengths), -1, -1, -1)
    return torch.cat([prefix, _spread(tokens[:, layout.prefix :], layout)], dim=2)


def _to_written(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    written: Written,
    layer: int,
    scaling: float | None,
) -> torch.Tensor:
    """Attend from one new token in each row to its prompt and to what the row has written; (rows, 1, heads, width)."""
    rows, heads, _, width = query.shape
    shared = heads // keys.shape[1]
    scale = width**-0.5 if scaling is None else scaling
    query = (query * scale).view(rows, keys.shape[1], shared, width)
    prompt_keys, prompt_values = written.prompts[layer]
    to_prompt = written.by_row(written.by_prompt(query) @ prompt_keys.transpose(-1, -2), shared)
    to_prompt = to_prompt.masked_fill(written.beyond[written.prompt, None, None], -torch.inf)
    scores = torch.cat([to_prompt, query @ keys.transpose(-1, -2)], dim=-1)
    weights = scores.softmax(-1, dtype=torch.float32).to(values.dtype)
    longest = prompt_keys.shape[2]
    from_prompt = written.by_row(written.by_prompt(weights[..., :longest]) @ prompt_values, shared)
    return (from_prompt + weights[..., longest:] @ values).flatten(1, 2)[:, None]


AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
