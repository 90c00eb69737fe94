"""Random choices that can be repeated."""

from __future__ import annotations

import random


def shuffler(seed: int, *path: object) -> random.Random:
    """Return a random generator that depends on a seed and a path of names, never on order or time."""
    return random.Random("/".join(map(str, (seed, *path))))  # noqa: S311 - reproducible, not secret
