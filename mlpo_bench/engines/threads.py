"""How torch's threads wait, and how many there are."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator

_POLICY = "OMP_WAIT_POLICY"


def import_torch() -> None:
    """Import torch so that its threads wait without spinning; processes started later are left to their own ways.

    Threads that spin while they wait made torch 2.3 times slower beside one other busy process on 2 cores.
    """
    before = os.environ.get(_POLICY)
    os.environ.setdefault(_POLICY, "PASSIVE")
    import torch  # noqa: F401

    if before is None:
        del os.environ[_POLICY]


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread while inside: a process that is forked after it used several may hang."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
