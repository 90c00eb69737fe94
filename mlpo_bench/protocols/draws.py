"""Which draw of a request is meant where several ask the same."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable


def numbered(requests: Iterable[Hashable]) -> list[int]:
    """Number the equal ones of requests that are made side by side from 0, so that each is a draw of its own."""
    earlier: Counter[Hashable] = Counter()
    samples = []
    for request in requests:
        samples.append(earlier[request])
        earlier[request] += 1
    return samples
