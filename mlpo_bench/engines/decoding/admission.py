"""Which requests are read next: the longest first, as many as memory holds, those of like length together."""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.engines.decoding.rows import Row

# A batch that rows join is filled up again when so much of it is free: joining copies what is there.
FREE_BEFORE_REFILL = 0.25


class Admission:
    """Lets requests that wait into a batch, within bounds.

    Args:
        rows: the most that are decoded together.
        tokens: the most tokens of these, counted as if each were as long as the longest may become.
        read_together: the most prompt tokens, padding included, that are read in one pass, where rows can join.
        joins: whether rows can join a batch that is under way.
    """

    def __init__(self, rows: int, tokens: int, read_together: int, *, joins: bool) -> None:
        self.rows, self.tokens, self._read_together, self._joins = rows, tokens, read_together, joins
        self._before: int | None = None
        self.waiting: list[Row] = []

    def halve(self, rows: int) -> None:
        """Decode no more than half of so many together: they did not fit the device's memory."""
        if self._before is None:
            self._before = self.rows
        self.rows = max(1, rows // 2)

    def restore(self) -> None:
        """Decode as many together as before they were halved: a single one did not fit, and it is gone."""
        if self._before is not None:
            self.rows, self._before = self._before, None

    def groups(self, under_way: Sequence[Row]) -> list[list[Row]]:
        """Take rows out of those that wait, in the groups in which their prompts are to be read."""
        free = self.rows - len(under_way)
        if not self.waiting or (under_way and (not self._joins or free < max(1, FREE_BEFORE_REFILL * self.rows))):
            return []
        # Equal prompts lie side by side, and are read once.
        self.waiting.sort(key=lambda row: (-len(row.seen), row.ids))
        admitted = self._admitted(under_way)
        self.waiting = self.waiting[len(admitted) :]
        return self._grouped(admitted) if self._joins else [admitted]

    def _admitted(self, under_way: Sequence[Row]) -> list[Row]:
        rows = list(under_way)
        longest = max((row.length for row in rows), default=0)
        for row in self.waiting:
            longest = max(longest, row.length)
            if len(rows) == self.rows or (rows and longest * (len(rows) + 1) > self.tokens):
                break
            rows.append(row)
        return rows[len(under_way) :]

    def _grouped(self, rows: Sequence[Row]) -> list[list[Row]]:
        groups: list[list[Row]] = []
        prompts = 0
        for row in rows:
            again = bool(groups) and row.seen == groups[-1][-1].seen
            if not groups or (not again and len(groups[-1][0].seen) * (prompts + 1) > self._read_together):
                groups.append([])
                prompts = 0
            groups[-1].append(row)
            prompts += not again
        return groups
