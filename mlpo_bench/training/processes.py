"""The processes that train together, as `accelerate launch` or `torchrun` tells each of them.

All of them run the same command. The first alone decides what is done, speaks, and writes what the stages leave; the
others are told.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

from mlpo_bench.engines.threads import import_torch


if TYPE_CHECKING:
    from typing import TypeVar

    Value = TypeVar("Value")


PATIENCE = timedelta(days=1)
"""How long processes wait for the first, which may hold conversations meanwhile."""


def count() -> int:
    """Return how many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def first() -> bool:
    """Return whether this process is the one that writes files and speaks."""
    return int(os.environ.get("RANK", "0")) == 0


def sharded() -> bool:
    """Return whether each process holds a part of the weights only (FSDP, DeepSpeed)."""
    return any(os.environ.get(f"ACCELERATE_USE_{kind}", "").lower() == "true" for kind in ("FSDP", "DEEPSPEED"))


def agreed(value: Value) -> Value:
    """Return the first process's value in all of them; each calls this as often as the others."""
    if count() == 1:
        return value
    import_torch()
    import torch
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    PartialState(cpu=not torch.cuda.is_available(), timeout=PATIENCE)
    told = [value]
    broadcast_object_list(told)
    return told[0]
