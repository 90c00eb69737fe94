"""What makes two requests one: the key under which a completion is kept, and the seed that follows from it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import orjson


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.chat import Message, Sampling


KEY_BYTES = 32
"""How long the identity of a request is."""


def request_key(
    fingerprint: str, messages: Sequence[Message], sampling: Sampling, sample: int, seed: int, as_asked: bool = True
) -> bytes:
    """Return the identity of a request, `KEY_BYTES` long.

    A greedy request is the same for every sample index and seed, so both are left out of its identity, unless it is not
    drawn `as_asked`: whoever answers it may draw at a temperature of its own.
    """
    if sampling.greedy and as_asked:
        drawn = ["greedy", sampling.max_tokens, sampling.stop]
    else:
        s = sampling
        drawn = [s.temperature, s.top_p, s.top_k, s.max_tokens, s.stop, sample, seed]
    identity = [fingerprint, [[m.role, m.content] for m in messages], drawn]
    return hashlib.sha256(orjson.dumps(identity)).digest()


def derived_seed(key: bytes) -> int:
    """Return the seed of a request, 32 bits: it follows from the identity alone, never from order or time."""
    return int.from_bytes(key[:4], "big")
