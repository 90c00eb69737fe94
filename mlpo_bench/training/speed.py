"""How fast this machine trains, in operations a second: what the time of a training is reckoned with.

Every training stage adds what it came to in one small file in the user's cache folder. Before the first one, a machine
without an accelerator is taken to reach a third of what a matrix product reaches; of another nothing is known.
"""

from __future__ import annotations

import contextlib
import time
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import orjson
from platformdirs import user_cache_path

from mlpo_bench.engines import processor
from mlpo_bench.log.files import write_json


if TYPE_CHECKING:
    from pathlib import Path

    from mlpo_bench.training.recipe import Stage

LEAST_SECONDS, LEAST_OPERATIONS = 5.0, 1e12
"""A stage that took less, or a model so small that it came to less, says more of what lies around its work."""
_SHARE_OF_A_PRODUCT = 1 / 3
_SIDE, _TIMES = 1_024, 3


def known(stage: Stage) -> float | None:
    """Return the operations a second of a training stage, or None where nothing tells."""
    return _measured().get(stage) or (None if processor.accelerated() else _product() * _SHARE_OF_A_PRODUCT)


def basis() -> str:
    """Return in words what `known` rests on."""
    if measured := _measured():
        return f"as fast as the last time ({', '.join(measured)})"
    if processor.accelerated():
        return "speed not known before the first time"
    return "on this machine, at a third of the speed of a matrix product"


def note(stage: Stage, operations: float, seconds: float) -> None:
    """Remember what a training stage came to."""
    if seconds < LEAST_SECONDS or operations < LEAST_OPERATIONS:
        return
    with contextlib.suppress(OSError):  # a cache that cannot be written costs an estimate, not a training
        _path().parent.mkdir(parents=True, exist_ok=True)
        write_json(_path(), _measured() | {stage: operations / seconds})


def _measured() -> dict[str, float]:
    try:
        speeds: dict[str, float] = orjson.loads(_path().read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return speeds


@cache
def _product() -> float:
    """Return the operations a second of a product of matrices, in float32."""
    side = np.ones((_SIDE, _SIDE), dtype=np.float32)
    best = min(_timed(side) for _ in range(_TIMES))
    return 2 * _SIDE**3 / best


def _timed(side: np.ndarray) -> float:
    started = time.perf_counter()
    side @ side
    return time.perf_counter() - started


def _path() -> Path:
    return user_cache_path("mlpo-bench") / "training-speed.json"
