"""The processes that train together, as `accelerate launch` or `torchrun` tells each of them."""

from __future__ import annotations

import os


def count() -> int:
    """Return how many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def first() -> bool:
    """Return whether this process is the one that writes files and speaks."""
    return int(os.environ.get("RANK", "0")) == 0
