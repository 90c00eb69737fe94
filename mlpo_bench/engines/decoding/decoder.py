"""The loop that decodes: rows join a batch, write a token each step, and leave it as they end."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from mlpo_bench.engines.decoding import cache as caches
from mlpo_bench.engines.decoding.rules import Rules
from mlpo_bench.engines.sampling import drawn


if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from transformers.cache_utils import Cache

    from mlpo_bench.engines.decoding.rows import Row
    from mlpo_bench.engines.generation import Generation

# A token may hold only a part of a character, so a stop string can span this many tokens per character.
_TOKENS_PER_CHARACTER = 4
# Others are let in no later than after so many steps.
STEPS_AT_ONCE = 16
IDLE = {"cpu": 0.0}
IDLE_ELSEWHERE = 0.125
"""How much of a batch may be rows that have ended before they are taken out, by the kind of device.

A CPU spends as long on an idle row as on another. A GPU hardly notices it, but would copy the whole cache.
"""
NO_NUMBER = "what the model gave for the next token is no number (NaN or infinite); try another dtype."


@dataclass(slots=True)
class _Batch:
    """Rows, what the model keeps of them, and which of its columns each row reads, of shape (rows, columns).

    A row that has ended is None, until its place is taken out of the batch.
    """

    rows: list[Row | None]
    cache: Cache
    read: torch.Tensor

    @property
    def under_way(self) -> list[int]:
        """The places of the rows that have not ended."""
        return [place for place, row in enumerate(self.rows) if row is not None]

    def take_out_ended(self) -> None:
        """Keep nothing of the rows that have ended."""
        kept = self.under_way
        if len(kept) == len(self.rows):
            return
        chosen = torch.tensor(kept, device=self.read.device)
        self.rows = [self.rows[place] for place in kept]
        self.cache.reorder_cache(chosen)
        self.read = self.read[chosen]
        if kept and caches.takes_rows(self.cache):
            unread = int(self.read.any(dim=0).int().argmax())
            self.read = self.read[:, unread:]
            for layer in self.cache.layers:
                layer.forget(unread)


def _joined(batches: Sequence[_Batch]) -> _Batch:
    if len(batches) == 1:
        return batches[0]
    width = max(batch.read.shape[1] for batch in batches)
    read = [torch.nn.functional.pad(batch.read, (width - batch.read.shape[1], 0)) for batch in batches]
    rows = [row for batch in batches for row in batch.rows]
    return _Batch(rows, caches.joined([batch.cache for batch in batches]), torch.cat(read))


class Decoder:
    """Decodes rows with one model. What a row writes does not depend on the others, beyond the last bits of logits.

    Args:
        model: a transformers causal language model.
        tokenizer: its tokenizer.
        ends: the tokens that end an answer.
        drawing: how tokens are drawn, beside what each row's sampling says.
        idle: how much of a batch may be rows that have ended, from 0 to 1; by default as suits the device.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - transformers has no types
        tokenizer: Any,  # noqa: ANN401 - as above
        ends: Sequence[int],
        drawing: Generation,
        *,
        idle: float | None = None,
    ) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._idle = IDLE.get(model.device.type, IDLE_ELSEWHERE) if idle is None else idle
        self._ends, self._min_p = frozenset(ends), drawing.min_p
        self._rules = Rules(drawing, ends)
        self._takes = frozenset(inspect.signature(model.forward).parameters)
        self._batch: _Batch | None = None
        self.joins = caches.takes_rows(caches.empty_cache(model.config))

    @property
    def rows(self) -> list[Row]:
        """The rows that are under way."""
        return [row for row in self._batch.rows if row is not None] if self._batch else []

    def release(self) -> list[Row]:
        """Let go of all rows; each can begin again where it is."""
        rows, self._batch = self.rows, None
        return rows

    def drop(self, unwanted: Collection[Row]) -> None:
        """Let go of rows that nobody waits for."""
        self._end([place for place, row in self._placed() if row in unwanted])

    def advance(self, groups: Sequence[Sequence[Row]]) -> list[Row]:
        """Let groups of rows in, then decode until enough rows have ended, or for a while; return the rows that have.

        Those among them with a `fault` cannot go on.
        """
        with torch.inference_mode():
            self._let_in([self._read(group) for group in groups])
            ended = self._leave()
            for _ in range(STEPS_AT_ONCE):
                if self._batch is None or len(ended) > self._idle * len(self._batch.rows):
                    break
                self._step()
                ended += self._leave()
        return ended

    def _let_in(self, fresh: Sequence[_Batch]) -> None:
        if not fresh:
            return
        if self._batch is not None:
            self._batch.take_out_ended()
        self._batch = _joined([self._batch, *fresh] if self._batch else fresh)

    def _read(self, rows: Sequence[Row]) -> _Batch:
        """Read what rows have seen, equal ones once, and write the next token of each."""
        texts = list(dict.fromkeys(tuple(row.seen) for row in rows))
        place = {text: i for i, text in enumerate(texts)}
        width = max(map(len, texts))
        device = self._model.device
        ids = torch.tensor([[0] * (width - len(text)) + list(text) for text in texts], device=device)
        read = torch.tensor([[False] * (width - len(text)) + [True] * len(text) for text in texts], device=device)
        cache = caches.empty_cache(self._model.config)
        logits = self._logits(ids, read, cache)
        of_row = torch.tensor([place[tuple(row.seen)] for row in rows], device=device)
        if len(texts) < len(rows):
            cache.reorder_cache(of_row)
        self._write(rows, logits[of_row])
        return _Batch(list(rows), cache, read[of_row])

    def _step(self) -> None:
        """Read each row's last token, and write its next."""
        assert self._batch is not None
        batch = self._batch
        ids = torch.tensor([[row.written[-1] if row else 0] for row in batch.rows], device=self._model.device)
        batch.read = torch.nn.functional.pad(batch.read, (0, 1), value=True)
        logits = self._logits(ids, batch.read, batch.cache)
        under_way = batch.under_way
        if len(under_way) < len(batch.rows):
            logits = logits[torch.tensor(under_way, device=logits.device)]
        self._write(self.rows, logits)

    def _logits(self, ids: torch.Tensor, read: torch.Tensor, cache: Cache) -> torch.Tensor:
        """Return the logits behind the last of some columns, of shape (rows, vocabulary), in float32."""
        places = read.long().cumsum(dim=1).sub(1).clamp(min=0)
        told = {
            "attention_mask": read.long(),
            "position_ids": places[:, -ids.shape[1] :],
            "past_key_values": cache,
            "cache_params": cache,
            "use_cache": True,
            "logits_to_keep": 1,
        }
        # A model that is a state alone has taken the mask into it, and would spread one token over all its columns.
        if "cache_params" in self._takes and ids.shape[1] < read.shape[1]:
            del told["attention_mask"]
        out = self._model(input_ids=ids, **{name: value for name, value in told.items() if name in self._takes})
        logits: torch.Tensor = out.logits[:, -1].float()
        return logits

    def _write(self, rows: Sequence[Row], logits: torch.Tensor) -> None:
        if self._rules:
            ruled = [self._rules.applied(logits[i : i + 1], row.seen, len(row.ids)) for i, row in enumerate(rows)]
            logits = torch.cat(ruled)
        # The largest is no number where any is none: a greedy row would write the first token for ever.
        sound = logits.amax(dim=-1).isfinite()
        if not sound.all():
            logits = logits.where(sound[:, None], 0.0)
        tokens = drawn(logits, [row.sampling for row in rows], [row.point for row in rows], self._min_p)
        for row, token, is_sound in zip(rows, tokens.tolist(), sound.tolist(), strict=True):
            if is_sound:
                row.write(token)
            else:
                row.fault = NO_NUMBER

    def _leave(self) -> list[Row]:
        """End the rows that have written all they do, and return them."""
        ended = [(place, row) for place, row in self._placed() if self._ended(row)]
        self._end([place for place, _ in ended])
        return [row for _, row in ended]

    def _placed(self) -> list[tuple[int, Row]]:
        """Return the rows that are under way, each behind its place."""
        return [(place, row) for place, row in enumerate(self._batch.rows) if row is not None] if self._batch else []

    def _end(self, places: Sequence[int]) -> None:
        """Let go of the rows at some places, and take these out where they have become too many."""
        if self._batch is None or not places:
            return
        for place in places:
            self._batch.rows[place] = None
        left = len(self._batch.under_way)
        if not left:
            self._batch = None
        elif len(self._batch.rows) - left > self._idle * len(self._batch.rows):
            self._batch.take_out_ended()

    def _ended(self, row: Row) -> bool:
        if row.fault is not None:
            return True
        written = row.written
        return written[-1] in self._ends or len(written) >= row.sampling.max_tokens or self._stopped(row)

    def _stopped(self, row: Row) -> bool:
        stops = row.sampling.stop
        if not stops:
            return False
        # This is asked after every token, so that only the tail can hold a new stop string.
        reach = max(map(len, stops)) * _TOKENS_PER_CHARACTER + 4
        tail = self._tokenizer.decode(row.written[-reach:], skip_special_tokens=True)
        return any(stop in tail for stop in stops)
